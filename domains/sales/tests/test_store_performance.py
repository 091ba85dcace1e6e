"""The dbt model, built by dbt on a small DuckDB file that stands for the lakes."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

PROJECT = Path(__file__).parents[3] / "dbt_projects" / "sales"
PROFILE = """
sales:
  target: test
  outputs:
    test:
      type: duckdb
      path: {folder}/sales.duckdb
      schema: elsewhere
      threads: 1
      attach: [{{path: {folder}/hr.duckdb, alias: hr, read_only: true}}]
"""
INPUTS = {
    "sales": """
        CREATE SCHEMA products;
        CREATE TABLE products.stores AS FROM (VALUES
            (10, 'year_round', 2, 2), (20, 'single_month', 1, 1), (30, 'intermittent', 4, 3)
        ) AS t(store_id, trading_pattern, basket_count, household_count);
        CREATE TABLE products.transactions AS
            SELECT store_id, sales_value::DECIMAL(10, 2) AS sales_value,
                retail_disc::DECIMAL(10, 2) AS retail_disc, 0::DECIMAL(10, 2) AS coupon_match_disc
            FROM (VALUES (10, 7.5, 2.5), (10, 1.5, 0.5), (20, 3.0, 0.0), (30, 0.0, 0.0))
                AS t(store_id, sales_value, retail_disc);
    """,
    "hr": """
        CREATE SCHEMA products;
        CREATE TABLE products.store_staffing AS
            FROM (VALUES (1, 10), (2, 10), (3, 30)) AS t(employee_id, store_id);
    """,
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """The model's rows by store."""
    folder = tmp_path_factory.mktemp("dbt")
    (folder / "profiles.yml").write_text(PROFILE.format(folder=folder))
    for lake, statements in INPUTS.items():
        with duckdb.connect(str(folder / f"{lake}.duckdb")) as connection:
            connection.execute(statements)
    dbt = Path(sys.executable).with_name("dbt")
    run = subprocess.run(
        [dbt, "build", "--target-path", folder / "target", "--log-path", folder / "logs"],
        cwd=PROJECT,
        env=os.environ | {"DBT_PROFILES_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    with duckdb.connect(str(folder / "sales.duckdb")) as connection:
        # The schema that the model asks for, and not the profile's in front of it.
        cursor = connection.execute("FROM staging.store_performance")
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {row["store_id"]: row for row in rows}


def test_sales_and_staff_of_a_store(built: dict[int, dict[str, Any]]) -> None:
    store = built[10]
    assert store["sales_value"] == Decimal("9.00")
    assert store["discount_share"] == pytest.approx(0.25)
    assert store["average_basket_value"] == pytest.approx(4.5)
    assert (store["employee_count"], store["sales_per_employee"]) == (2, pytest.approx(4.5))


def test_a_store_without_staff_has_no_sales_per_employee(built: dict[int, dict[str, Any]]) -> None:
    assert (built[20]["employee_count"], built[20]["sales_per_employee"]) == (0, None)


def test_a_store_that_gave_everything_away_has_no_discount_share(built: dict[int, dict[str, Any]]) -> None:
    assert built[30]["discount_share"] is None
    assert built[30]["average_basket_value"] == 0


def test_every_store_is_there_once(built: dict[int, dict[str, Any]]) -> None:
    assert sorted(built) == [10, 20, 30]
