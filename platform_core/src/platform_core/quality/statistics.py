"""Statistics of the columns of a published version, from its files' own bounds and a sample of its rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.lake.location import table_of
from platform_core.lake.transaction import one
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe, family

SAMPLE: Final = 20_000
"""Rows from which distinct and frequent values and quartiles come; a smaller table is used as a whole."""
GROUP: Final = 10
"""The least rows, and people, that share a frequent value."""
PSEUDONYMOUS: Final = "pseudonymous"
_FREQUENT: Final = 5
_LETTERS: Final = 40
_MEASURED: Final = ("integer", "number", "date", "timestamp", "time")
"""The families of types that have quartiles. Values of a type without a family, such as a list, are left out."""
_SAMPLE: Final = "__sample"


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """Statistics of one column; values are texts. ``null`` and the shares of ``frequent`` values are from 0 to
    1. ``exact`` is whether they are of all rows. A column whose values are not shown has no values here."""

    column: str
    type: str
    null: float
    distinct: int
    exact: bool
    minimum: str | None = None
    maximum: str | None = None
    quartiles: Sequence[str] = ()
    frequent: Sequence[tuple[str, float]] = ()


def statistics(
    connection: duckdb.DuckDBPyConnection, product: DataProduct, values: bool
) -> list[ColumnStatistics]:
    """The statistics of a product's published version; ``values`` is whether its rows may be shown to all.

    No values are shown of personal, pseudonymous, restricted and undeclared columns. A frequent value is shared
    by at least GROUP rows of the sample, and by GROUP people where columns are personal or pseudonymous.
    """
    relation = table_of(product)
    types = describe(connection, f"FROM {relation}")
    people = [c.name for c in product.columns if c.name in types and (c.personal or PSEUDONYMOUS in c.tags)]
    shown = {
        c.name for c in product.columns if values and c.shown_in_samples and family(types.get(c.name, ""))
    }
    shown.difference_update(people)
    wanted = ["count(*)"]
    for name in types:
        bounds = [_text(f"{bound}({quoted(name)})") if name in shown else "NULL" for bound in ("min", "max")]
        wanted += [f"count({quoted(name)})", *bounds]
    rows, *numbers = one(connection, f"SELECT {', '.join(wanted)} FROM {relation}")
    sample = f"{relation} USING SAMPLE reservoir({SAMPLE} ROWS) REPEATABLE (1)"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_SAMPLE} AS FROM {sample}")
    found = []
    for (name, kind), filled, least, most in zip(
        types.items(), *(numbers[n::3] for n in range(3)), strict=True
    ):
        distinct, once, twice, frequent = one(connection, _groups(name, people if name in shown else None))
        if rows > SAMPLE:  # the estimate of Chao, from the values that the sample has once and twice
            distinct = min(filled, distinct + once * (once - 1) // (2 * (twice + 1)))
        quartiles: list[str] = []
        if name in shown and family(kind) in _MEASURED:
            quartile = f"quantile_disc({quoted(name)}, [0.25, 0.5, 0.75])::VARCHAR[]"
            [quartiles] = one(connection, f"SELECT coalesce({quartile}, []) FROM {_SAMPLE}")
        shares = [(value, round(int(count) / min(rows, SAMPLE), 6)) for value, count in frequent]
        null = round((rows - filled) / rows, 6) if rows else 0.0
        exact = rows <= SAMPLE
        found.append(ColumnStatistics(name, kind, null, distinct, exact, least, most, quartiles, shares))
    connection.execute(f"DROP TABLE {_SAMPLE}")
    return found


def _groups(name: str, people: Collection[str] | None) -> str:
    """SQL for the number of distinct values in the sample, of those that it has once and twice, and the frequent
    ones. None: the values are not shown."""
    column = quoted(name)
    behind = ", ".join(["count(*)", *(f"count(DISTINCT {quoted(each)})" for each in people or ())])
    value = "NULL" if people is None else f"[{_text('v')}, n::VARCHAR]"
    return (
        "SELECT count(*), count(*) FILTER (n = 1), count(*) FILTER (n = 2),"
        f" coalesce(arg_max({value}, n, {_FREQUENT}) FILTER (behind >= {GROUP}), []) FROM (SELECT {column} AS v,"
        f" count(*) AS n, least({behind}) AS behind FROM {_SAMPLE} WHERE {column} IS NOT NULL GROUP BY v)"
    )


def _text(value: str) -> str:
    return f"left(CAST({value} AS VARCHAR), {_LETTERS})"
