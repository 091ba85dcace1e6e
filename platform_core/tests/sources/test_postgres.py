"""A product out of a Postgres table: what is read, what is refused, and what a fault leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
from servers import Postgres
from small_mesh import SmallMesh

from platform_core.sources.order import Range
from platform_core.sources.source import Source
from platform_core.sources.staging import order_of, stage

ORDERS = """\
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: public}
      - {name: amount, logicalType: number, physicalType: "DECIMAL(12,2)", classification: public}
"""
CODE = """
ORDERS = Source.postgres("till/orders", table="orders", secret="SHOP_DB"{more})

@data_product(inputs={{"orders": ORDERS}})
def takings(orders: Table):
    return f"SELECT id, amount FROM {{orders}}"
"""
COLUMNS = {"id": "BIGINT", "day": "DATE", "amount": "DECIMAL(12,2)", "note": "VARCHAR"}


def takings(mesh: SmallMesh, more: str = "") -> None:
    mesh.contract("shop/takings", ORDERS)
    mesh.code("shop", CODE.format(more=more))
    lock = mesh.root / "domains/shop/contracts/sources/till.orders.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps({"columns": COLUMNS}))


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert event.step_failure_data.user_failure_data is not None, event.step_failure_data.error
    return str(event.step_failure_data.user_failure_data.description)


def test_a_table_becomes_a_product(mesh: SmallMesh, instance: dg.DagsterInstance, shop: Postgres) -> None:
    takings(mesh)
    assert mesh.run("shop", "shop/takings", instance).success
    assert mesh.read("SELECT count(*), sum(amount) FROM shop.products.takings") == [(600, 225375)]


def test_only_used_columns_and_the_window_travel(tmp_path: Path, shop: Postgres) -> None:
    shop.run("ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf();")
    source = Source.postgres("till/orders", table="orders", secret="SHOP_DB")
    part = Range("day", "2024-01-05", "2024-01-06")
    staged = stage([order_of("orders", source, {"id": "BIGINT"}, part, tmp_path)], "mesh/test", None)
    assert staged["orders"].rows == 10
    log = (shop.folder / "log").read_text()
    [copy] = [line for line in log.splitlines() if "COPY" in line and "SELECT" in line][-1:]
    assert "2024-01-05" in copy
    assert "amount" not in copy
    shop.run("ALTER SYSTEM RESET ALL; SELECT pg_reload_conf();")
