"""The rows in which two relations of an engine differ: ``old`` and ``new``, with the same columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from duckdb import DuckDBPyConnection

from platform_core.lake.transaction import number, one
from platform_core.sql.quoting import literal, quoted

JOINED: Final = 3_000_000  # rows of a side in one join, so that it does not take too much memory
SIGNS: Final = (("old", -1), ("new", 1))
MASKED: Final = "(masked)"
_EXAMPLES: Final = 3
_BITS: Final = 16  # larger relations are divided into 2**16 buckets by the hash of the key


@dataclass(frozen=True, slots=True)
class RowCounts:
    added: int = 0
    removed: int = 0
    changed: int = 0
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By column the rows ``changed``, and ``examples`` with the texts of ``key``, ``old`` and ``new``."""


def compare_keys(
    connection: DuckDBPyConnection, key: list[str], columns: list[str], hidden: set[str], most: int
) -> RowCounts | None:
    """The rows by their key; those of both relations are compared in ``columns``. Examples are those with the
    smallest hashes, with a mask for ``hidden`` columns. None if a key repeats."""

    def text(name: str, value: str) -> str:
        return literal(MASKED) if name in hidden else f"{value}::VARCHAR"

    names = [f"{quoted(name)} AS k{n}" for n, name in enumerate(key)]
    names += [f"{quoted(name)} AS c{n}" for n, name in enumerate(columns)]
    same = " AND ".join(f"old.k{n} IS NOT DISTINCT FROM new.k{n}" for n in range(len(key)))
    differ = [f"(old.i AND new.i AND old.c{n} IS DISTINCT FROM new.c{n})" for n in range(len(columns))]
    counted = ["old.i IS NULL", "new.i IS NULL", " OR ".join(differ) or "false", *differ]
    asked = [f"count(*) FILTER ({each})" for each in counted]
    of_key = ", ".join(f"new.k{n}" for n in range(len(key)))
    of_row = ", ".join(f"{literal(name)}: {text(name, f'x.key[{n}]')}" for n, name in enumerate(key, 1))
    for n, (name, each) in enumerate(zip(columns, differ, strict=True)):
        row = f"{{'at': hash({of_key}), 'key': row({of_key}), 'old': old.c{n}, 'new': new.c{n}}}"
        first = f"arg_min({row}, hash({of_key}), {_EXAMPLES}) FILTER ({each})"
        # Texts are made of these rows only.
        texts = f"{{'key': {{{of_row}}}, 'old': {text(name, 'x.old')}, 'new': {text(name, 'x.new')}}}"
        asked.append(f"coalesce(list_transform({first}, lambda x: {{'at': x.at, 'row': {texts}}}), [])")
    totals: list[int] = [0] * len(counted)
    examples: list[list[dict[str, Any]]] = [[] for _ in columns]
    for part in _parts(connection, key, [*key, *columns], most):
        repeats = f"SELECT count(*) - count(DISTINCT hash({', '.join(map(quoted, key))})) FROM"
        if any(number(connection, f"{repeats} {side}{part}") for side, _ in SIGNS):
            return None
        old, new = (f"(SELECT {', '.join(names)}, true AS i FROM {side}{part}) {side}" for side, _ in SIGNS)
        found = one(connection, f"SELECT {', '.join(asked)} FROM {old} FULL JOIN {new} ON {same}")
        totals = [total + more for total, more in zip(totals, found, strict=False)]
        pairs = zip(examples, found[len(totals) :], strict=True)
        examples = [sorted([*kept, *more], key=lambda each: each["at"])[:_EXAMPLES] for kept, more in pairs]
    added, removed, changed, *counts = totals
    every = {
        name: {"changed": count, "examples": [each["row"] for each in kept]}
        for name, count, kept in zip(columns, counts, examples, strict=True)
        if count
    }
    return RowCounts(added, removed, changed, every)


def compare_rows(connection: DuckDBPyConnection, columns: list[str], most: int) -> RowCounts:
    """The rows without a key: how often each row occurs more, or less, than in ``old``."""
    added = removed = 0
    names = ", ".join(f"{quoted(name)} AS c{n}" for n, name in enumerate(columns))
    for part in _parts(connection, columns, columns, most):
        sides = (f"SELECT {sign} AS times, {names} FROM {side}{part}" for side, sign in SIGNS)
        rows = f"SELECT * EXCLUDE (times), sum(times) AS n FROM ({' UNION ALL '.join(sides)}) GROUP BY ALL"
        counts = "coalesce(sum(n) FILTER (n > 0), 0), coalesce(-sum(n) FILTER (n < 0), 0)"
        more, less = one(connection, f"SELECT {counts} FROM ({rows})")
        added, removed = added + int(more), removed + int(less)
    return RowCounts(added, removed)


def _parts(connection: DuckDBPyConnection, by: list[str], columns: list[str], most: int) -> Iterator[str]:
    """Conditions that about ``most`` rows of a side meet each, and together all rows that may differ."""
    if max(number(connection, f"SELECT count(*) FROM {side}") for side, _ in SIGNS) <= most:
        yield ""
        return
    bucket = f"(hash({', '.join(map(quoted, by))}) >> {64 - _BITS})::INTEGER"
    # Sums and not XOR, in which two equal rows would vanish.
    content = f"sum(hash({', '.join(map(quoted, columns))})::HUGEINT)"
    sides = (
        f"SELECT {bucket} AS bucket, {sign} AS sign, count(*) AS n, {content} AS h FROM {side} GROUP BY 1"
        for side, sign in SIGNS
    )
    odd = connection.execute(
        f"SELECT bucket, max(n) FROM ({' UNION ALL '.join(sides)}) GROUP BY bucket"
        " HAVING sum(sign * n) <> 0 OR sum(sign * h) <> 0 ORDER BY bucket"
    ).fetchall()
    parts = -(-sum(rows for _, rows in odd) // most)
    for part in range(parts):
        chosen = {each for each, _ in odd[part::parts]}
        bits = "".join("01"[n in chosen] for n in range(2**_BITS))
        # Not a join: DuckDB may load the larger side for it.
        yield f" WHERE get_bit({literal(bits)}::BIT, {bucket}) = 1"
