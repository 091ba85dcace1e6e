import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from central_data_platform.costs import cost, mesh_costs, plotted
from platform_core import DataProduct, Place
from platform_core.mesh import Materialization
from platform_core.testing import evaluate

HERE = Place(Path("likes.odcs.yaml"))
LIKES = DataProduct("sales", "likes", HERE.path, HERE, "1.0.0", "active", (), (), owner="sales-analytics")
MONDAY, TUESDAY = (datetime(2026, 3, day, 6, tzinfo=UTC) for day in (2, 3))
MADE = [
    Materialization(
        "sales/likes", TUESDAY, "two", 9, rows=12, rows_written=2, seconds=1.5, bytes_read=1000, inputs={}
    ),
    Materialization("sales/likes", MONDAY, "one", 7, rows=10, rows_written=10, seconds=2.25),
]


def test_a_product_has_the_costs_of_all_its_runs() -> None:
    row = cost(LIKES, MADE, 4096)

    assert (row["materializations"], row["run_seconds"], row["unmeasured"]) == (2, 3.75, 1)
    assert (row["rows_kept"], row["rows_written"]) == (12, 12)
    assert (row["bytes_stored"], row["bytes_read"]) == (4096, 1000)
    assert (row["first_made_at"], row["last_made_at"]) == (MONDAY, TUESDAY)


def test_the_plot_adds_up_the_domains() -> None:
    # Of a lake that the platform may not read nobody knows the bytes.
    numbers = plotted([cost(LIKES, MADE, 4096), cost(LIKES, MADE[:1], 1), cost(LIKES, [], None)])

    assert numbers["costs/run_seconds"] == numbers["costs/run_seconds_sales"] == 5.25
    assert numbers["costs/bytes_stored_sales"] == 4097
    assert "| sales | 5.2 | 4,097 | 2,000 |" in numbers["costs/domains"].value


def test_without_runs_every_product_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contracts = tmp_path / "contracts" / "central_data_platform"
    contracts.mkdir(parents=True)
    shutil.copy(Path(__file__).parents[1] / "contracts" / "mesh_costs.odcs.yaml", contracts)
    monkeypatch.setenv("MESH_CONTRACTS", str(contracts.parent))
    monkeypatch.setenv("MESH_HOME", str(tmp_path / "home"))

    result = evaluate(mesh_costs)

    assert result.failed == []
    assert [(row["product"], row["materializations"], row["bytes_stored"]) for row in result.rows] == [
        ("mesh_costs", 0, None)
    ]
    first = result.rows[0]["as_of"]

    shutil.copy(Path(__file__).parents[1] / "contracts" / "data_product_catalog.odcs.yaml", contracts)
    result = evaluate(mesh_costs)

    assert sorted(row["product"] for row in result.rows) == ["data_product_catalog", "mesh_costs"]
    assert all(row["as_of"] > first for row in result.rows)
