"""Columns that the product's function converts: types that no lake has, and words for missing numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import duckdb

from platform_core.lake.transaction import one
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import BadType, canonical_type, describe
from platform_core.words import listed

_MISSING: Final = ("NA", "N/A", "n/a", "#N/A", "NULL", "null", "-", "--", "")
_WHOLE: Final = "[-+]?(0|[1-9][0-9]{0,17})"
_NUMBER: Final = "[-+]?(0|[1-9][0-9]*)?([.][0-9]*)?([eE][-+]?[0-9]+)?"
_NOT_HELD: Final = re.compile(r"\b(BIGNUM|BIT|ENUM|UNION|TIME_NS)\b|\[\d+\]")
_QUOTED: Final = re.compile(r'"(?:[^"]|"")*"')


@dataclass(frozen=True, slots=True)
class Conversion:
    """The conversion of a column, whose type is ``source`` in the source."""

    source: str
    type: str
    missing: tuple[str, ...] = ()
    """The words for a missing value."""

    def sql(self, name: str) -> str:
        """The converted value of a column, given its quoted name."""
        words = ", ".join(map(literal, self.missing))
        value = f"CASE WHEN {name} NOT IN ({words}) THEN {name} END" if words else name
        return f"CAST({value} AS {self.type})"

    @property
    def remark(self) -> str:
        if self.missing:
            words = listed([f'"{word}"' for word in self.missing])
            return f"the function reads {words} as missing; all other values are numbers"
        kind = self.source.partition("(")[0]
        return f"the function casts {kind}, which no lake has, to {self.type}"


def conversions(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, Conversion]:
    """The columns that need a conversion, by name, judged by all rows."""
    found = {}
    for name, kind in describe(connection, f"FROM {relation}").items():
        if (held := _held(kind)) != kind:
            found[name] = Conversion(kind, held)
        elif kind == "VARCHAR" and (reading := _with_missing(connection, relation, quoted(name))):
            found[name] = reading
    return found


def converted(relation: str, reading: Mapping[str, Conversion]) -> str:
    """A query of the relation's converted rows."""
    replaced = ", ".join(f"{each.sql(quoted(name))} AS {quoted(name)}" for name, each in reading.items())
    return f"SELECT * REPLACE ({replaced}) FROM {relation}" if replaced else f"FROM {relation}"


def _held(kind: str) -> str:
    """The type itself, or the type to cast it to where no lake or no contract has it."""
    for each in (kind, re.sub(r"\[\d+\]", "[]", kind) if '"' not in kind else kind):
        try:
            canonical_type(each)
        except BadType:
            continue
        if not _NOT_HELD.search(_QUOTED.sub("", each)):
            return each
    return "VARCHAR"


def _with_missing(connection: duckdb.DuckDBPyConnection, relation: str, name: str) -> Conversion | None:
    """The conversion of a column of numbers and words for missing ones; None for any other."""
    missing = f"{name} IN ({', '.join(map(literal, _MISSING))})"
    number = f"regexp_full_match({name}, {literal(_NUMBER)}) AND TRY_CAST({name} AS DOUBLE) IS NOT NULL"
    words, whole, numbers, others = one(
        connection,
        f"SELECT list_sort(list(DISTINCT {name}) FILTER ({missing})),"
        f" count(*) FILTER (regexp_full_match({name}, {literal(_WHOLE)})), count(*) FILTER ({number}),"
        f" count({name}) FILTER (NOT ({missing}) AND NOT ({number})) FROM {relation}",
    )
    if not words or not numbers or others:
        return None
    return Conversion("VARCHAR", "BIGINT" if whole == numbers else "DOUBLE", tuple(words))
