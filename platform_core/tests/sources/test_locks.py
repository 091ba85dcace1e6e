"""The columns of a source between its runs: locked, declared, and promised to be new."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import dagster as dg
import pytest
from servers import Postgres
from small_mesh import KEPT, TWO_DAYS, SmallMesh

from platform_core.authoring.outside import source_of
from platform_core.cli import main
from platform_core.sources.source import Source
from platform_core.workspace.records.products import newest

LOCK = "domains/shop/contracts/sources/till.orders.json"
TOTALS = """
    quality: [{metric: rowCount, mustBeGreaterThan: 0}]
    properties:
      - {name: day, logicalType: date, primaryKey: true, classification: public, description: The day.}
      - {name: orders, logicalType: integer, classification: public, description: The number of orders.}
"""


def test_check_writes_the_lock_and_without_it_asks_for_it(
    till: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    till.location("shop")
    monkeypatch.syspath_prepend(str(till.root / "domains/shop/src"))
    lock = till.root / LOCK
    before = lock.read_text()
    lock.unlink()
    assert main(["check", "--inside", "shop/takings"]) == 1
    assert "error[S026]" in capsys.readouterr().err
    assert main(["check", "--inside", "--lock", "shop/takings"]) == 0
    written = json.loads(lock.read_text())
    assert written["source"] == "postgres orders"
    assert written["columns"] == json.loads(before)["columns"]
    monkeypatch.delenv("MESH_SECRET_SHOP_DB")
    assert main(["check", "--inside", "shop/takings"]) == 0


@pytest.mark.parametrize("text", ["[]", "{", '{"columns": {}}', '{"columns": {"id": "NUMBERS"}}'])
def test_a_broken_lock_is_reported_at_its_file(
    till: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    till.location("shop")
    monkeypatch.syspath_prepend(str(till.root / "domains/shop/src"))
    till.write(LOCK, text)
    assert main(["check", "--inside", "shop/takings"]) == 1
    shown = capsys.readouterr().err
    assert "error[S026]" in shown
    assert LOCK in shown


def test_a_component_reads_a_source(
    till: SmallMesh, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, shop: Postgres
) -> None:
    monkeypatch.setenv("ANOTHER", shop.url)
    till.contract("shop/totals", TOTALS, promise=TWO_DAYS + KEPT)
    folder = "domains/shop/src/shop/defs/totals"
    till.write(
        f"{folder}/defs.yaml",
        "type: platform_core.components.DataProduct\nattributes:\n  sql: totals.sql\n  inputs:\n"
        "    orders: {source: till/orders, kind: postgres, table: orders, secret: {env: ANOTHER}}\n",
    )
    till.write(f"{folder}/totals.sql", "SELECT day, count(*) AS orders FROM orders GROUP BY day")
    till.location("shop")
    monkeypatch.syspath_prepend(str(till.root / "domains/shop/src"))
    assert main(["check", "--inside", "shop/totals"]) == 0
    assert till.run("shop", "shop/totals", instance).success
    assert till.read("SELECT count(*), sum(orders) FROM shop.products.totals") == [(60, 600)]


def test_the_newest_row_of_a_source_is_recorded(
    till: SmallMesh, instance: dg.DagsterInstance, shop: Postgres
) -> None:
    till.code(
        "shop",
        """
        from datetime import timedelta
        ORDERS = Source.postgres(
            "till/orders", table="orders", secret="SHOP_DB", time_column="day", latency=timedelta(hours=2)
        )

        @data_product(inputs={"orders": ORDERS})
        def takings(orders: Table):
            return f"SELECT id, amount FROM {orders}"
        """,
    )
    assert till.run("shop", "shop/takings", instance).success
    made = newest(instance, ["shop/takings"])["shop/takings"]
    facts = made.sources["till/orders"]
    assert facts["rows"] == 600
    assert facts["newest"] == "2024-03-01T00:00:00+00:00"  # the end of the last day
    assert timedelta(seconds=facts["latency"]) == timedelta(hours=2)


def test_a_source_is_described_without_its_server() -> None:
    source = Source.postgres("till/orders", table="public.orders", secret="SHOP_DB")
    assert source.origin == "postgres public.orders"
    assert Source("files/x", "https://user:pw@host/a/b.csv?token=t").origin == "/a/b.csv"


def test_two_tables_of_one_name_do_not_share_a_lock(
    till: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    till.location("shop")
    monkeypatch.syspath_prepend(str(till.root / "domains/shop/src"))
    till.write(LOCK, json.dumps({"source": "postgres other.orders", "columns": {"id": "BIGINT"}}))
    assert main(["check", "--inside", "--lock", "shop/takings"]) == 1
    shown = capsys.readouterr().err
    assert "error[S026]" in shown
    assert "postgres other.orders" in shown


def test_sources_in_different_places_have_different_names() -> None:
    words = [
        "postgres:SHOP_DB:public.orders", "postgres:SHOP_DB:Caps.Orders", "sqlite:a/app.sqlite:users",
        "sqlite:b/app.sqlite:users", "visits.csv.gz", "old/visits.csv.gz", "https://host/good/a.csv",
        "https://host/bad/a.csv", "s3://bucket/a.csv", "delta:lake/orders",
    ]  # fmt: skip
    sources = [source_of(each) for each in words]
    names = [source.name for source in sources if source is not None]
    assert len(set(names)) == len(words)
    assert names[0] == "shop_db/orders"
    assert all(re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)*", name) for name in names)
