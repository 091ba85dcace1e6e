"""Every type in every position through every door: kept, cast without loss, or refused by name.

The engine compares, never Python: it has dates, numbers and floats that Python has not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_core.contracts.model import Column, DataProduct, Partitions
from platform_core.contracts.partitions import Window
from platform_core.diagnostics import DefinitionError, Place
from platform_core.lake.location import LakeLocation, table_of
from platform_core.lake.publication.column_fit import MANY
from platform_core.lake.publication.extracts import difference, write_extract
from platform_core.lake.publication.streams import open_stream
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.masking.publish import publish_masked
from platform_core.products.result import as_query
from platform_core.sql.types import describe

Con = duckdb.DuckDBPyConnection
PLACE = Place(Path("cells.odcs.yaml"))
PRODUCT = DataProduct("sales", "cells", PLACE.path, PLACE, "1.0.0", "active", (), ())
STAMP = Stamp(run_id="run-1", asset=PRODUCT.id)


@dataclass(frozen=True)
class Kind:
    """A type, extreme values of it, the type that a lake has for it, and values that no lake keeps."""

    name: str
    values: tuple[str, ...] = ()
    kept: str | None = None
    refused: tuple[str, ...] = ()

    def literal(self, value: str) -> str:
        return f"CAST({value} AS {self.name})"


FLOATS = ("'nan'", "'inf'", "'-inf'", "'-0.0'", "0")
TIMES = ("'0044-03-15 (BC) 12:00:00'", "'infinity'", "'-infinity'", "'294247-01-10 04:00:54'")
HUGE = "170141183460469231731687303715884105727"
KINDS = [
    Kind("BOOLEAN", ("true", "false")),
    *(Kind(f"{sign}{size}", ("0", "127")) for sign in ("", "U") for size in ("TINYINT", "SMALLINT")),
    Kind("INTEGER", ("-2147483648",)),
    Kind("UINTEGER", ("4294967295",)),
    Kind("BIGINT", ("-9223372036854775808", "9007199254740993")),
    Kind("UBIGINT", ("18446744073709551615",)),
    Kind("HUGEINT", ("9007199254740993", "-9223372036854775808"), "BIGINT", (HUGE, "9223372036854775808")),
    Kind("UHUGEINT", ("18446744073709551615",), "UBIGINT", ("18446744073709551616",)),
    Kind("FLOAT", (*FLOATS, "1e-45", "3.4e38", "0.1"), "DOUBLE"),
    Kind("DOUBLE", (*FLOATS, "5e-324", "1.7e308")),
    Kind("DECIMAL(4,1)", ("-999.9",)),
    Kind("DECIMAL(18,3)", ("999999999999999.999",)),
    Kind("DECIMAL(38,0)", ("9" * 38, "-" + "9" * 38)),
    Kind("DECIMAL(38,38)", ("'0." + "0" * 37 + "1'",)),
    Kind("VARCHAR", ("''", "'a' || chr(0) || 'b'", "'it''s \"é\", [NULL]'", "'NULL'")),
    Kind("BLOB", ("''", r"'\x00\xFF'")),
    Kind("UUID", ("'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'00000000-0000-0000-0000-000000000000'")),
    Kind("JSON", ("'null'", '\'[1, {"a": "b"}]\'')),
    Kind("DATE", ("'0044-03-15 (BC)'", "'infinity'", "'-infinity'", "'5881580-07-10'", "'10000-01-01'")),
    Kind("TIME", ("'00:00:00'", "'24:00:00'", "'23:59:59.999999'")),
    Kind("TIME_NS", ("'09:30:00'", "'23:59:59.999999'"), "TIME", ("'09:30:00.000000001'",)),
    Kind("TIME WITH TIME ZONE", ("'09:30:00+00'",), None, ("'09:30:00+02'", "'23:59:59-15:59:59'")),
    Kind("TIMESTAMP", TIMES),
    Kind("TIMESTAMP WITH TIME ZONE", ("'0044-03-15 (BC) 12:00:00+00'", "'infinity'", "'-infinity'")),
    Kind("TIMESTAMP_S", TIMES, "TIMESTAMP"),
    Kind("TIMESTAMP_MS", TIMES, "TIMESTAMP"),
    Kind("TIMESTAMP_NS", ("'1677-09-22 00:00:00'", "'infinity'", "'2020-01-01 00:00:00.123456789'")),
    Kind(
        "INTERVAL",
        ("'3 months 2 days'", "'1.234 seconds'", "'1192 hours'", "'0 days'"),
        None,
        (
            "'1.234567 seconds'",
            "'-1 day'",
            "'-5 months'",
            "'-1 second'",
            "'1000000 hours'",
            "'1 year -1 day'",
        ),
    ),
    Kind("ENUM('a', 'b c')", ("'a'", "'b c'"), "VARCHAR"),
    Kind("INTEGER[2]", ("[1, NULL]",), "INTEGER[]"),
    Kind("VARCHAR[]", ("[]", "[NULL]", "['']")),
    Kind('STRUCT(a INTEGER, "B c" UUID)', ("{'a': NULL, 'B c': NULL}",)),
    Kind("MAP(VARCHAR, DATE)", ("MAP {}", "MAP {'': NULL}")),
    Kind("BIT", refused=("'101'", "NULL")),
    Kind("BIGNUM", refused=("'1'", "NULL")),
    Kind("UNION(a INTEGER, b VARCHAR)", refused=("5", "NULL")),
    Kind("VARIANT", refused=("5", "NULL")),
]
POSITIONS: dict[str, tuple[str, str]] = {
    "plain": ("{}", "{}"),
    "field": ("{{'Some field': {}}}", 'STRUCT("Some field" {})'),
    "item": ("[{}, NULL]", "{}[]"),
    "map": ("MAP {{'k': {}}}", "MAP(VARCHAR, {})"),
    "key": ("MAP {{{}: 1}}", "MAP({}, INTEGER)"),
    "deep": ("[{{'f': MAP {{1: [{}]}}}}]", "STRUCT(f MAP(INTEGER, {}[]))[]"),
}


Door = Callable[[Con, LakeLocation, DataProduct, str], None]


def by_sql(con: Con, location: LakeLocation, product: DataProduct, query: str) -> None:
    publish_table(con, location, product, f"{query} -- all", stamp=STAMP, audit=accept)


def by_relation(con: Con, location: LakeLocation, product: DataProduct, query: str) -> None:
    """A function's relation, and a dbt model, which is one of the database that dbt built."""
    with duckdb.connect() as other:
        other.execute("SET TimeZone = 'UTC'")
        made = as_query(con, other.sql(query), {}, product, None, location.root)
        publish_table(con, location, product, made.query, stamp=STAMP, audit=accept)


def by_stream(con: Con, location: LakeLocation, product: DataProduct, query: str) -> None:
    with open_stream(con, location, product, stamp=STAMP) as stream:
        stream.append("b", query, audit=lambda *_: None)


def by_twin(con: Con, location: LakeLocation, product: DataProduct, query: str) -> None:
    columns = product.columns or tuple(Column(name, PLACE) for name in describe(con, query))
    twin, stamp = replace(product, columns=columns), replace(STAMP, facts={})
    publish_masked(con, location, twin, product, f"({query})", stamp=stamp, audit=accept)


DOORS = [by_sql, by_relation, by_stream, by_twin]


def accept(_relation: str) -> tuple[()]:
    return ()


def column(logical: str | None = None, physical: str | None = None) -> DataProduct:
    return replace(PRODUCT, columns=(Column("x", PLACE, logical, physical),))


def refusal(publish: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(DefinitionError) as caught:
        publish()
    [fault] = caught.value.diagnostics
    assert fault.fix
    return fault.code, fault.message


def every_position(kind: Kind) -> str:
    """A row for each value and one for NULL, with a column for each position."""
    rows = []
    for number, value in enumerate((*kind.values, "NULL")):
        cells = [form.format(kind.literal(value)) for name, (form, _) in POSITIONS.items() if name != "key"]
        key = POSITIONS["key"][0].format(kind.literal(value)) if value != "NULL" else "NULL"
        rows.append(f"({number}, {', '.join([*cells[:4], key, *cells[4:]])})")
    return f"SELECT * FROM (VALUES {', '.join(rows)}) AS t(n, {', '.join(POSITIONS)})"


def assert_published(con: Con, query: str, kept: str, source: str) -> None:
    """The rows of a query are in the lake under the type that a lake keeps in place of a source's."""
    found = describe(con, f"FROM {table_of(PRODUCT)}")
    for name, (_, form) in POSITIONS.items():
        wanted = kept if name == "plain" or source != "FLOAT" else source
        inner = form.format(wanted)
        assert con.execute(f"SELECT typeof(NULL::{inner})").fetchone() == (found[name],)
        same = f"t.{name} IS NOT DISTINCT FROM s.{name}::{inner}"
        same += f" AND t.{name}::VARCHAR IS NOT DISTINCT FROM s.{name}::{inner}::VARCHAR"
        counted = (
            f"SELECT count(*) FILTER ({same}), count(*) FROM {table_of(PRODUCT)} t JOIN ({query}) s USING (n)"
        )
        row = con.execute(counted).fetchone()
        assert row is not None
        assert row[0] == row[1] > 0, (name, row)


def some(kinds: list[Kind], few: set[str]) -> list[Any]:
    """All of them in the full run; a few in every run."""
    marks = {kind.name: () if kind.name in few else pytest.mark.full for kind in kinds}
    return [pytest.param(kind, id=kind.name, marks=marks[kind.name]) for kind in kinds]


KEPT = [kind for kind in KINDS if kind.values]
ODD = {"HUGEINT", "TIME_NS", "DOUBLE", "INTERVAL", "ENUM('a', 'b c')", "UUID", "JSON", "VARCHAR"}


@pytest.mark.parametrize("kind", KEPT, ids=lambda kind: kind.name)
def test_sql_is_published_as_it_is_or_cast_without_loss(con: Con, location: LakeLocation, kind: Kind) -> None:
    query = every_position(kind)
    by_sql(con, location, PRODUCT, query)
    assert_published(con, query, kind.kept or kind.name, kind.name)


@pytest.mark.parametrize("door", DOORS[1:])
@pytest.mark.parametrize("kind", some(KEPT, ODD))
def test_every_other_door_is_the_same(con: Con, location: LakeLocation, kind: Kind, door: Door) -> None:
    # DuckDB's sort, which a twin's rows go through, gives 0.0 for -0.0.
    query = every_position(kind).replace("'-0.0'", "'0.0'" if door is by_twin else "'-0.0'")
    door(con, location, PRODUCT, query)
    assert_published(con, query, kind.kept or kind.name, kind.name)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.refused], ids=lambda kind: kind.name)
def test_an_unsupported_column_is_refused_by_name_and_readers_keep_the_last_version(
    con: Con, location: LakeLocation, kind: Kind
) -> None:
    by_sql(con, location, PRODUCT, "SELECT 1 AS x")
    for value in kind.refused:
        for name, (form, _) in POSITIONS.items():
            if name != "key" or value != "NULL":
                query = f"SELECT {form.format(kind.literal(value))} AS x"
                code, message = refusal(lambda query=query: by_sql(con, location, PRODUCT, query))  # type: ignore[misc]
                assert (code, '"x"' in message) == ("L012", True), (name, value, message)
    assert con.execute(f"FROM {table_of(PRODUCT)}").fetchall() == [(1,)]


@pytest.mark.parametrize("door", DOORS[1:])
@pytest.mark.parametrize("value", [f"{HUGE}::HUGEINT", "5::VARIANT", "'09:30:00+02'::TIMETZ"])
def test_every_other_door_refuses_the_same(con: Con, location: LakeLocation, door: Door, value: str) -> None:
    code, _ = refusal(lambda: door(con, location, PRODUCT, f"SELECT {value} AS x"))
    assert code == "L012"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("kind", some(KEPT, ODD))
def test_an_extract_is_the_same_or_is_refused(
    con: Con, location: LakeLocation, tmp_path: Path, kind: Kind, suffix: str
) -> None:
    by_sql(con, location, PRODUCT, every_position(kind))
    write_extract(con, PRODUCT, table_of(PRODUCT), tmp_path / f"x.{suffix}")
    found = difference(con, table_of(PRODUCT), tmp_path / f"x.{suffix}")
    # The text of a list does not tell JSON's own brackets from its own.
    assert found is None or (kind.name, suffix) == ("JSON", "csv")


ARROW = {
    "time64": (pa.array([1_000], pa.time64("ns")), "TIME"),
    "time32": (pa.array([1], pa.time32("s")), "TIME"),
    "duration": (pa.array([1_000_000], pa.duration("ns")), "INTERVAL"),
    "date64": (pa.array([86_400_000], pa.date64()), "DATE"),
    "half": (pa.array([1.5], pa.float16()), None),
    "single": (pa.array([0.1], pa.float32()), "DOUBLE"),
    "seconds": (pa.array([1], pa.timestamp("s")), "TIMESTAMP"),
    "zone": (pa.array([1], pa.timestamp("us", "Europe/Berlin")), "TIMESTAMP WITH TIME ZONE"),
    "large text": (pa.array(["a"], pa.large_string()), "VARCHAR"),
    "view": (pa.array(["a"], pa.string_view()), "VARCHAR"),
    "words": (pa.array(["a"]).dictionary_encode(), "VARCHAR"),
    "bytes": (pa.array([b"ab"], pa.binary(2)), "BLOB"),
    "decimal": (pa.array([1], pa.decimal128(38, 2)), "DECIMAL(38,2)"),
    "vector": (pa.array([[1.0, 2.0]], pa.list_(pa.float32(), 2)), "FLOAT[]"),
    "nothing": (pa.nulls(1), "VARCHAR"),
    "nothings": (pa.array([[None]]), "INTEGER[]"),
    "too fine": (pa.array([1], pa.time64("ns")), "L012"),
    "too small": (pa.array([1_000], pa.duration("us")), "INTERVAL"),
    "micro": (pa.array([1], pa.duration("us")), "L012"),
}


@pytest.mark.parametrize("name", ARROW)
def test_arrow(con: Con, location: LakeLocation, name: str) -> None:
    array, kept = ARROW[name]
    product = column("string") if name == "nothing" else PRODUCT
    table = pa.table({"x": array})

    def publish() -> None:
        made = as_query(con, table, {}, product, None, location.root)
        publish_table(con, location, product, made.query, stamp=STAMP, audit=accept)

    if kept is None or kept == "L012":
        assert refusal(publish)[0] == (kept or "D004")
        return
    publish()
    con.register("given", table)
    assert describe(con, f"FROM {table_of(PRODUCT)}") == {"x": kept}
    same = f"SELECT t.x IS NOT DISTINCT FROM g.x::{kept} FROM {table_of(PRODUCT)} t, given g"
    assert con.execute(same).fetchall() == [(True,)]


@pytest.mark.parametrize(
    ("value", "logical", "physical", "kept"),
    [
        ("sum(9007199254740993)", "integer", None, "BIGINT"),
        ("sum(1.5)", "number", None, "DECIMAL(38,1)"),
        (f"sum({HUGE} - {HUGE} + 5)", "integer", "DECIMAL(38,0)", "DECIMAL(38,0)"),
        (HUGE, "integer", "DECIMAL(38,0)", "L012"),
        ("5", "integer", "HUGEINT", "HUGEINT"),
        ("9007199254740993", "integer", "HUGEINT", "L012"),
        ("1", "integer", "BIGINT", "BIGINT"),
        ("9007199254740993", None, "DOUBLE", "L012"),
        ("4.02::DOUBLE", "number", "DECIMAL(10,2)", "DECIMAL(10,2)"),
        ("4.021::DOUBLE", "number", "DECIMAL(10,2)", "L012"),
        ("'nan'::DOUBLE", "number", "DECIMAL(10,2)", "L012"),
        ("3000000000", "integer", "INTEGER", "L012"),
        ("0.5::FLOAT", "number", "FLOAT", "L012"),
        ("'a'", "string", "ENUM('a')", "L012"),
        ("TIMESTAMP_NS '2020-01-01'", "timestamp", "TIMESTAMP", "TIMESTAMP"),
        ("TIMESTAMP_NS '2020-01-01 00:00:00.000000001'", "timestamp", "TIMESTAMP", "L012"),
        ("NULL", "string", None, "VARCHAR"),
        ("NULL", "date", None, "DATE"),
        ("NULL", None, "STRUCT(a DATE)[]", 'STRUCT(a DATE)[]'),
        ("[]", "array", "VARCHAR[]", "VARCHAR[]"),
        ("[NULL]", "array", "DATE[]", "DATE[]"),
        ("{'a': NULL, 'b': 1}", "object", "STRUCT(a VARCHAR, b BIGINT)", "STRUCT(a VARCHAR, b BIGINT)"),
        ("{'B': 1, 'A': NULL}", "object", "STRUCT(a DATE, b INT)", "STRUCT(a DATE, b INTEGER)"),
        ("MAP {}", "object", "MAP(VARCHAR, UUID)", "MAP(VARCHAR, UUID)"),
        # Another thing than was promised stays as it is: the audit says so.
        ("1", "string", None, "INTEGER"),
        ("'1'", "integer", "BIGINT", "VARCHAR"),
        ("1.0::DOUBLE", "integer", "BIGINT", "DOUBLE"),
        ("now()", "timestamp", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
        ("{'a': 1}", "object", "STRUCT(a INTEGER, b INTEGER)", "STRUCT(a INTEGER)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("door", [by_sql, pytest.param(by_relation, marks=pytest.mark.full)])
def test_a_column_is_cast_to_the_type_of_its_contract_if_no_value_changes(
    con: Con,
    location: LakeLocation,
    door: Door,
    value: str,
    logical: str | None,
    physical: str | None,
    kept: str,
) -> None:
    product, query = column(logical, physical), f"SELECT {value} AS x"
    if kept == "L012":
        assert refusal(lambda: door(con, location, product, query))[0] == "L012"
        return
    door(con, location, product, query)
    assert describe(con, f"FROM {table_of(product)}") == {"x": kept}
    same = f"SELECT t.x IS NOT DISTINCT FROM s.x::{kept} FROM {table_of(product)} t, ({query}) s"
    assert con.execute(same).fetchall() in ([(True,)], [(None,)]) or value == "now()"


def test_the_column_that_is_refused_is_named_among_many(con: Con, location: LakeLocation) -> None:
    small = ", ".join(f"1::HUGEINT AS c{number}" for number in range(11))
    query = f"SELECT {small}, {HUGE} AS c11"
    assert '"c11"' in refusal(lambda: by_sql(con, location, PRODUCT, query))[1]


def test_fields_without_names(con: Con, location: LakeLocation) -> None:
    with pytest.raises(DefinitionError):
        by_sql(con, location, PRODUCT, "SELECT row(1, 'a') AS x")


def test_a_stream_keeps_the_types_that_it_began_with(con: Con, location: LakeLocation) -> None:
    """A batch of small numbers, or of none, has the columns of the stream."""
    with open_stream(con, location, PRODUCT, stamp=STAMP) as stream:
        for n, value in enumerate(["1::BIGINT", "2::TINYINT", "NULL", "sum(3)"]):
            stream.append(str(n), f"SELECT {value} AS x", audit=lambda *_: None)
        assert refusal(lambda: stream.append("last", "SELECT 'a' AS x", audit=lambda *_: None))[0] == "L041"
    assert describe(con, f"FROM {table_of(PRODUCT)}") == {"x": "BIGINT"}
    assert con.execute(f"SELECT sum(x), count(*) FROM {table_of(PRODUCT)}").fetchall() == [(6, 4)]


LEAVES = st.sampled_from(
    [(kind, value) for kind in KEPT if kind.name != "FLOAT" for value in (*kind.values, "NULL")]
)
Cell = tuple[str, str]


def fields(two: tuple[Cell, Cell]) -> Cell:
    (first, kind), (second, other) = two
    return f"{{'a': {first}, 'B b': {second}}}", f'STRUCT(a {kind}, "B b" {other})'


def nested(inner: st.SearchStrategy[Cell]) -> st.SearchStrategy[Cell]:
    return st.one_of(
        inner.map(lambda cell: (f"[{cell[0]}, NULL]", f"{cell[1]}[]")),
        inner.map(lambda cell: (f"MAP {{'k': {cell[0]}}}", f"MAP(VARCHAR, {cell[1]})")),
        st.tuples(inner, inner).map(fields),
    )


CELLS = st.recursive(
    LEAVES.map(lambda leaf: (leaf[0].literal(leaf[1]), leaf[0].kept or leaf[0].name)), nested, max_leaves=6
)


def assert_kept(con: Con, location: LakeLocation, cell: Cell, door: Door) -> None:
    value, kept = cell
    door(con, location, PRODUCT, f"SELECT {value} AS x")
    cast = f"({value})::{kept}"
    same = f"x IS NOT DISTINCT FROM {cast} AND x::VARCHAR IS NOT DISTINCT FROM {cast}::VARCHAR"
    row = con.execute(f"SELECT typeof(x) = typeof(NULL::{kept}), {same} FROM {table_of(PRODUCT)}").fetchone()
    assert row == (True, True), cell


QUIET = [HealthCheck.function_scoped_fixture]


@settings(max_examples=15, deadline=None, suppress_health_check=QUIET)
@given(cell=CELLS, door=st.sampled_from(DOORS[:2]))
def test_values_within_values(con: Con, location: LakeLocation, cell: Cell, door: Door) -> None:
    assert_kept(con, location, cell, door)


@pytest.mark.full
@settings(max_examples=400, deadline=None, suppress_health_check=QUIET)
@given(cell=CELLS, door=st.sampled_from(DOORS[:2]))
def test_many_values_within_values(con: Con, location: LakeLocation, cell: Cell, door: Door) -> None:
    assert_kept(con, location, cell, door)


# What DuckLake's statistics leave out


NAN = "CASE WHEN i = {} THEN 'nan'::DOUBLE ELSE i END"
WIDE = f"SELECT i, {NAN.format(5)} AS a, {NAN.format(7)} AS b, {{'f': [{NAN.format(9)}]}} AS c"
ROWS = MANY + MANY // 2  # more than a row group, and a file that is still merged
MONTHLY = replace(PRODUCT, partitions=Partitions("sold", "month", datetime(2017, 1, 1), "UTC", PLACE))


def assert_no_row_is_lost(con: Con) -> None:
    for value in ("a", "b", "c.f[1]"):
        found = con.execute(f"SELECT count(*) FROM {table_of(PRODUCT)} WHERE {value} > 1e9").fetchall()
        assert found == [(1,)], value
    statistics = (
        "SELECT bool_or(contains_nan::BOOLEAN) FROM __ducklake_metadata_sales.ducklake_file_column_stats"
    )
    live = "data_file_id IN (SELECT data_file_id FROM __ducklake_metadata_sales.ducklake_data_file"
    live += " WHERE end_snapshot IS NULL) AND column_id > 1"
    by_column = con.execute(f"{statistics} WHERE {live} GROUP BY column_id").fetchall()
    assert by_column.count((True,)) == 3


def test_a_nan_is_found_wherever_it_is(con: Con, location: LakeLocation) -> None:
    publish_table(con, location, PRODUCT, f"{WIDE} FROM range({ROWS}) t(i)", stamp=STAMP, audit=accept)
    assert_no_row_is_lost(con)
    assert con.execute(f"SELECT count(*), sum(i) FROM {table_of(PRODUCT)}").fetchall() == [
        (ROWS, ROWS * (ROWS - 1) // 2)
    ]
    files = "SELECT count(*) FROM __ducklake_metadata_sales.ducklake_data_file WHERE end_snapshot IS NULL"
    assert con.execute(files).fetchall() == [(2,)]


def test_a_nan_of_a_partition_is_found(
    con: Con, location: LakeLocation, january: Window, february: Window
) -> None:
    for window, rows in ((january, ROWS), (february, 1), (january, ROWS)):
        day = f"TIMESTAMP '{window.start:%Y-%m-%d %H:%M:%S}' AS sold"
        query = f"SELECT {day}, * FROM ({WIDE} FROM range({rows}) t(i))"
        publish_table(con, location, MONTHLY, query, window=window, stamp=STAMP, audit=accept)
    assert_no_row_is_lost(con)
    assert con.execute(f"SELECT count(*) FROM {table_of(PRODUCT)}").fetchall() == [(ROWS + 1,)]


def test_a_nan_of_a_stream_is_found_also_after_merging(con: Con, location: LakeLocation) -> None:
    with open_stream(con, location, PRODUCT, stamp=STAMP) as stream:
        for first, last in ((0, 20), (20, ROWS), (ROWS, ROWS + 4)):
            query = f"{WIDE} FROM range({first}, {last}) t(i)"
            stream.append(str(first), query, audit=lambda *_: None)
        stream.compact()
    assert_no_row_is_lost(con)


def test_a_row_is_found_by_the_float_that_it_was_made_of(con: Con, location: LakeLocation) -> None:
    by_sql(con, location, PRODUCT, "SELECT 6.9492197897724515e-09::FLOAT AS x UNION ALL SELECT NULL")
    found = f"SELECT count(*) FROM {table_of(PRODUCT)} WHERE x = 6.9492197897724515e-09::FLOAT"
    assert con.execute(found).fetchall() == [(1,)]


# Texts of many megabytes


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_text_of_many_megabytes_is_in_the_extract(
    con: Con, location: LakeLocation, tmp_path: Path, suffix: str
) -> None:
    by_sql(con, location, PRODUCT, "SELECT repeat('x\n\"', 7_000_000) AS x UNION ALL SELECT 'short'")
    write_extract(con, PRODUCT, table_of(PRODUCT), tmp_path / f"x.{suffix}")
    assert difference(con, table_of(PRODUCT), tmp_path / f"x.{suffix}") is None
