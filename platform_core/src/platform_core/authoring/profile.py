"""The facts of a table: one scan for all columns, a sample for likely facts, and their verification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

import duckdb

from platform_core.authoring.key_search import SAMPLE, find_key, named_like_key
from platform_core.authoring.personal_values import (
    looks_like_names,
    named_after_people,
    personal_content,
    stands_for_somebody,
)
from platform_core.authoring.table_facts import ColumnFacts, TableFacts
from platform_core.contracts.personal_names import contradicted, looks_personal
from platform_core.lake.transaction import number, one
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import describe
from platform_core.words import counted

COLUMNS_AT_ONCE: Final = 100
MANY: Final = 1000
"""From so many rows on, a column is unique without the name of a key."""
SAMPLE_VALUES: Final = 2_000_000
"""The values in the sample, over all columns."""
SAMPLE_ROWS: Final = 100_000
MOST_VALUES: Final = 20
LONGEST_VALUE: Final = 30
"""The limits of a list of accepted values."""
REPEATED: Final = 3
"""The least number of repetitions of an accepted value."""
PATTERN_ROWS: Final = 5_000_000
"""The most rows for which patterns are verified; above, only a constant length is."""
LOOKED_AT: Final = "__looked_at"
ALL_LOOKED_AT: Final = 200_000
MOST_LOOKED_AT: Final = 5000
LEAST_LOOKED_AT: Final = 100
"""The values that are inspected one by one, of all columns and of each."""

_ORDERED: Final = frozenset({"integer", "number", "date", "timestamp"})
_TIMES: Final = ("date", "timestamp")
_CASTS: Final = (
    ("BIGINT", "whole numbers"),
    ("DOUBLE", "numbers"),
    ("DATE", "dates"),
    ("TIMESTAMP", "times"),
)


def profile(connection: duckdb.DuckDBPyConnection, relation: str) -> TableFacts:
    """The facts of a relation that the connection reads, ``"domain"."product"`` or a subquery.

    Keys, ranges, lengths, missing and accepted values are verified against all rows; personal content is
    inferred from a sample.
    """
    rows, columns = _measure(connection, relation, describe(connection, f"FROM {relation}"))
    if rows == 0:
        return TableFacts(0, columns)
    _take_sample(connection, relation, rows, len(columns))
    sampled = _sampled(connection, relation, columns)
    nothing = _Sampled()
    columns = tuple(_look(connection, relation, c, sampled.get(c.name, nothing)) for c in columns)
    columns = _with_patterns(connection, relation, rows, columns)
    key, unique, doubled = find_key(connection, relation, rows, columns)
    # In few rows, distinct values are chance.
    marked = tuple(
        replace(c, unique=c.name in unique and (rows >= MANY or named_like_key(c))) for c in columns
    )
    connection.execute(f"DROP TABLE {SAMPLE}; DROP TABLE IF EXISTS {LOOKED_AT}")
    return TableFacts(rows, marked, key, doubled)


def _measure(
    connection: duckdb.DuckDBPyConnection, relation: str, types: dict[str, str]
) -> tuple[int, tuple[ColumnFacts, ...]]:
    """Rows, missing values, ranges and lengths, in one scan per hundred columns."""
    rows, found = 0, []
    every = [ColumnFacts(name, kind, 0) for name, kind in types.items()]
    for first in range(0, len(every), COLUMNS_AT_ONCE):
        blank = every[first : first + COLUMNS_AT_ONCE]
        asked = ", ".join(["count(*)", *map(_measures, blank)])
        rows, *values = one(connection, f"SELECT {asked} FROM {relation}")
        for column, filled, low, high in zip(blank, *(values[n::3] for n in range(3)), strict=True):
            if column.kind in _TIMES:
                low, high = _moment(low), _moment(high)
            ends = {"minimum": low, "maximum": high}
            if _is_text(column):
                ends = {"shortest": low, "longest": high}
            found.append(replace(column, filled=filled, **ends))
    return rows, tuple(found)


def _measures(column: ColumnFacts) -> str:
    name = quoted(column.name)
    ordered = name if column.kind in _ORDERED else f"length({name})" if _is_text(column) else "NULL"
    # Times as text, since Python has none before year 1, after 9999, or at infinity.
    text = "::VARCHAR" if column.kind in _TIMES else ""
    return f"count({name}), min({ordered}){text}, max({ordered}){text}"


def _moment(text: str | None) -> date | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _take_sample(connection: duckdb.DuckDBPyConnection, relation: str, rows: int, width: int) -> None:
    """Samples whole blocks of rows, since repeated rows are often adjacent."""
    wanted = max(1000, min(SAMPLE_ROWS, SAMPLE_VALUES // width))
    share = 100 * wanted / rows
    how = f"TABLESAMPLE system({share:.6f}%) REPEATABLE (1)" if share < 50 else f"LIMIT {2 * wanted}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {SAMPLE} AS SELECT * FROM {relation} {how}")
    if not number(connection, f"SELECT count(*) FROM {SAMPLE}"):  # No block was drawn.
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {SAMPLE} AS SELECT * FROM {relation} LIMIT {wanted}"
        )


@dataclass(frozen=True, slots=True)
class _Sampled:
    """A column in the sample: some different values as text, the number of values, and how many of these can
    be read as each of ``_CASTS``."""

    values: Sequence[str] = ()
    filled: int = 0
    readable: Sequence[int] = ()


def _sampled(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[ColumnFacts]
) -> dict[str, _Sampled]:
    asked = [column for column in columns if column.filled and (_is_text(column) or _may_be_cards(column))]
    if not asked:
        return {}
    rows = max(LEAST_LOOKED_AT, min(MOST_LOOKED_AT, ALL_LOOKED_AT // len(asked)))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {LOOKED_AT} AS SELECT {', '.join(quoted(c.name) for c in asked)}"
        f" FROM {SAMPLE} USING SAMPLE reservoir({rows} ROWS) REPEATABLE (1)"
    )
    found: dict[str, _Sampled] = {}
    for first in range(0, len(asked), COLUMNS_AT_ONCE):
        some = asked[first : first + COLUMNS_AT_ONCE]
        texts = [f"{quoted(column.name)}::VARCHAR" for column in some]
        values = connection.execute(f"SELECT {', '.join(texts)} FROM {LOOKED_AT}").fetchall()
        questions = [f"count(*) FILTER ({_readable(kind, text)})" for text in texts for kind, _ in _CASTS]
        readable = one(connection, f"SELECT {', '.join(questions)} FROM {LOOKED_AT}")
        for position, column in enumerate(some):
            filled = [row[position] for row in values if row[position] is not None]
            # A sample may have no value of a column that is nearly always missing.
            different = list(
                dict.fromkeys(filled if len(filled) >= 20 else _values(connection, relation, column))
            )
            start = position * len(_CASTS)
            found[column.name] = _Sampled(different, len(filled), readable[start : start + len(_CASTS)])
    return found


def _values(connection: duckdb.DuckDBPyConnection, relation: str, column: ColumnFacts) -> list[str]:
    name = quoted(column.name)
    rows = connection.execute(
        f"SELECT {name}::VARCHAR FROM {relation} WHERE {name} IS NOT NULL LIMIT {MOST_LOOKED_AT}"
    ).fetchall()
    return [value for (value,) in rows]


def _is_text(column: ColumnFacts) -> bool:
    return column.type == "VARCHAR"


def _may_be_cards(column: ColumnFacts) -> bool:
    """Card numbers are the only whole numbers that are personal by their form."""
    return column.kind == "integer" and len(str(column.maximum)) >= 13


def _readable(kind: str, value: str) -> str:
    """SQL for whether a text can be read as a type; DuckDB would cast ``0.25`` to a whole number."""
    if kind == "BIGINT":
        return f"regexp_full_match({value}, '[-+]?[0-9]{{1,18}}')"
    return f"TRY_CAST({value} AS {kind}) IS NOT NULL"


def _look(
    connection: duckdb.DuckDBPyConnection, relation: str, column: ColumnFacts, sample: _Sampled
) -> ColumnFacts:
    if column.filled == 0:
        return replace(column, remarks=("without a value in any row",))
    by_name = looks_personal(column.name, column.kind)
    content = personal_content(sample.values)
    if content is None and by_name is not None and contradicted(by_name, sample.values):
        why = f"None of {counted(len(sample.values), 'inspected value')} has the form of {by_name}."
        column = replace(column, not_personal=why)
    elif content is not None or by_name is not None:
        reason = f"looks like {content}" if content else f"named like {by_name} of a person"
        return replace(column, personal=reason)
    if stands_for_somebody(column.name):
        column = replace(column, pseudonymous=True)
    if not _is_text(column):
        return column
    if named_after_people(column.name) and looks_like_names(sample.values):
        return replace(column, personal="looks like names of persons")
    name, different = quoted(column.name), len(sample.values)
    few = different <= MOST_VALUES and (column.longest or 0) <= LONGEST_VALUE
    if few and column.filled >= REPEATED * different:
        listed = connection.execute(
            f"SELECT {name}, count(*) FROM {relation} WHERE {name} IS NOT NULL GROUP BY {name}"
            f" ORDER BY {name} LIMIT {MOST_VALUES + 1}"
        ).fetchall()
        values = tuple(value for value, _ in listed)
        words = all(value.strip() and times >= REPEATED for value, times in listed)
        if len(values) <= MOST_VALUES and words:
            if named_after_people(column.name) or looks_like_names(values):
                return replace(column, remarks=("possibly names of persons, so the values are not listed",))
            return replace(column, values=values)
    return replace(column, remarks=_readable_as(connection, relation, column, sample))


def _readable_as(
    connection: duckdb.DuckDBPyConnection, relation: str, column: ColumnFacts, sample: _Sampled
) -> tuple[str, ...]:
    """Remarks on numbers and times in text, with the exceptions in all rows."""
    name = quoted(column.name)
    if any(value[:1] == "0" and value[1:].isdigit() for value in sample.values):
        return ()  # leading zeros: an identifier, not a quantity
    for (kind, words), readable in zip(_CASTS, sample.readable, strict=True):
        if not readable or readable < 0.9 * sample.filled:
            continue
        others = f"{name} IS NOT NULL AND NOT ({_readable(kind, name)})"
        wrong = number(connection, f"SELECT count(*) FROM {relation} WHERE {others}")
        if wrong == 0:
            return (f"{words} as text: cast to {kind}",)
        return (f"mixed: {words}, except {wrong:,} of {column.filled:,} values",)
    return ()


def _with_patterns(
    connection: duckdb.DuckDBPyConnection, relation: str, rows: int, columns: tuple[ColumnFacts, ...]
) -> tuple[ColumnFacts, ...]:
    found: dict[str, str] = {}
    for column in columns if rows <= PATTERN_ROWS else ():
        plain = column.type == "VARCHAR" and not (column.personal or column.values or column.remarks)
        if plain and column.shortest == column.longest and 2 <= (column.longest or 0) <= 40:
            form = _form(connection, column)
            if form is not None:
                found[column.name] = form
    if not found:
        return columns
    asked = [
        f"count(*) FILTER (NOT regexp_full_match({quoted(name)}, {literal(form)}))"
        for name, form in found.items()
    ]
    broken = one(connection, f"SELECT {', '.join(asked)} FROM {relation}")
    kept = {name: form for (name, form), wrong in zip(found.items(), broken, strict=True) if wrong == 0}
    return tuple(replace(c, pattern=f"^{kept[c.name]}$") if c.name in kept else c for c in columns)


def _form(connection: duckdb.DuckDBPyConnection, column: ColumnFacts) -> str | None:
    """The form of the sampled values as a regular expression; None for several forms."""
    name = quoted(column.name)
    shape = f"regexp_replace({name}, '[0-9]', '9', 'g')"
    shape = f"regexp_replace(regexp_replace({shape}, '[A-Z]', 'A', 'g'), '[a-z]', 'a', 'g')"
    forms = connection.execute(
        f"SELECT DISTINCT {shape} FROM {LOOKED_AT} WHERE {name} IS NOT NULL LIMIT 2"
    ).fetchall()
    if len(forms) != 1 or not set(forms[0][0]) <= set("9Aa-_./: "):
        return None
    text: str = forms[0][0]
    parts, start = [], 0
    for end in range(1, len(text) + 1):
        if end < len(text) and text[end] == text[start]:
            continue
        letter, count = text[start], end - start
        base = {"9": "[0-9]", "A": "[A-Z]", "a": "[a-z]", ".": "[.]"}.get(letter, letter)
        parts.append(base + (f"{{{count}}}" if count > 1 else ""))
        start = end
    return "".join(parts)
