"""DuckDB's names of column types: canonical types of contracts, and types of a query's columns.

The text of a type comes from a contract. This module parses it, and only its own output goes into SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from platform_core.sql.engine import refused, trial
from platform_core.sql.quoting import literal, quoted
from platform_core.words import did_you_mean

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")

LOGICAL: Final = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
}
"""The DuckDB types of the standard's logical types, for columns without a physical type."""
UNTYPED: Final = '"NULL"'
"""The type of a column of NULLs, before DuckDB assigns one."""

_INTEGERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_UNSIGNED: Final = tuple(f"U{name}" for name in _INTEGERS)
_FAMILIES: Final = {
    "integer": (*_INTEGERS, *_UNSIGNED),
    "number": ("FLOAT", "DOUBLE", "DECIMAL"),
    "string": ("VARCHAR", "UUID"),
    "boolean": ("BOOLEAN",),
    "date": ("DATE",),
    "timestamp": ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
    "time": ("TIME", "TIME WITH TIME ZONE", "TIME_NS"),
}
_PLAIN: Final = {name for members in _FAMILIES.values() for name in members} - {"DECIMAL"}
NAMES: Final = {name: name for name in (*_PLAIN, "DECIMAL", "BLOB", "BIT", "JSON", "INTERVAL")} | {
    "INT1": "TINYINT", "INT2": "SMALLINT", "SHORT": "SMALLINT", "INT": "INTEGER", "INT4": "INTEGER",
    "SIGNED": "INTEGER", "INT8": "BIGINT", "LONG": "BIGINT", "INT128": "HUGEINT", "OID": "BIGINT",
    "BOOL": "BOOLEAN", "LOGICAL": "BOOLEAN", "TEXT": "VARCHAR", "STRING": "VARCHAR", "CHAR": "VARCHAR",
    "BPCHAR": "VARCHAR", "NVARCHAR": "VARCHAR", "REAL": "FLOAT", "FLOAT4": "FLOAT", "FLOAT8": "DOUBLE",
    "NUMERIC": "DECIMAL", "DEC": "DECIMAL", "DATETIME": "TIMESTAMP", "TIMESTAMP_US": "TIMESTAMP",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE", "TIMETZ": "TIME WITH TIME ZONE", "GUID": "UUID",
    "BYTEA": "BLOB", "BINARY": "BLOB", "VARBINARY": "BLOB", "BITSTRING": "BIT",
}  # fmt: skip
"""DuckDB's types by their aliases."""
_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*([A-Za-z_][A-Za-z0-9_]*|"(?:[^"]|"")+"|'(?:[^']|'')*'|[0-9]{1,6}|[(),\[\]])"""
)
_SURE: Final = re.compile(r"(?:[A-Z0-9_ ]+|DECIMAL\([0-9,]+\))(?:\[\])*")
"""Canonical types that need no check by DuckDB, whose import is slow."""
_MOST: Final = 4000
_DEEPEST: Final = 20


class BadType(ValueError):
    """The reason why a text is not a type, as a part of a sentence, and the fix if one is known."""

    def __init__(self, reason: str, fix: str | None = None) -> None:
        super().__init__(reason)
        self.fix = fix


class Typed(Protocol):
    """A column of a contract with a physical type, a logical one, or neither."""

    @property
    def logical_type(self) -> str | None: ...
    @property
    def physical_type(self) -> str | None: ...


def duckdb_type(column: Typed) -> str:
    return column.physical_type or LOGICAL.get(column.logical_type or "string", "VARCHAR")


def family(kind: str) -> str | None:
    """The logical type of a DuckDB type; None for lists, structs and blobs."""
    if kind.endswith("]"):
        return None
    plain = kind.split("(")[0]
    return next((name for name, members in _FAMILIES.items() if plain in members), None)


def describe(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    """The DuckDB types of a query's columns by name, without running it. Raises duckdb.Error."""
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE {query}").fetchall()}


def exact_types(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    """As ``describe``, but UNTYPED for a column, or a part of one, without a type, which DuckDB calls
    INTEGER."""
    cursor = connection.execute(f"SELECT typeof(any_value(COLUMNS(*))) FROM (FROM ({query}\n) LIMIT 0)")
    names = [column[0] for column in cursor.description or ()]
    return dict(zip(names, cursor.fetchall()[0], strict=True))


@lru_cache(maxsize=1024)
def canonical_type(text: str) -> str:
    """A type as DuckDB writes it: ``BIGINT`` for ``int8``. It quotes the names of fields and refuses a length
    of texts, which DuckDB would drop. Raises BadType."""
    if len(text) > _MOST:
        raise BadType(f"it is longer than {_MOST} characters")
    parser = _Parser(text)
    found = parser.type(0)
    if parser.left:
        raise BadType(f'"{parser.left[0]}" follows {found}')
    # DuckDB finds faults that the grammar allows: duplicate fields, sizes and numbers of members.
    if not _SURE.fullmatch(found) and (wrong := refused(f"SELECT NULL::{found}")) is not None:
        raise BadType(wrong)
    return found


def is_type(found: str, declared: str) -> bool:
    """Whether a type that DuckDB reports is the declared canonical one."""
    return found == declared or bool(trial().type(found) == trial().type(declared))


class _Parser:
    def __init__(self, text: str) -> None:
        self.left: list[str] = []
        at, end = 0, len(text.rstrip(" \t\r\n"))
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise BadType(f"it contains {text[at : at + 10].strip()!r}")
            self.left.append(match[1])
            at = match.end()

    def type(self, depth: int) -> str:
        if depth > _DEEPEST:
            raise BadType("it nests too deeply")
        word = self._next().upper()
        name = "STRUCT" if word == "ROW" else NAMES.get(word, word)
        if name in ("TIMESTAMP", "TIME") and self._peek() == "WITH":
            self._eat("WITH", "TIME", "ZONE")
            name += " WITH TIME ZONE"
        if word == "DOUBLE" and self._peek() == "PRECISION":
            self._eat("PRECISION")
        if name == "DECIMAL":
            name = self._decimal()
        elif name in ("STRUCT", "UNION"):
            fields = self._listed(lambda: f"{self._field()} {self.type(depth + 1)}")
            name = f"{name}({', '.join(fields)})"
        elif name == "MAP":
            inner = self._listed(lambda: self.type(depth + 1))
            if len(inner) != 2:
                raise BadType("a MAP takes two types, of its keys and of its values")
            name = f"MAP({inner[0]}, {inner[1]})"
        elif name == "ENUM":
            name = f"ENUM({', '.join(self._listed(self._word))})"
        elif name not in NAMES.values():
            raise BadType(f'DuckDB has no type "{word}"', did_you_mean(word, NAMES))
        elif name == "VARCHAR" and self._peek() == "(":
            most = self._listed(self._number)[-1]
            fix = f"Write {word}, and logicalTypeOptions: {{maxLength: {most}}}, which is checked."
            raise BadType("DuckDB does not keep the length of a text", fix)
        return name + self._lists()

    def _decimal(self) -> str:
        numbers = self._listed(self._number) if self._peek() == "(" else [18, 3]
        width, scale = (*numbers, 0)[:2]
        if len(numbers) > 2 or not 1 <= width <= 38 or scale > width:
            raise BadType("a DECIMAL has 1 to 38 digits, and at most as many decimal places")
        return f"DECIMAL({width},{scale})"

    def _lists(self) -> str:
        found = ""
        while self._peek() == "[":
            self._eat("[")
            size = "" if self._peek() == "]" else str(self._number())
            self._eat("]")
            found += f"[{size}]"
        return found

    def _field(self) -> str:
        token = self._next()
        if token[0] == '"':
            return quoted(token[1:-1].replace('""', '"'))
        if not (token[0].isalpha() or token[0] == "_"):
            raise BadType(f'"{token}" is not a field name')
        return quoted(token)

    def _word(self) -> str:
        token = self._next()
        if token[0] != "'":
            raise BadType(f"{token} is not a quoted text")
        return literal(token[1:-1].replace("''", "'"))

    def _number(self) -> int:
        token = self._next()
        if not token.isdigit():
            raise BadType(f'"{token}" is not a number')
        return int(token)

    def _listed(self, item: Callable[[], T]) -> list[T]:
        self._eat("(")
        found = [item()]
        while self._peek() == ",":
            self._eat(",")
            found.append(item())
        self._eat(")")
        return found

    def _peek(self) -> str:
        return self.left[0].upper() if self.left else ""

    def _next(self) -> str:
        if not self.left:
            raise BadType("it ends too early")
        return self.left.pop(0)

    def _eat(self, *wanted: str) -> None:
        for word in wanted:
            if (found := self._next()).upper() != word:
                raise BadType(f'"{found}" is in the place of "{word}"')
