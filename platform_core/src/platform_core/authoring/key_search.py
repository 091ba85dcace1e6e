"""The search for keys: candidates from a sample, verified against all rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

import duckdb

from platform_core.authoring.table_facts import ColumnFacts
from platform_core.lake.transaction import number, one
from platform_core.quality.uniqueness import repeated
from platform_core.sql.quoting import quoted

WIDEST: Final = 6
"""The most columns of a key, unless it has all columns."""
CANDIDATES: Final = 9
"""The most columns that are combined: 9 make 420 combinations."""
PROOFS: Final = 6
"""The most combinations that are verified against all rows, which takes a scan and a sort each."""
_BUCKETS: Final = 16
_LONG: Final = 200

SAMPLE: Final = "__sample"
ALL_ROWS: Final = ""
_AT_ONCE: Final = 100
_NAMES: Final = frozenset({"integer", "string"})
"""The types of a single key column; distinct times are chance."""


def find_key(
    connection: duckdb.DuckDBPyConnection, relation: str, rows: int, columns: Sequence[ColumnFacts]
) -> tuple[tuple[str, ...], frozenset[str], bool]:
    """The key, other unique columns, and whether no key is possible because rows are repeated.

    The best key has the fewest columns; among equals, columns with names of keys come first, then shorter
    ones, then those further to the left.
    """
    usable = [column for column in columns if column.filled == rows and _may_identify(column)]
    different = _different_in_sample(connection, [column.name for column in usable])
    singles = [c for c in usable if c.kind in _NAMES and different[c.name] == different[ALL_ROWS]]
    best = [column.name for column in sorted(singles, key=_worse)[:CANDIDATES]]
    unique = [name for name in best if is_unique(connection, relation, rows, (name,))]
    if unique:
        return (unique[0],), frozenset(unique[1:]), False
    names = _candidates(different, usable)
    if len(names) < 2:
        return (), frozenset(), False
    if len(names) == len(columns) and not _distinct(connection, SAMPLE, names):
        return (), frozenset(), True
    proofs = 0
    weights = {column.name: _worse(column) for column in usable}
    for some in _combinations(connection, names, weights):
        # The combination of all columns is the last one, so it is verified directly.
        if some != names and not _distinct(connection, relation, some, f"WHERE value % {_BUCKETS} = 0"):
            continue
        proofs += 1
        if is_unique(connection, relation, rows, some):
            return some, frozenset(), False
        if proofs == PROOFS:
            break
    return (), frozenset(), False


def is_unique(
    connection: duckdb.DuckDBPyConnection, relation: str, rows: int, columns: Sequence[str]
) -> bool:
    """Whether all rows differ in some columns without missing values."""
    values = repeated(connection, relation, columns, rows)
    return not any(connection.execute(f"SELECT 1 {each} LIMIT 1").fetchone() for each in values)


def _may_identify(column: ColumnFacts) -> bool:
    """Measures and long texts may differ by chance; they do not identify a row."""
    if column.kind == "string":
        return column.type in ("VARCHAR", "UUID") and (column.longest or 0) <= _LONG
    return column.kind in ("integer", "date", "timestamp", "boolean")


def named_like_key(column: ColumnFacts) -> bool:
    """Whether a column has the name of a key."""
    return column.name.lower().endswith(("id", "key", "code", "number", "uuid", "upc", "sku", "_no", "_nr"))


def _different_in_sample(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> dict[str, int]:
    """The numbers of different values in the sample by column, and of its rows (``ALL_ROWS``)."""
    found: dict[str, int] = {}
    for first in range(0, max(1, len(names)), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        asked = ["count(*)", *(f"count(DISTINCT {quoted(name)})" for name in some)]
        row = one(connection, f"SELECT {', '.join(asked)} FROM {SAMPLE}")
        found |= dict(zip((ALL_ROWS, *some), row, strict=True))
    return found


def _candidates(different: Mapping[str, int], usable: Sequence[ColumnFacts]) -> tuple[str, ...]:
    ranked = sorted(usable, key=lambda column: (-different[column.name], not named_like_key(column)))
    best = {column.name for column in ranked[:CANDIDATES]}
    return tuple(column.name for column in usable if column.name in best)


def _worse(column: ColumnFacts) -> int:
    """A rank, lower for a better key: a key's name first, then short values."""
    long = column.longest if column.longest is not None else len(str(column.maximum or ""))
    return long + 1000 * (not named_like_key(column))


def _combinations(
    connection: duckdb.DuckDBPyConnection, names: tuple[str, ...], worse: Mapping[str, int]
) -> Iterator[tuple[str, ...]]:
    for size in range(2, min(len(names), WIDEST) + 1):
        for some in sorted(combinations(names, size), key=lambda each: sum(map(worse.__getitem__, each))):
            if _distinct(connection, SAMPLE, some):
                yield some
    if len(names) > WIDEST and _distinct(connection, SAMPLE, names):
        yield names


def _distinct(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str], where: str = ""
) -> bool:
    """Whether all combinations, or those in one bucket of hashes, are distinct."""
    values = f"(SELECT hash({', '.join(map(quoted, columns))}) AS value FROM {relation}) {where}"
    return bool(number(connection, f"SELECT count(*) = count(DISTINCT value) FROM {values}"))
