"""A function sees the same inputs in a run, a test, a check and an introspection."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from small_mesh import SALES, SmallMesh

from platform_core.cli.author.dry_run import dry_run
from platform_core.diagnostics import PlatformError, SourceError, UsageError
from platform_core.products.column_use import Columns, of_function
from platform_core.products.declare import ProductFunction
from platform_core.registry.lookup import Registry
from platform_core.testing import evaluate

SHOP = """
@data_product
def sales():
    return "SELECT i AS id, (i * 2.5)::DOUBLE AS amount, 'Ada' AS who FROM range(1, 20) t(i)"
"""
SPY = """
from platform_core.diagnostics import DefinitionError

SEEN, NAMES_ALONE = [], False

def seen(table):
    if NAMES_ALONE:
        return {"name": str(table), "source": table.source, "columns": table.columns}
    try:
        described = table.relation().description
        read = [(column[0], str(column[1])) for column in described]
    except DefinitionError as error:
        read = [(fault.code, fault.place) for fault in error.diagnostics]
    return {"name": str(table), "source": table.source, "columns": table.columns, "read": read}

@data_product(inputs={
    "every": "shop/sales",
    "two": Input("shop/sales", columns=("amount", "id")),
    "file": Source("till/lines", path=PATH),
})
def copy(every: Table, two: Table, file: Table) -> str:
    SEEN.append([seen(every), seen(two), seen(file)])
    return f"SELECT {two}.id, {two}.amount, who FROM {every} JOIN {two} USING (id)"
"""


@pytest.fixture
def spy(mesh: SmallMesh, instance: dg.DagsterInstance) -> ProductFunction:
    """A function that records its arguments; its inputs are published."""
    mesh.contract("shop/sales", SALES)
    mesh.contract("other/copy", SALES)
    mesh.code("shop", SHOP)
    lines = mesh.root / "lines.csv"
    lines.write_text("sold,amount,till\n2024-01-02,2.5,a\n")
    mesh.code("other", SPY.replace("PATH", repr(str(lines))))
    assert mesh.run("shop", "shop/sales", instance).success
    mesh.definitions("other")
    function = sys.modules["other.products"].copy
    assert isinstance(function, ProductFunction)
    return function


def last_seen() -> list[dict[str, Any]]:
    found: list[list[dict[str, Any]]] = sys.modules["other.products"].SEEN
    return found.pop()


def test_every_way_to_call_a_function_shows_it_the_same(
    spy: ProductFunction, mesh: SmallMesh, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry.open(mesh.root)
    assert evaluate(spy, every=[{"id": 1}], two=[{"id": 1, "amount": 2}], file=[{"till": "b"}]).rows
    tested = last_seen()
    assert [table["columns"] for table in tested] == [
        ("id", "amount", "who"),
        ("amount", "id"),
        ("sold", "amount", "till"),
    ]
    assert [table["read"] for table in tested] == [
        [("D003", spy.place)],
        [("amount", "DOUBLE"), ("id", "BIGINT")],
        [("sold", "DATE"), ("amount", "DOUBLE"), ("till", "VARCHAR")],
    ]
    monkeypatch.syspath_prepend(mesh.root / "domains" / "other" / "src")
    dry_run("other/copy", registry, mesh.root)
    assert last_seen() == tested
    assert mesh.run("other", "other/copy", instance).success
    assert last_seen() == tested


def test_an_introspection_shows_names_and_columns_but_no_rows(
    spy: ProductFunction, mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales = Registry.open(mesh.root).get("shop/sales")
    inputs = {"every": sales, "two": sales}
    # It stops where the function asks for rows.
    assert of_function(spy, inputs, "other") == Columns()
    assert sys.modules["other.products"].SEEN == []
    monkeypatch.setattr(sys.modules["other.products"], "NAMES_ALONE", True)
    known = of_function(spy, inputs, "other")
    assert known.used == {"every": ("id", "who"), "two": ("amount", "id")}
    assert known.produced == ("id", "amount", "who")
    introspected = last_seen()
    assert evaluate(spy).rows == []
    assert introspected == last_seen()
    # What a product lacks of the declared columns is for a policy to say, of all of them at once.
    lacking = replace(sales, columns=sales.columns[:1])
    assert of_function(spy, {"every": sales, "two": lacking}, "other").used == known.used


FAULTS = {
    "a column that is not there": ("{two}.amount", "{two}.who", "D020"),
    "no SQL": ("SELECT {two}", "SELEC {two}", "D021"),
    "two statements": ("USING (id)", "USING (id); SELECT 1", "D005"),
    "a function that is not there": ("{two}.amount", "summ({two}.amount)", "D006"),
    "a column that the product lacks": ('("amount", "id")', '("amount", "ident")', "D012"),
    "a frame without columns": ("SEEN.append", "every.arrow() or SEEN.append", "D003"),
    "no rows at all": ("return f", "f", "D004"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_one_code_from_a_test_and_from_a_check(
    fault: str, spy: ProductFunction, mesh: SmallMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, code = FAULTS[fault]
    file = mesh.root / "domains" / "other" / "src" / "other" / "products.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    del sys.modules["other.products"]
    monkeypatch.syspath_prepend(mesh.root / "domains" / "other" / "src")
    with pytest.raises(PlatformError) as checked:
        dry_run("other/copy", Registry.open(mesh.root), mesh.root)
    with pytest.raises(PlatformError) as tested:
        evaluate(sys.modules["other.products"].copy)
    [one], [other] = checked.value.diagnostics, tested.value.diagnostics
    assert one.code == code
    assert (one.code, one.message, one.place) == (other.code, other.message, other.place)


def test_made_up_rows_of_every_form(mesh: SmallMesh) -> None:
    """Lists and frames for products, sources and batches; files as they are; unknown names."""
    pyarrow = pytest.importorskip("pyarrow")
    mesh.contract("shop/sales", SALES)
    mesh.contract("other/copy", SALES)
    notes = mesh.root / "notes.txt"
    notes.write_text("7")
    lines = mesh.root / "lines.csv"
    lines.write_text("id,amount\n1,2.5\n")
    mesh.code(
        "other",
        f"""
        @data_product(inputs={{
            "sales": "shop/sales",
            "lines": Source("till/lines", path={str(lines)!r}),
            "notes": Source("till/notes", path={str(notes)!r}),
            "inbox": Source("till/inbox", path="no/*.csv"),
        }})
        def copy(sales: Table, lines: Table, notes, inbox) -> str:
            parts = [f"SELECT id, amount FROM {{part}}" for part in (sales, lines, *inbox)]
            return f"SELECT *, '{{notes.read_text()}}' AS who FROM ({{' UNION ALL BY NAME '.join(parts)}})"
        """,
    )
    mesh.definitions("other")
    copy = sys.modules["other.products"].copy
    rows = [{"id": 1, "amount": 2}]
    frame = pyarrow.table({"id": [1], "amount": [2]})
    expected = [{"id": 1, "amount": 2.0, "who": "7"}]
    for given in (rows, frame):
        assert evaluate(copy, sales=given).rows == expected
        assert evaluate(copy, lines=given).rows == expected
        assert evaluate(copy, inbox={"a.csv": given}).rows == expected
        assert evaluate(copy, sales=given, lines=given, inbox={"a": given, "b": given}).failed == [
            "unique__id"
        ]
    other = mesh.root / "other.txt"
    other.write_text("8")
    assert evaluate(copy, sales=rows, notes=other).rows == [{"id": 1, "amount": 2.0, "who": "8"}]
    for wrong in ({"sale": rows}, {"sales": [{"ident": 1}]}, {"lines": [{"ident": 1}]}):
        with pytest.raises(UsageError, match="U011"):
            evaluate(copy, **wrong)
    lines.unlink()
    assert evaluate(copy, lines=frame).rows == expected
    with pytest.raises(SourceError, match="S002"):
        evaluate(copy, lines=rows)
