"""The dbt model on made-up rows, rendered and run by DuckDB without dbt, which takes seconds to start."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest

MODEL = Path(__file__).parents[3] / "dbt_projects" / "marketing" / "models" / "campaign_attribution.sql"
INPUTS = """
    CREATE TABLE campaigns AS FROM (VALUES
        (1, 'B', DATE '2017-03-03', DATE '2017-04-09'),
        (2, 'C', DATE '2017-04-09', DATE '2017-05-08'),
        (8, 'A', DATE '2017-06-01', DATE '2017-06-30')
    ) AS t(campaign_id, campaign_type, starts_on, ends_on);
    CREATE TABLE campaign_targets AS FROM (VALUES (1, 5), (2, 5), (8, 5)) AS t(campaign_id, household_id);
    CREATE TABLE coupons AS FROM (VALUES
        (1, 11, 1000), (1, 12, 1000), (2, 21, 1000), (8, 81, 1000)
    ) AS t(campaign_id, coupon_upc, product_id);
    CREATE TABLE transactions (
        household_id BIGINT, store_id BIGINT, basket_id BIGINT, product_id BIGINT,
        sales_value DECIMAL(10, 2), coupon_disc DECIMAL(10, 2), transaction_timestamp TIMESTAMP
    );
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(INPUTS)
        yield connection


def attributed(connection: duckdb.DuckDBPyConnection, *lines: tuple[Any, ...]) -> list[dict[str, Any]]:
    """The model's rows for lines of household, basket, product, moment in UTC and coupon."""
    for household, basket, product, moment, coupon in lines:
        connection.execute(
            "INSERT INTO transactions VALUES (?, 10, ?, ?, 2.50, ?, ?)",
            [household, basket, product, coupon, moment],
        )
    query = jinja2.Template(MODEL.read_text()).render(source=lambda domain, product: product)
    cursor = connection.execute(f"FROM ({query}) ORDER BY campaign_id, basket_id")
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_a_line_of_a_target_on_a_day_of_the_campaign_with_its_product_is_attributed(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert attributed(connection, (5, 100, 1000, "2017-03-10 17:00", "0.00")) == [
        {
            "campaign_id": 1,
            "basket_id": 100,
            "product_id": 1000,
            "household_id": 5,
            "store_id": 10,
            "purchased_on": date(2017, 3, 10),
            "evidence": "offered",
            "claim_count": 1,
            "sales_value": Decimal("2.50"),
            "attributed_sales": Decimal("2.5000"),
        }
    ]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param((6, 100, 1000, "2017-03-10 17:00", "0.00"), id="household not targeted"),
        pytest.param((5, 100, 2000, "2017-03-10 17:00", "0.00"), id="product without coupon"),
        pytest.param((5, 100, 1000, "2017-03-03 04:59", "0.00"), id="last hour of the day before, locally"),
        pytest.param((5, 100, 1000, "2017-05-09 04:00", "0.00"), id="first hour of the day after, locally"),
    ],
)
def test_no_other_line_is(connection: duckdb.DuckDBPyConnection, line: tuple[Any, ...]) -> None:
    assert attributed(connection, line) == []


def test_two_campaigns_share_a_line_that_both_claim(connection: duckdb.DuckDBPyConnection) -> None:
    rows = attributed(connection, (5, 100, 1000, "2017-04-09 17:00", "0.00"))
    assert [(row["campaign_id"], row["claim_count"]) for row in rows] == [(1, 2), (2, 2)]
    assert [row["attributed_sales"] for row in rows] == [Decimal("1.2500")] * 2


def test_evidence_is_a_coupon_an_offer_or_a_pool(connection: duckdb.DuckDBPyConnection) -> None:
    rows = attributed(
        connection,
        (5, 100, 1000, "2017-03-10 17:00", "0.50"),
        (5, 101, 1000, "2017-03-11 17:00", "0.00"),
        (5, 102, 1000, "2017-06-11 17:00", "0.00"),
        (5, 103, 1000, "2017-06-12 17:00", "1.00"),
    )
    assert [row["evidence"] for row in rows] == ["redeemed", "offered", "possible", "redeemed"]
