"""The columns of a result in types that a lake stores without loss; other columns are refused (L012)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import duckdb

from platform_core.contracts.model import Column, DataProduct
from platform_core.diagnostics import DefinitionError
from platform_core.lake.transaction import one
from platform_core.sql.engine import trial
from platform_core.sql.quoting import fold, literal, quoted
from platform_core.sql.types import LOGICAL, UNTYPED, describe, exact_types, family

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType as Type

MANY: Final = 100_000
"""Rows; DuckDB writes fewer than these into one row group."""
_BATCH: Final = "__nan"
_KEPT_AS: Final = dict.fromkeys(("TIMESTAMP_S", "TIMESTAMP_MS"), "TIMESTAMP")
_KEPT_AS.update({"HUGEINT": "BIGINT", "UHUGEINT": "UBIGINT", "TIME_NS": "TIME", UNTYPED: "INTEGER"})
# A query would miss rows of a FLOAT: DuckLake skips files by limits that it rounds to six digits.
_NEVER: Final = {"array", "bignum", "bit", "enum", "time_ns", "union", "variant"}
_CHANGED: Final = {
    # Parquet stores it as DOUBLE.
    "HUGEINT": "TRY_CAST(TRY_CAST({x} AS DOUBLE) AS HUGEINT) IS DISTINCT FROM {x}",
    "UHUGEINT": "TRY_CAST(TRY_CAST({x} AS DOUBLE) AS UHUGEINT) IS DISTINCT FROM {x}",
    # Parquet stores times in UTC, and intervals as unsigned months, days and 32 bits of milliseconds.
    "TIME WITH TIME ZONE": "date_part('timezone', {x}) <> 0",
    "INTERVAL": "least(date_part('year', {x}), date_part('month', {x}), date_part('day', {x}),"
    " epoch_us({x} - date_trunc('day', {x}))) < 0 OR date_part('hour', {x}) > 1192"
    " OR date_part('microsecond', {x}) % 1000 <> 0",
}
"""SQL that is true for a value that Parquet changes, by its type."""
_INSTEAD: Final = {
    "HUGEINT": 'sum("...")::DECIMAL(38,0), and physicalType: DECIMAL(38,0) in the contract',
    "FLOAT": "physicalType: DOUBLE, which holds every FLOAT",
    "TIME WITH TIME ZONE": "a TIMESTAMP WITH TIME ZONE, or the TIME and its offset in two columns",
    "INTERVAL": 'epoch_us("...") as a BIGINT, or its text',
    "VARIANT": '"..."::JSON',
    "UNION": "a column for each member",
    "ENUM": "VARCHAR, and the words as enum in the contract",
    "": "another type: cast it, change its physicalType, or publish all partitions again",
}


class _Unfit(Exception):
    """No cast between two types keeps the values."""


@dataclass(frozen=True)
class Fitted:
    """A query whose rows a lake stores unchanged; it fails at the first value that would change."""

    query: str
    types: dict[str, str]
    _refusals: Mapping[str, DefinitionError]

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Raise errors about a column inside as DefinitionError L012, and other errors unchanged."""
        try:
            yield
        except duckdb.Error as error:
            raise next(
                (fault for mark, fault in self._refusals.items() if mark in str(error)), error
            ) from None


def fitted(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    query: str,
    published: Mapping[str, str] | None = None,
) -> Fitted:
    """A product's query with its columns in the types of the contract, or else of the ``published`` table.

    A column that cannot be cast keeps its type, and the audit reports it. Raises duckdb.Error;
    DefinitionError L012 for a type that no lake stores.
    """
    types, refusals, written = {}, {}, []
    for number, (name, kind) in enumerate(exact_types(connection, query).items()):
        have, column = trial().type(kind), product.column(name)
        want, changed = _fit(product, name, have, column, (published or {}).get(name))
        types[name] = str(want)
        if changed or str(have) != str(want):
            mark = f"L012 column {number}."
            refusals[mark] = _refusal(product, name, have, want, f"with values that {want} does not hold")
            value = f"CAST({quoted(name)} AS {want})"
            if changed:
                value = f"CASE WHEN {changed} THEN error({literal(mark)}) ELSE {value} END"
            written.append(f"{value} AS {quoted(name)}")
    if written:
        query = f"SELECT * REPLACE ({', '.join(written)}) FROM ({query}\n)"
    return Fitted(query, types, refusals)


def _fit(
    product: DataProduct, name: str, have: Type, column: Column | None, published: str | None
) -> tuple[Type, str]:
    """The type of a column in the lake, and SQL that is true if it changes a value, or an empty string."""
    logical = LOGICAL.get((column and column.logical_type) or "")
    kept = trial().type("DOUBLE" if str(have) == "FLOAT" else mapped(have, _stored_type))
    wanted = (column and column.physical_type) or published or (str(have) == UNTYPED and logical) or kept
    want = trial().type(str(wanted))
    if _lost("x", want, want) is None or (str(want) == "FLOAT" and published != "FLOAT"):
        raise _refusal(product, name, want, want, "which no lake stores")
    for each in (want, kept):
        if (changed := _lost(quoted(name), have, each)) is not None:
            return each, changed
    raise _refusal(product, name, have, want, "which no lake stores")


def _refusal(product: DataProduct, name: str, have: Type, want: Type, why: str) -> DefinitionError:
    instead = next(words for kind, words in _INSTEAD.items() if kind in f"{have} {want}")
    column = product.column(name)
    message = f'the column "{name}" of {product.id} is {have}, {why}'
    place = column.place if column is not None else product.place
    fix = f"Write {instead}. Nothing was published."
    return DefinitionError.of("L012", message, place, "values that a lake returns unchanged", fix)


def _lost(x: str, have: Type, want: Type) -> str | None:
    try:
        return _any_value(x, have, want, _changed)
    except _Unfit:
        return None


def mapped(kind: Type, leaf: Callable[[Type], str]) -> str:
    """A type whose inner types, other than structs, lists and maps, are replaced by ``leaf``."""
    inner = [(name, mapped(each, leaf)) for name, each in _inner_types(kind)]
    match kind.id:
        case "struct":
            return f"STRUCT({', '.join(f'{quoted(name)} {each}' for name, each in inner)})"
        case "map":
            return f"MAP({inner[0][1]}, {inner[1][1]})"
        case "list":
            return f"{inner[0][1]}[]"
    return leaf(kind)


def _inner_types(kind: Type) -> list[tuple[str, Type]]:
    if kind.id not in ("struct", "map", "list", "array"):
        return []
    return [(name, cast("Type", each)) for name, each in kind.children if name != "size"]


def _stored_type(kind: Type) -> str:
    if kind.id == "array":
        return f"{mapped(_inner_types(kind)[0][1], _stored_type)}[]"
    return "VARCHAR" if kind.id == "enum" else _KEPT_AS.get(str(kind), str(kind))


def _any_value(x: str, have: Type, want: Type, leaf: Callable[[str, Type, Type], str], depth: int = 0) -> str:
    """SQL that is true if ``leaf`` is true for a value inside ``x``, or an empty string. Raises _Unfit."""
    if have.id in ("list", "array") and want.id == "list":
        lists = [x]
    elif have.id == want.id == "map":
        lists = [f"map_keys({x})", f"map_values({x})"]
    elif have.id != "struct" or want.id != "struct":
        return leaf(x, have, want)
    else:
        theirs = {fold(name): kind for name, kind in _inner_types(want)}
        if theirs.keys() != {fold(name) for name, _ in _inner_types(have)}:
            raise _Unfit
        fields = ((f"struct_extract({x}, {literal(n)})", k, theirs[fold(n)]) for n, k in _inner_types(have))
        return " OR ".join(filter(None, (_any_value(*field, leaf, depth) for field in fields)))
    parts, item = [], f"item_{depth}"
    for xs, (_, ours), (_, others) in zip(lists, _inner_types(have), _inner_types(want), strict=True):
        if found := _any_value(item, ours, others, leaf, depth + 1):
            parts.append(f"len(list_filter({xs}, lambda {item}: {found})) > 0")
    return " OR ".join(parts)


def _changed(x: str, have: Type, want: Type) -> str:
    if want.id in _NEVER:
        raise _Unfit
    ours, theirs = str(have), str(want)
    lost = _CHANGED.get(theirs, "")
    if ours in (theirs, UNTYPED) or (have.id == "enum" and theirs == "VARCHAR"):
        return lost.format(x=x)
    kinds = (family(ours), family(theirs))
    alike = kinds[0] == kinds[1] and kinds[0] in ("integer", "number", "timestamp", "time")
    if not (alike or kinds == ("integer", "number")) or "ZONE" in ours + theirs or theirs == "TIMESTAMP_NS":
        raise _Unfit
    there = f"TRY_CAST({x} AS {theirs})"
    back = f"TRY_CAST({there} AS {ours}) IS DISTINCT FROM {x}"
    if ours == "TIME_NS":  # DuckDB casts nothing to it
        back = f"{there}::VARCHAR IS DISTINCT FROM {x}::VARCHAR"
    return f"{back} OR {lost.format(x=there)}" if lost else back


def nan_in(types: Mapping[str, str]) -> str:
    """SQL that is true for a row with a NaN, by its columns' types; empty if no column can hold one."""
    parsed = {quoted(name): trial().type(kind) for name, kind in types.items()}

    def is_nan(x: str, kind: Type, _: Type) -> str:
        return f"isnan({x})" if str(kind) in ("DOUBLE", "FLOAT") else ""

    return " OR ".join(filter(None, (_any_value(name, kind, kind, is_nan) for name, kind in parsed.items())))


def insert(connection: duckdb.DuckDBPyConnection, relation: str, rows: str) -> None:
    """Insert the rows of a table into a table of a lake.

    DuckLake looks for NaN only in the last row group of a file and skips the file by its limits, so ``x >
    1`` would miss the row. Of many rows, those with a NaN are written to files of one row group each.
    """
    nan = nan_in(describe(connection, f"FROM {rows}"))
    every, holding = one(connection, f"SELECT count(*), count(*) FILTER ({nan or 'false'}) FROM {rows}")
    if not holding or every <= MANY:
        connection.execute(f"INSERT INTO {relation} BY NAME FROM {rows}")
        return
    connection.execute(f"INSERT INTO {relation} BY NAME FROM {rows} WHERE NOT coalesce({nan}, false)")
    for start in range(0, holding, MANY):
        connection.execute(
            f"INSERT INTO {relation} BY NAME FROM {rows} WHERE {nan} LIMIT {MANY} OFFSET {start}"
        )


def nan_apart(connection: duckdb.DuckDBPyConnection, relation: str, inside: str | None) -> None:
    """Do the same for rows that one statement wrote: all rows of a new table, or those ``inside``."""
    nan, those = nan_in(describe(connection, f"FROM {relation}")), f"FROM {relation} WHERE {inside or 'true'}"
    if not nan or not connection.execute(f"{those} AND ({nan}) LIMIT 1").fetchone():
        return
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_BATCH} AS {those}")
    connection.execute(
        f"DELETE {those}" if inside else f"CREATE OR REPLACE TABLE {relation} AS {those} LIMIT 0"
    )
    insert(connection, relation, _BATCH)
    connection.execute(f"DROP TABLE {_BATCH}")
