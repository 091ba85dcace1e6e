"""A function that yields its rows, as dicts or in Arrow batches."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg
import duckdb
import numpy as np
import pytest
from small_mesh import SALES, SmallMesh

from platform_core.cli.author.dry_run import dry_run
from platform_core.contracts.model import Column, DataProduct
from platform_core.diagnostics import DefinitionError, LakeError, Place
from platform_core.products.result import as_query
from platform_core.products.rows import AT_ONCE

OPEN = SALES.replace("tags: [personal], ", "")
STREAM = """\
    physicalType: stream
    customProperties: [{property: eventTime, value: at, vendor: platform-core}]
    properties:
      - {name: id, logicalType: integer, primaryKey: true, description: "No."}
      - {name: at, logicalType: timestamp, required: true, description: "When."}
"""
GOOD = "{'id': 1, 'amount': 2.5, 'who': 'Ada'}"


def failure(result: dg.ExecuteInProcessResult) -> str:
    [event] = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data
    assert data.user_failure_data is not None, data.error
    return str(data.user_failure_data.description)


def yielding(mesh: SmallMesh, body: str, contract: str = OPEN) -> None:
    mesh.contract("shop/sales", contract)
    mesh.code("shop", f"import pyarrow as pa\n@data_product\ndef sales():\n    {body}\n")


@pytest.mark.parametrize(
    "body",
    [
        f"yield {GOOD}; yield {{'who': None, 'id': 2, 'amount': 3}}",
        "yield pa.table({'id': [1], 'amount': [2.5], 'who': ['Ada']})\n"
        "    yield pa.record_batch({'who': pa.nulls(1), 'id': [2], 'amount': [3.0]})",
        "yield pa.table({'id': [2], 'amount': [3.0], 'who': pa.nulls(1)})\n"
        "    yield pa.table({'id': [1], 'amount': [2.5], 'who': ['Ada']})",
        f"return iter([{GOOD}, {{'id': 2, 'amount': 3.0, 'who': None}}])",
    ],
    ids=["dicts", "batches", "batches, the first without a type", "an iterator"],
)
def test_yielded_rows_are_published(mesh: SmallMesh, instance: dg.DagsterInstance, body: str) -> None:
    yielding(mesh, body)
    assert mesh.run("shop", "shop/sales", instance).success
    assert sorted(mesh.read("FROM shop.products.sales")) == [(1, 2.5, "Ada"), (2, 3.0, None)]
    assert not list(mesh.lakes.root.glob(".spill-*/*/*"))


@pytest.mark.parametrize("body", ["return iter(())", "return\n    yield"])
def test_no_rows_have_the_columns_of_the_contract(
    mesh: SmallMesh, instance: dg.DagsterInstance, body: str
) -> None:
    yielding(mesh, body)
    assert mesh.run("shop", "shop/sales", instance).success
    assert [row[:2] for row in mesh.read("DESCRIBE shop.products.sales")] == [
        ("id", "BIGINT"),
        ("amount", "DOUBLE"),
        ("who", "VARCHAR"),
    ]


REFUSED = {
    "missing key": (f"yield {GOOD}; yield {{'id': 2, 'amount': 3.0}}", "D060", 'row 2 .* "who" is gone'),
    "new key": (f"yield {GOOD[:-1]}, 'vip': True}}", "D060", 'row 1 .* "vip" is new'),
    "text": (f"yield {GOOD.replace('2.5', repr('x'))}", "D061", 'a str in "amount" that DOUBLE'),
    "float for an integer": (f"yield {GOOD.replace('1', '1.0')}", "D061", 'a float in "id" that BIGINT'),
    "out of range": (f"yield {GOOD.replace('1', '2**70')}", "D061", 'a int in "id" that BIGINT'),
    "something else": (f"yield [{GOOD}]", "D062", "yields a list"),
    "both": (f"yield {GOOD}; yield pa.table({{'id': [1]}})", "D062", "yields a Table"),
    "nothing": ("yield None", "D062", "yields"),
    "other batch": (
        "yield pa.table({'id': [1], 'amount': [1.0], 'who': ['A']})\n"
        "    yield pa.table({'id': ['1'], 'amount': [1.0], 'whom': ['A']})",
        "D060",
        'row 2 .* "whom" is new, "id" was int64 and is string, "who" is gone',
    ),
    "rows after a batch": (
        f"yield pa.table({{'id': [1], 'amount': [1.0], 'who': ['A']}}); yield {GOOD}",
        "D062",
        "yields a dict",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_rows_are_refused(mesh: SmallMesh, instance: dg.DagsterInstance, name: str) -> None:
    body, code, words = REFUSED[name]
    yielding(mesh, body)
    result = mesh.run("shop", "shop/sales", instance)
    assert not result.success
    text = failure(result)
    assert f"error[{code}]" in text
    assert re.search(words, text), text
    assert "domains/shop/src/shop/products.py:5" in text
    assert not list(mesh.lakes.root.glob(".spill-*/*/*"))


def test_a_failing_page_is_the_functions_error_and_nothing_is_published(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    yielding(mesh, f"yield {GOOD}")
    assert mesh.run("shop", "shop/sales", instance).success
    yielding(mesh, f"yield {GOOD.replace('1', '7')}\n    raise TimeoutError('page 2')")
    result = mesh.run("shop", "shop/sales", instance)
    [event] = [event for event in result.all_events if event.is_step_failure]
    assert "page 2" in str(event.step_failure_data.error)
    assert "products.py" in str(event.step_failure_data.error)
    assert mesh.read("SELECT id FROM shop.products.sales") == [(1,)]


def test_a_confidential_value_is_in_no_message(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    yielding(mesh, f"yield {GOOD}; yield {{'id': 2, 'amount': 1.0, 'who': 4711}}", SALES)
    text = failure(mesh.run("shop", "shop/sales", instance))
    assert 'row 2 of shop/sales has a int in "who" that VARCHAR does not hold' in text
    assert "4711" not in text


def test_a_check_takes_the_word_of_the_contract(mesh: SmallMesh) -> None:
    yielding(mesh, "raise AssertionError('iterated')\n    yield")
    mesh.definitions("shop")  # imported from this mesh
    mesh.location("shop")
    assert "function" in " ".join(dry_run("shop/sales", mesh.registry, mesh.root))


def written(tmp_path: Path, kind: str, *values: Any) -> list[Any]:
    """Values that went through the file, as DuckDB reads them in a contract's type."""
    place = Place(Path("orders.py"), 1)
    columns = (Column("x", place, physical_type=kind),)
    product = DataProduct("shop", "orders", place.path, place, "1.0.0", "active", columns, ())
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        items = iter([{"x": value} for value in values])
        query = as_query(connection, items, {}, product, place, tmp_path).query
        return [row[0] for row in connection.execute(query).fetchall()]


NOON = datetime.datetime(2024, 3, 1, 12, 0, 0, 5)
ZONED = NOON.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
UTC = datetime.UTC
HELD: dict[str, tuple[str, Any, Any]] = {
    "decimal": ("DECIMAL(38,10)", Decimal("1234567890123456789012345678.0123456789"), None),
    "int as decimal": ("DECIMAL(12,2)", 5, Decimal("5.00")),
    "int as double": ("DOUBLE", 5, 5.0),
    "hugeint": ("HUGEINT", 2**70, None),
    "uuid": ("UUID", "00000000-0000-0000-0000-000000000001", UUID(int=1)),
    "json": ("JSON", '{"a": 1}', None),
    "date": ("DATE", NOON.date(), None),
    "timestamp": ("TIMESTAMP", NOON, None),
    "milliseconds": ("TIMESTAMP_MS", NOON.replace(microsecond=5000), None),
    "zone": ("TIMESTAMP WITH TIME ZONE", ZONED, ZONED.astimezone(UTC)),
    "time": ("TIME", NOON.time(), None),
    "bytes": ("BLOB", b"\x00", None),
    "list": ("BIGINT[]", [1, None], None),
    "struct": ("STRUCT(a BIGINT, b VARCHAR[])", {"a": 1, "b": ["x"]}, None),
    "map": ("MAP(VARCHAR, BIGINT)", {"a": 1}, None),
    "list of uuids": ("UUID[]", [str(UUID(int=1))], [UUID(int=1)]),
    "numpy": ("BIGINT", np.int64(5), 5),
}


@pytest.mark.parametrize("name", HELD)
def test_a_value_is_held_exactly(tmp_path: Path, name: str) -> None:
    kind, value, read = HELD[name]
    assert written(tmp_path, kind, None, value) == [None, value if read is None else read]


NOT_HELD: dict[str, tuple[str, Any]] = {
    "float as decimal": ("DECIMAL(12,2)", 0.1),
    "digits": ("DECIMAL(12,2)", Decimal("0.001")),
    "bool as integer": ("BIGINT", True),
    "integer as bool": ("BOOLEAN", 1),
    "inexact": ("DOUBLE", 2**53 + 1),
    "number as time": ("TIMESTAMP", 1_700_000_000),
    "number as date": ("DATE", 19_000),
    "time as date": ("DATE", NOON),
    "date as time": ("TIMESTAMP", NOON.date()),
    "text as date": ("DATE", "2024-03-01"),
    "surrogate": ("VARCHAR", "\ud800"),
    "new key of a struct": ("STRUCT(a BIGINT)", {"a": 1, "b": 2}),
    "missing key of a struct": ("STRUCT(a BIGINT, b BIGINT)", {"a": 1}),
    "item": ("BIGINT[]", [1, "2"]),
    "text as list": ("VARCHAR[]", "ab"),
}


@pytest.mark.parametrize("name", NOT_HELD)
def test_a_value_of_another_type_is_refused_with_its_row(tmp_path: Path, name: str) -> None:
    kind, value = NOT_HELD[name]
    found = f'row {AT_ONCE + 2:,} of shop/orders has a {type(value).__name__} in "x" that {kind}'
    with pytest.raises(DefinitionError, match=re.escape(found)) as refused:
        written(tmp_path, kind, *[None] * (AT_ONCE + 1), value)
    assert refused.value.diagnostics[0].code == "D061"


def test_a_full_disk_is_a_diagnostic(tmp_path: Path) -> None:
    (tmp_path / "__result.arrow").symlink_to("/dev/full")
    with pytest.raises(LakeError, match="L003"):
        written(tmp_path, "BIGINT", *range(3 * AT_ONCE))


def test_the_rows_of_changes_and_of_a_batch_may_be_yielded(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    mesh.contract("shop/clicks", STREAM)
    mesh.contract("other/visits", STREAM)
    batch = 'Batch("1", lambda: ({"id": n, "at": datetime.datetime(2024, 3, 1)} for n in range(2)))'
    mesh.code("shop", f"import datetime\n@data_product\ndef clicks():\n    yield {batch}\n")
    mesh.code(
        "other",
        """
        @data_product(inputs={"clicks": Input("shop/clicks", columns=("id", "at"), changes=True)})
        def visits(clicks: Table):
            for row in clicks.relation().fetchall():
                yield {"id": row[0], "at": row[1]}
        """,
    )
    assert mesh.run("shop", "shop/clicks", instance).success
    assert mesh.run("other", "other/visits", instance).success
    assert mesh.read("SELECT id FROM other.products.visits ORDER BY id", "other") == [(0,), (1,)]
    mesh.location("other")
    assert dry_run("other/visits", mesh.registry, mesh.root)


_PEAK = """
import resource, sys
from pathlib import Path
import numpy, pyarrow
from platform_core.contracts.model import Column, DataProduct
from platform_core.diagnostics import Place
from platform_core.products.rows import Yielded
place = Place(Path("orders.py"), 1)
columns = (Column("x", place, physical_type="BIGINT"),)
product = DataProduct("shop", "orders", place.path, place, "1.0.0", "active", columns, ())
pages = (pyarrow.table({"x": numpy.arange(100_000) + n}) for n in range(int(sys.argv[2]) // 100_000))
reader, _ = Yielded(pages, product, place).write(Path(sys.argv[1]) / "rows")
assert sum(batch.num_rows for batch in reader) == int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.full
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        command = [sys.executable, "-c", _PEAK, str(tmp_path), str(rows)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert peak(20_000_000) - peak(2_000_000) < 64_000  # KiB; the rows themselves are 144 MB more
