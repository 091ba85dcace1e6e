"""Tables of a Postgres database, by DuckDB's extension, in one snapshot of the database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import duckdb

from platform_core.diagnostics import SourceError
from platform_core.secrets import named, secret_parts
from platform_core.sources.order import Order
from platform_core.sources.readers.relation import (
    RelationReader,
    engine,
    load,
    reading,
    table_name,
    unreachable,
    within,
)
from platform_core.sql.quoting import literal, quoted

_PARTS: Final = {"user": "", "password": "", "host": "", "port": "5432", "database": ""}
_LOCK_SECONDS: Final = 10
_UNBOUNDED: Final = "NUMERIC"
"""The type of a numeric column without a precision, or with one above 38: DuckDB would read a DOUBLE."""
_FIRST_TIME: Final = "TIMESTAMP '4714-01-01 (BC) 00:00:00'"
"""Postgres has none before it. A time after the year 294246 becomes one in DuckDB."""


_OPTIONS: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey")
"""Further parts of a secret, which the client obeys."""
_ABSENT: Final = "-"


def _in_target(value: str) -> str:
    """A value in a connection string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def opened(orders: Sequence[Order], who: str, seconds: float) -> Iterator[PostgresReader]:
    """A reader of tables of one database, in one read-only transaction. A statement takes at most
    ``seconds``."""
    first = orders[0].source
    if first.secret is None:
        message = f"the source {first.name} names no secret"
        raise SourceError.of("S020", message, None, 'secret="SHOP_DB"', "Add the secret of the database.")
    parts = secret_parts(first.secret, _PARTS | dict.fromkeys(_OPTIONS, _ABSENT))
    wishes = {name: value for name in _OPTIONS if (value := parts.pop(name)) != _ABSENT}
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
    target += "".join(f" {name}={_in_target(value)}" for name, value in wishes.items())
    bound = ", ".join(f"{name.upper()} ${name}" for name in parts)
    with engine() as connection:
        load(connection, "postgres_scanner", "postgres", first.name)
        connection.execute(f"CREATE SECRET source (TYPE postgres, {bound})", parts)
        try:
            connection.execute(f"ATTACH {literal(target)} AS db (TYPE postgres, SECRET source, READ_ONLY)")
        except duckdb.Error as error:
            fix = f"Start the database, or correct the secret {named(first.secret)}."
            raise unreachable(first, error, "a database that accepts the secret", fix) from None
        connection.execute("BEGIN")
        try:
            yield PostgresReader(connection, lambda order: f"db.{table_name(order)}")
        finally:
            # Closing a lost connection inside of a transaction would abort the process.
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")


@dataclass(frozen=True)
class PostgresReader(RelationReader):
    """Reads tables and views. Numbers and times that DuckDB would change are read as text, or refused."""

    def types(self, order: Order) -> dict[str, str]:
        wanted, exact = order.columns or {}, re.compile(r"DECIMAL\(\d+,\s*\d+\)|VARCHAR")
        formats, found = self._formats_of(order), RelationReader.types(self, order)
        for name in (name for name in found if _is_unbounded(formats.get(name, ""))):
            kind = wanted.get(name, "")
            found[name] = kind if exact.fullmatch(kind) else _UNBOUNDED
        return found

    def write(self, order: Order, columns: Mapping[str, str]) -> int:
        server_types = self._formats_of(order)
        formats = {name: server_types[name] for name in columns}
        self._require_kept(order, columns, formats)
        relation = self.relation(order) + within(order)
        texts = {name for name, kind in formats.items() if _is_unbounded(kind)}
        if texts:
            names = (f"{quoted(n)}::text AS {quoted(n)}" if n in texts else quoted(n) for n in columns)
            relation = _asked(f"SELECT {', '.join(names)} FROM {table_name(order)}{within(order)}")
        # Reading by ranges of the storage would not use an index.
        self.connection.execute(f"SET pg_use_ctid_scan = {'false' if order.range else 'true'}")
        rows = self.copy(order, columns, relation)
        self._require_times(order, columns)
        return rows

    def newest(self, order: Order, column: str) -> str | None:
        # The server uses an index of the column, which a query of DuckDB would not.
        [(value,)] = self._rows(order, f"SELECT max({quoted(column)})::text FROM {table_name(order)}")
        return None if value is None else str(value)

    def _formats_of(self, order: Order) -> dict[str, str]:
        """The types of a table's columns in the words of Postgres."""
        rows = self._rows(
            order,
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
            f" WHERE attrelid = {literal(table_name(order))}::regclass"
            " AND attnum > 0 AND NOT attisdropped",
        )
        return {str(name): str(kind) for name, kind in rows}

    def _require_kept(self, order: Order, columns: Mapping[str, str], formats: Mapping[str, str]) -> None:
        """Refuse values that the column's type in DuckDB does not have (S024)."""
        tests = {name: _not_kept(quoted(name), formats[name], kind) for name, kind in columns.items()}
        tests = {name: test for name, test in tests.items() if test}
        if not tests:
            return
        counts = ", ".join(f"count(*) FILTER (WHERE {test}) AS c{n}" for n, test in enumerate(tests.values()))
        [row] = self._rows(order, f"SELECT {counts} FROM {table_name(order)}{within(order)}")
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

    def _rows(self, order: Order, statement: str) -> list[tuple[object, ...]]:
        with reading(order):
            return self.connection.execute(f"FROM {_asked(statement)}").fetchall()


def _asked(statement: str) -> str:
    return f"postgres_query('db', {literal(statement)})"


def _not_representable(order: Order, column: str, kind: str, count: object) -> SourceError:
    message = (
        f"the column {column} of the source {order.source.name} has values that {kind} does not have: {count}"
    )
    expected = "numbers with these digits, without NaN; times up to the year 294246"
    fix = "Correct the values, declare a wider DECIMAL, or read a view that casts the column to text."
    return SourceError.of("S024", message, None, expected, fix)


def _is_unbounded(server_type: str) -> bool:
    """Whether DuckDB would read a numeric column as a DOUBLE."""
    match = re.fullmatch(r"numeric(?:\((\d+),-?\d+\))?", server_type)
    return match is not None and (match[1] is None or int(match[1]) > 38)


def _not_kept(column: str, server_type: str, kind: str) -> str | None:
    """SQL of Postgres that is true for a value outside of the DuckDB type; None where every value is in."""
    if not server_type.startswith("numeric") or not kind.startswith("DECIMAL"):
        return None
    wrong = f"{column} = 'NaN'"
    if _is_unbounded(server_type):
        precision, scale = map(int, re.findall(r"\d+", kind))
        wrong += f" OR {column} <> round({column}, {scale}) OR abs({column}) >= 1e{precision - scale}"
    return wrong
