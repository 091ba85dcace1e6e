"""Tables of an SQLite file, read by Python's own sqlite3: each value by its storage class."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from platform_core.diagnostics import SourceError
from platform_core.sources.order import Order, Range
from platform_core.sources.readers.relation import broken_off, no_table, reason, unreachable
from platform_core.sql.quoting import quoted

_LOCK_SECONDS: Final = 10
_ROWS_AT_ONCE: Final = 20_000
_KINDS: Final[Mapping[str, tuple[tuple[str, ...], Any]]] = {
    "BIGINT": (("integer",), pa.int64()),
    "INTEGER": (("integer",), pa.int32()),
    "SMALLINT": (("integer",), pa.int16()),
    "BOOLEAN": (("integer",), pa.bool_()),
    "DOUBLE": (("real", "integer"), pa.float64()),
    "VARCHAR": (("text",), pa.string()),
    "BLOB": (("blob",), pa.binary()),
    "DATE": (("text",), pa.date32()),
    "TIMESTAMP": (("text",), pa.timestamp("us")),
    "TIMESTAMP WITH TIME ZONE": (("text",), pa.timestamp("us", "UTC")),
}
"""The storage classes that a DuckDB type is read from, and its type in Arrow."""
_CLASSES: Final = {int: "integer", float: "real", str: "text", bytes: "blob"}
_ISO_DAY: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"


@contextmanager
def opened(orders: Sequence[Order], who: str, seconds: float) -> Iterator[SqliteReader]:
    """A reader of tables of one file, in one transaction."""
    first = orders[0].source
    try:
        connection = sqlite3.connect(
            f"file:{quote(first.path)}?mode=ro",
            timeout=min(seconds, _LOCK_SECONDS),
            isolation_level=None,
            uri=True,
        )
        with closing(connection):
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the snapshot begins here
            yield SqliteReader(connection)
    except sqlite3.Error as error:
        if re.search("locked|not a database|unable to open", str(error)):
            fix = "Wait for the process that writes it, or correct the path."
            raise unreachable(first, error, "an SQLite file that can be read", fix) from None
        # The error quotes the value.
        words = "a text is not UTF-8" if "decode" in str(error) else reason(error)
        raise broken_off(first, words) from None


@dataclass(frozen=True)
class SqliteReader:
    """Reads tables and views. A value of a storage class that its column's type has not is refused."""

    connection: sqlite3.Connection
    version: None = None

    def types(self, order: Order) -> dict[str, str]:
        rows = self.connection.execute(
            "SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden <> 1", [order.source.table]
        )
        declared = {str(name): str(kind) for name, kind in rows}
        if not declared:
            raise no_table(order.source)
        wanted = order.columns or {}
        return {
            name: wanted[name] if _arrow(wanted.get(name, "")) else _type_of(kind)
            for name, kind in declared.items()
        }

    def write(self, order: Order, columns: Mapping[str, str]) -> int:
        part, kinds = order.range, dict(columns)
        where = ""
        if part is not None:
            kinds.setdefault(part.column, _type_of_bound(part.start))
            self._require_days(order, part)
            first, last = (date.fromisoformat(bound[:10]) for bound in (part.start, part.end))
            # Any zone and any form of the time; the exact range is cut from the values.
            days = (first - timedelta(1)).isoformat(), (last + timedelta(2)).isoformat()
            where = f" WHERE t.{quoted(part.column)} >= '{days[0]}' AND t.{quoted(part.column)} < '{days[1]}'"
        names = ", ".join(f"t.{quoted(name)}" for name in kinds)
        cursor = self.connection.execute(f"SELECT {names} FROM {quoted(order.source.table)} AS t{where}")
        schema, count = pa.schema([(name, _arrow(kinds[name])) for name in columns]), 0
        with pq.ParquetWriter(order.out, schema) as writer:
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                columns_of_rows = zip(kinds, zip(*rows, strict=True), strict=True)
                batch = pa.table(
                    {name: self._array(order, name, kinds[name], values) for name, values in columns_of_rows}
                )
                if part is not None:
                    by, arrow = pc.field(part.column), _arrow(kinds[part.column])
                    start, end = (pa.scalar(bound).cast(arrow) for bound in (part.start, part.end))
                    batch = batch.filter((by >= start) & (by < end))
                writer.write_table(batch.select(list(columns)))
                count += batch.num_rows
        return count

    def newest(self, order: Order, column: str) -> str | None:
        query = f"SELECT max(t.{quoted(column)}) FROM {quoted(order.source.table)} AS t"
        [(value,)] = self.connection.execute(query).fetchall()
        return None if value is None else str(value)

    def _array(self, order: Order, name: str, kind: str, values: tuple[Any, ...]) -> Any:
        if (array := _converted(kind, values)) is None:
            wrong = next(value for value in values if _converted(kind, [value]) is None)
            raise self._refused(order, name, kind, wrong)
        return array

    def _require_days(self, order: Order, part: Range) -> None:
        """Refuse a time column with other values than days and times, which a range would leave out."""
        column = f"t.{quoted(part.column)}"
        where = f"{column} IS NOT NULL AND (typeof({column}) <> 'text' OR {column} NOT GLOB '{_ISO_DAY}')"
        query = f"SELECT {column} FROM {quoted(order.source.table)} AS t WHERE {where} LIMIT 1"
        for (value,) in self.connection.execute(query):
            raise self._refused(order, part.column, _type_of_bound(part.start), value)

    def _refused(self, order: Order, name: str, kind: str, value: object) -> SourceError:
        """S024, with the storage class of a value and its row, without the value."""
        row = ""
        with suppress(sqlite3.Error):  # a view has no rowid
            query = f"SELECT rowid FROM {quoted(order.source.table)} AS t WHERE t.{quoted(name)} IS ? LIMIT 1"
            row = "".join(f" in the row {found}" for (found,) in self.connection.execute(query, [value]))
        found = _CLASSES[type(value)]
        message = f"the column {name} of the source {order.source.name} has {found}{row} that is not {kind}"
        expected = f"{' or '.join(_classes(kind))}; days and times in ISO 8601, 0 or 1 for BOOLEAN"
        fix = "Correct the value, declare another type, or make a view that casts the column."
        return SourceError.of("S024", message, None, expected, fix)


def _converted(kind: str, values: Sequence[Any]) -> Any | None:
    """The values in Arrow, each exactly; None if one of them has no such value."""
    arrow = _arrow(kind)
    if not {_CLASSES[type(value)] for value in values if value is not None} <= set(_classes(kind)):
        return None
    if kind == "BOOLEAN":
        known = set(values) <= {0, 1, None}
        return pa.array([None if value is None else value == 1 for value in values], arrow) if known else None
    with suppress(pa.ArrowInvalid, OverflowError):
        if pa.types.is_decimal(arrow):
            values = [None if value is None else str(value) for value in values]
        if pa.types.is_decimal(arrow) or pa.types.is_temporal(arrow):
            return pa.array(values, pa.string()).cast(arrow)
        return pa.array(values, arrow)
    return None


def _type_of(declared: str) -> str:
    """The DuckDB type of a declared one, by SQLite's rules of affinity and the usual names of other types."""
    kind = declared.upper()
    if number := re.search(r"(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", kind):
        found = f"DECIMAL({number[1]},{number[2] or 0})"
        return found if _arrow(found) else "VARCHAR"
    names = {"BOOL": "BOOLEAN", "DATETIME": "TIMESTAMP", "TIMESTAMP": "TIMESTAMP", "DATE": "DATE"}
    names |= {"INT": "BIGINT", "CHAR": "VARCHAR", "CLOB": "VARCHAR", "TEXT": "VARCHAR", "BLOB": "BLOB"}
    return next((found for name, found in names.items() if name in kind), "DOUBLE" if kind else "VARCHAR")


def _type_of_bound(bound: str) -> str:
    if len(bound) == len("2024-01-31"):
        return "DATE"
    return "TIMESTAMP WITH TIME ZONE" if re.search(r"[+-]\d\d(:?\d\d)?$", bound[10:]) else "TIMESTAMP"


def _classes(kind: str) -> tuple[str, ...]:
    return _KINDS[kind][0] if kind in _KINDS else ("integer", "real", "text")


def _arrow(kind: str) -> Any | None:
    """The Arrow type of a DuckDB type; None where SQLite has no values of it."""
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind):
        precision, scale = int(match[1]), int(match[2])
        return pa.decimal128(precision, scale) if 0 < precision <= 38 and scale <= precision else None
    return _KINDS[kind][1] if kind in _KINDS else None
