"""The facts of a table: a scan for all columns, a sample for what is likely, a proof for what is claimed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import duckdb

from platform_core.contracts.personal import looks_personal
from platform_core.inference.facts import ColumnFacts, TableFacts
from platform_core.inference.keys import SAMPLE, find_key, named_like_key
from platform_core.inference.people import (
    looks_like_names,
    named_after_people,
    personal_content,
    stands_for_somebody,
)
from platform_core.lake.sql import literal, quoted

COLUMNS_AT_ONCE: Final = 100
MANY: Final = 1000
"""From so many rows on, a column besides the key is called unique whatever its name."""
SAMPLE_VALUES: Final = 2_000_000
"""How many values the sample has, over all columns."""
SAMPLE_ROWS: Final = 100_000
MOST_VALUES: Final = 40
"""A text with more different values is no list of accepted ones."""
REPEATED: Final = 5
"""How often a value stands there on average before it counts as one of a list."""
LONGEST_VALUE: Final = 60
PATTERN_ROWS: Final = 5_000_000
"""Above, a pattern would cost more than it tells; the constant length alone is claimed."""
LOOKED_AT: Final = 500
"""How many different values of a column are looked at one by one."""

_ORDERED: Final = frozenset({"integer", "number", "date", "timestamp"})
_CASTS: Final = (
    ("BIGINT", "whole numbers"),
    ("DOUBLE", "numbers"),
    ("DATE", "dates"),
    ("TIMESTAMP", "times"),
)


def profile(connection: duckdb.DuckDBPyConnection, relation: str) -> TableFacts:
    """The facts of a relation that the connection reads, ``"domain"."product"`` or a subquery.

    Keys, ranges, lengths, missing values and accepted values hold for all rows; what a column looks like
    is told by a sample.
    """
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    names = {row[0]: row[1] for row in described}
    rows, columns = _measure(connection, relation, names)
    if rows == 0:
        return TableFacts(0, columns)
    _take_sample(connection, relation, rows, len(columns))
    columns = tuple(_look(connection, relation, rows, column) for column in columns)
    columns = _with_patterns(connection, relation, rows, columns)
    key, unique, doubled = find_key(connection, relation, rows, columns)
    # Among few rows, differing is chance.
    marked = tuple(
        replace(c, unique=c.name in unique and (rows >= MANY or named_like_key(c))) for c in columns
    )
    connection.execute(f"DROP TABLE {SAMPLE}")
    return TableFacts(rows, marked, key, doubled)


def _measure(
    connection: duckdb.DuckDBPyConnection, relation: str, types: dict[str, str]
) -> tuple[int, tuple[ColumnFacts, ...]]:
    """Rows, missing values, ranges and lengths of all columns in one scan (of a hundred columns each)."""
    rows, found = 0, []
    every = [ColumnFacts(name, kind, 0) for name, kind in types.items()]
    for first in range(0, len(every), COLUMNS_AT_ONCE):
        blank = every[first : first + COLUMNS_AT_ONCE]
        asked = ["count(*)"]
        for column in blank:
            asked += [f"count({quoted(column.name)})", *_bounds(column)]
        answer = connection.execute(f"SELECT {', '.join(asked)} FROM {relation}").fetchone()
        assert answer is not None
        rows, *values = answer
        left = iter(values)
        for column in blank:
            found.append(_measured(column, left))
    return rows, tuple(found)


def _bounds(column: ColumnFacts) -> list[str]:
    name = quoted(column.name)
    if column.kind in _ORDERED:
        return [f"min({name})", f"max({name})"]
    if column.type == "VARCHAR":
        return [f"min(length({name}))", f"max(length({name}))"]
    return []


def _measured(column: ColumnFacts, left: Iterator[Any]) -> ColumnFacts:
    filled = next(left)
    if column.kind in _ORDERED:
        return replace(column, filled=filled, minimum=next(left), maximum=next(left))
    if column.type == "VARCHAR":
        return replace(column, filled=filled, shortest=next(left), longest=next(left))
    return replace(column, filled=filled)


def _take_sample(connection: duckdb.DuckDBPyConnection, relation: str, rows: int, width: int) -> None:
    """Whole blocks of rows, so that neighbours stay neighbours: there doubles are found."""
    wanted = max(1000, min(SAMPLE_ROWS, SAMPLE_VALUES // width))
    share = 100 * wanted / rows
    how = f"TABLESAMPLE system({share:.6f}%) REPEATABLE (1)" if share < 50 else f"LIMIT {2 * wanted}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {SAMPLE} AS SELECT * FROM {relation} {how}")
    row = connection.execute(f"SELECT count(*) FROM {SAMPLE}").fetchone()
    if row == (0,):  # No block was drawn.
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {SAMPLE} AS SELECT * FROM {relation} LIMIT {wanted}"
        )


def _look(
    connection: duckdb.DuckDBPyConnection, relation: str, rows: int, column: ColumnFacts
) -> ColumnFacts:
    """What a column looks like, and all values of a text that has few."""
    if column.filled == 0:
        return replace(column, remarks=("without a value in any row",))
    by_name = looks_personal(column.name)
    text = column.type == "VARCHAR"
    # Card numbers are the only whole numbers that tell by themselves what they are.
    cards = column.kind == "integer" and len(str(column.maximum)) >= 13
    values, different = _sampled(connection, relation, column) if text or cards else ([], 0)
    content = personal_content(values)
    if content is not None or by_name is not None:
        said = f"looks like {content}" if content else f"named like {by_name} of a person"
        return replace(column, personal=said)
    if stands_for_somebody(column.name):
        column = replace(column, pseudonymous=True)
    if not text:
        return column
    if named_after_people(column.name) and looks_like_names(values):
        return replace(column, personal="looks like names of persons")
    few = different <= MOST_VALUES and (column.longest or 0) <= LONGEST_VALUE
    if few and column.filled >= REPEATED * different:
        if looks_like_names(values):
            return replace(column, remarks=("could be names of persons, so no values are listed",))
        listed = connection.execute(
            f"SELECT DISTINCT {quoted(column.name)} AS value FROM {relation}"
            f" WHERE value IS NOT NULL ORDER BY value LIMIT {MOST_VALUES + 1}"
        ).fetchall()
        if len(listed) <= MOST_VALUES and column.filled >= REPEATED * len(listed):
            return replace(column, values=tuple(value for (value,) in listed))
    return replace(column, remarks=_readable_as(connection, relation, column, values))


def _sampled(
    connection: duckdb.DuckDBPyConnection, relation: str, column: ColumnFacts
) -> tuple[list[str], int]:
    """Some different values of a column as text, and how many different ones the sample has."""
    name = quoted(column.name)
    question = f"SELECT DISTINCT {name}::VARCHAR FROM {{}} WHERE {name} IS NOT NULL LIMIT {LOOKED_AT}"
    found = connection.execute(question.format(SAMPLE)).fetchall()
    if len(found) < 20:
        # Nearly always missing: the sample may have hit none of those that are there.
        seldom = f"(SELECT {name} FROM {relation} WHERE {name} IS NOT NULL LIMIT 2000)"
        found = connection.execute(question.format(seldom)).fetchall()
    return [value for (value,) in found], len(found)


def _readable_as(
    connection: duckdb.DuckDBPyConnection, relation: str, column: ColumnFacts, values: Sequence[str]
) -> tuple[str, ...]:
    """Numbers and times that are kept as text; mixed ones too."""
    name = quoted(column.name)
    if any(value[:1] == "0" and value[1:].isdigit() for value in values):
        return ()  # Leading zeros: numbers of something, not quantities.
    for kind, words in _CASTS:
        row = connection.execute(
            f"SELECT count({name}), count(TRY_CAST({name} AS {kind})) FROM {SAMPLE}"
        ).fetchone()
        assert row is not None
        if not row[1] or row[1] < 0.9 * row[0]:
            continue
        wrong = connection.execute(
            f"SELECT count(*) FROM {relation} WHERE {name} IS NOT NULL AND TRY_CAST({name} AS {kind}) IS NULL"
        ).fetchone()
        assert wrong is not None
        if wrong[0] == 0:
            return (f"{words} as text: cast to {kind} to have them as such",)
        return (f"mixed: {words}, but for {wrong[0]:,} of {column.filled:,} values",)
    return ()


def _with_patterns(
    connection: duckdb.DuckDBPyConnection, relation: str, rows: int, columns: tuple[ColumnFacts, ...]
) -> tuple[ColumnFacts, ...]:
    """The form of texts that all have the same, ``^[A-Z]{2}[0-9]{4}$``."""
    found: dict[str, str] = {}
    for column in columns:
        plain = column.type == "VARCHAR" and not (column.personal or column.values or column.remarks)
        if plain and column.shortest == column.longest and 2 <= (column.longest or 0) <= 40:
            form = _form(connection, column)
            if form is not None:
                found[column.name] = form
    if not found or rows > PATTERN_ROWS:
        return columns
    asked = [
        f"count(*) FILTER (NOT regexp_full_match({quoted(name)}, {literal(form)}))"
        for name, form in found.items()
    ]
    broken = connection.execute(f"SELECT {', '.join(asked)} FROM {relation}").fetchone()
    assert broken is not None
    kept = {name: form for (name, form), wrong in zip(found.items(), broken, strict=True) if wrong == 0}
    return tuple(replace(c, pattern=f"^{kept[c.name]}$") if c.name in kept else c for c in columns)


def _form(connection: duckdb.DuckDBPyConnection, column: ColumnFacts) -> str | None:
    """The one form of the sampled values as a regular expression; None where they have several."""
    name = quoted(column.name)
    shape = f"regexp_replace({name}, '[0-9]', '9', 'g')"
    shape = f"regexp_replace(regexp_replace({shape}, '[A-Z]', 'A', 'g'), '[a-z]', 'a', 'g')"
    forms = connection.execute(
        f"SELECT DISTINCT {shape} FROM {SAMPLE} WHERE {name} IS NOT NULL LIMIT 2"
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
