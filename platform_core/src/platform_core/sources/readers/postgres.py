"""Tables of a Postgres database, by DuckDB's extension, in one snapshot of the database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import duckdb

from platform_core.diagnostics import SourceError
from platform_core.sources.order import Order
from platform_core.sources.readers.extension import load
from platform_core.sources.readers.relation import stored
from platform_core.sources.secrets import secret_parts
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import describe

_PARTS: Final = {"user": "", "password": "", "host": "", "port": "5432", "database": ""}
_LOCK_SECONDS: Final = 10
_UNBOUNDED: Final = "NUMERIC"
"""The type of a numeric column without a precision, or with one above 38: DuckDB would read a DOUBLE."""
_FIRST_TIME: Final = "TIMESTAMP '4714-01-01 (BC) 00:00:00'"
"""Postgres has none before it. A time after the year 294246 becomes one in DuckDB."""


@contextmanager
def opened(orders: Sequence[Order], who: str, seconds: float) -> Iterator[PostgresReader]:
    """A reader of tables of one database, in one read-only transaction. A statement takes at most
    ``seconds``."""
    first = orders[0]
    assert first.secret is not None  # Source.postgres requires it
    parts = secret_parts(first.secret, _PARTS)
    connection = duckdb.connect(config={"allow_persistent_secrets": "false"})
    try:
        load(connection, "postgres_scanner", "postgres", first.name)
        bound = ", ".join(f"{name.upper()} ${name}" for name in parts)
        connection.execute(f"CREATE SECRET source (TYPE postgres, {bound})", parts)
        milliseconds = int(seconds * 1000)
        options = (
            f"-c statement_timeout={milliseconds}"
            f" -c lock_timeout={min(milliseconds // 2, _LOCK_SECONDS * 1000)}"
            # The server stops when the staging process dies.
            " -c client_connection_check_interval=500"
        )
        # Only letters that need no quoting in a connection string.
        name = re.sub(r"[^\w/.-]", "_", who, flags=re.ASCII)
        target = f"application_name={name} connect_timeout=5 keepalives_idle=10 keepalives_interval=5"
        target += f" keepalives_count=3 options='{options}'"
        try:
            connection.execute(f"ATTACH {literal(target)} AS db (TYPE postgres, SECRET source, READ_ONLY)")
        except duckdb.Error as error:
            message = f"the database of the source {first.name} cannot be reached: {_reason(error)}"
            fix = f"Start the database, or correct the secret {first.secret}."
            raise SourceError.of("S022", message, None, "a database that accepts the secret", fix) from None
        connection.execute("BEGIN")
        yield PostgresReader(connection)
    finally:
        # Closing a lost connection inside of a transaction would abort the process.
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        connection.close()


@dataclass
class PostgresReader:
    """Reads tables and views. Numbers and times that DuckDB would change are read as text, or refused."""

    connection: duckdb.DuckDBPyConnection
    _formats: dict[str, dict[str, str]] = field(default_factory=dict)
    """The types of each table in the words of Postgres."""

    def types(self, order: Order) -> dict[str, str]:
        formats = self._formats_of(order)
        with _faults(order):
            found = describe(self.connection, f"FROM {_relation(order)}")
        wanted = order.columns or {}
        return {
            name: _type_kept(formats.get(name, ""), kind, wanted.get(name)) for name, kind in found.items()
        }

    def write(self, order: Order, columns: Mapping[str, str]) -> int:
        formats = {name: self._formats_of(order)[name] for name in columns}
        self._require_kept(order, columns, formats)
        where = f" WHERE {_predicate(order)}" if order.range else ""
        relation = f"{_relation(order)}{where}"
        texts = {name for name, kind in formats.items() if _is_unbounded(kind)}
        if texts:
            names = (f"{quoted(n)}::text AS {quoted(n)}" if n in texts else quoted(n) for n in columns)
            relation = self._asked(f"SELECT {', '.join(names)} FROM {_server_name(order)}{where}")
        # Reading by ranges of the storage would not use an index.
        self.connection.execute(f"SET pg_use_ctid_scan = {'false' if order.range else 'true'}")
        selected = ", ".join(stored(order, name, kind) for name, kind in columns.items())
        with _faults(order):
            copy = f"COPY (SELECT {selected} FROM {relation}) TO {literal(order.out)} (FORMAT parquet)"
            [(rows,)] = self.connection.execute(copy).fetchall()
        self._require_times(order, columns)
        return int(rows)

    def version(self, order: Order) -> int | None:
        return None

    def newest(self, order: Order) -> str | None:
        # The server uses an index of the column, which a query of DuckDB would not.
        column = quoted(order.time_column or "")
        [value] = self._row(order, f"SELECT max({column})::text FROM {_server_name(order)}")
        return None if value is None else str(value)

    def _formats_of(self, order: Order) -> dict[str, str]:
        if order.table not in self._formats:
            rows = self._rows(
                order,
                "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
                f" WHERE attrelid = {literal(_server_name(order))}::regclass"
                " AND attnum > 0 AND NOT attisdropped",
            )
            self._formats[order.table] = {str(name): str(kind) for name, kind in rows}
        return self._formats[order.table]

    def _require_kept(self, order: Order, columns: Mapping[str, str], formats: Mapping[str, str]) -> None:
        """Refuse values that the column's type in DuckDB does not have (S024)."""
        tests = {name: _not_kept(quoted(name), formats[name], kind) for name, kind in columns.items()}
        tests = {name: test for name, test in tests.items() if test}
        if not tests:
            return
        counts = ", ".join(f"count(*) FILTER (WHERE {test}) AS c{n}" for n, test in enumerate(tests.values()))
        where = f" WHERE {_predicate(order)}" if order.range else ""
        row = self._row(order, f"SELECT {counts} FROM {_server_name(order)}{where}")
        for name, count in zip(tests, row, strict=True):
            if count:
                raise _not_representable(order, name, columns[name], count)

    def _require_times(self, order: Order, columns: Mapping[str, str]) -> None:
        """Refuse times that have wrapped around (S024)."""
        for name in (name for name, kind in columns.items() if kind.startswith("TIMESTAMP")):
            wrong = f"isfinite({quoted(name)}) AND {quoted(name)} < {_FIRST_TIME}"
            query = f"SELECT count(*) FROM read_parquet({literal(order.out)}) WHERE {wrong}"
            [(count,)] = self.connection.execute(query).fetchall()
            if count:
                raise _not_representable(order, name, columns[name], count)

    def _asked(self, statement: str) -> str:
        return f"postgres_query('db', {literal(statement)})"

    def _row(self, order: Order, statement: str) -> tuple[object, ...]:
        return self._rows(order, statement)[0]

    def _rows(self, order: Order, statement: str) -> list[tuple[object, ...]]:
        with _faults(order):
            return self.connection.execute(f"FROM {self._asked(statement)}").fetchall()


def _not_representable(order: Order, column: str, kind: str, count: object) -> SourceError:
    message = f"the column {column} of the source {order.name} has values that {kind} does not have: {count}"
    expected = "numbers with these digits, without NaN; times up to the year 294246"
    fix = "Correct the values, declare a wider DECIMAL, or read a view that casts the column to text."
    return SourceError.of("S024", message, None, expected, fix)


def _names(order: Order) -> tuple[str, str]:
    schema, _, table = order.table.rpartition(".")
    return schema or "public", table


def _relation(order: Order) -> str:
    return "db." + ".".join(map(quoted, _names(order)))


def _server_name(order: Order) -> str:
    return ".".join(map(quoted, _names(order)))


def _predicate(order: Order) -> str:
    """Both engines read the texts as values of the column's type."""
    part = order.range
    assert part is not None  # asked for only with a range
    column = quoted(part.column)
    return f"{column} >= {literal(part.start)} AND {column} < {literal(part.end)}"


def _is_unbounded(server_type: str) -> bool:
    """Whether DuckDB would read a numeric column as a DOUBLE."""
    match = re.fullmatch(r"numeric(?:\((\d+),-?\d+\))?", server_type)
    return match is not None and (match[1] is None or int(match[1]) > 38)


def _type_kept(server_type: str, kind: str, wanted: str | None) -> str:
    """The type that keeps every value: DuckDB's own, text for an enum, and the wanted one for a numeric
    without bounds."""
    if kind.startswith("ENUM"):
        return "VARCHAR"
    if _is_unbounded(server_type):
        exact = wanted is not None and re.fullmatch(r"DECIMAL\(\d+,\s*\d+\)|VARCHAR", wanted)
        return wanted if exact and wanted else _UNBOUNDED
    return kind


def _not_kept(column: str, server_type: str, kind: str) -> str | None:
    """SQL of Postgres that is true for a value outside of the DuckDB type; None where every value is in."""
    if server_type.startswith("numeric") and kind.startswith("DECIMAL"):
        wrong = f"{column} = 'NaN'"
        if _is_unbounded(server_type):
            precision, scale = map(int, re.findall(r"\d+", kind))
            wrong += f" OR {column} <> round({column}, {scale}) OR abs({column}) >= 1e{precision - scale}"
        return wrong
    return None


@contextmanager
def _faults(order: Order) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        reason = _reason(error)
        if "does not exist" in reason or "Catalog Error" in str(error)[:20]:
            message = f"the source {order.name} has no table {order.table}"
            fix = "Correct the table of the source, or ask its owner where it is now."
            raise SourceError.of("S023", message, None, f"the table {order.table}", fix) from None
        message = f"reading the source {order.name} broke off: {reason}"
        fix = "Run it again. The published version is unchanged."
        raise SourceError.of("S025", message, None, "a table that can be read whole", fix) from None


def _reason(error: duckdb.Error) -> str:
    """The server's own words: the last part of DuckDB's message."""
    text = " ".join(str(error).split())
    found = re.search(r"(?:FATAL|ERROR|PANIC): .*", text)
    return (found[0] if found else text.partition(": ")[2] or text).rstrip(".")
