"""Statistics of the columns of a published version: counts and bounds of all rows, the rest of a sample."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.lake.location import table_of
from platform_core.lake.transaction import one
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe, family

SAMPLE: Final = 20_000
"""Rows of which distinct and frequent values and quartiles are; of a smaller table, all rows."""
GROUP: Final = 10
"""The least rows, and people, that share a frequent value."""
PEOPLE: Final = frozenset({"personal", "pseudonymous"})
_SAMPLE: Final = "__sample"


def columns_shown(product: DataProduct) -> set[str]:
    """The columns whose values may be in statistics."""
    return {c.name for c in product.columns if c.shown_in_samples and not PEOPLE & {*c.tags}}


def statistics(
    connection: duckdb.DuckDBPyConnection, product: DataProduct, values: bool
) -> list[dict[str, Any]]:
    """The statistics of each column of a product's published version, with values as texts; ``values`` is
    whether all users may see rows of it.

    Values are left out of personal, pseudonymous, restricted and undeclared columns, and of types without an
    order. A frequent value is one that at least GROUP rows share, and GROUP values of each personal or
    pseudonymous column.
    """
    relation = table_of(product)
    types = describe(connection, f"FROM {relation}")
    people = [c.name for c in product.columns if c.name in types and PEOPLE & {*c.tags}]
    shown = {
        name for name, kind in types.items() if values and name in columns_shown(product) and family(kind)
    }
    bounds = "left(CAST(min({0}) AS VARCHAR), 40), left(CAST(max({0}) AS VARCHAR), 40)"
    wanted = "".join(
        f", count({quoted(name)}), {bounds.format(quoted(name)) if name in shown else 'NULL, NULL'}"
        for name in types
    )
    rows, *facts = one(connection, f"SELECT count(*){wanted} FROM {relation}")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_SAMPLE} AS"
        f" FROM {relation} USING SAMPLE reservoir({SAMPLE} ROWS) REPEATABLE (1)"
    )
    found = []
    for number, (name, kind) in enumerate(types.items()):
        filled, least, most = facts[3 * number : 3 * number + 3]
        distinct, once, twice, frequent = one(connection, _groups(name, people if name in shown else None))
        if rows > SAMPLE:  # the estimate of Chao, from the values that the sample has once and twice
            distinct = min(filled, distinct + once * (once - 1) // (2 * (twice + 1)))
        quartiles = []
        if name in shown and family(kind) not in ("string", "boolean"):
            quantiles = f"quantile_disc({quoted(name)}, [0.25, 0.5, 0.75])::VARCHAR[]"
            [quartiles] = one(connection, f"SELECT coalesce({quantiles}, []) FROM {_SAMPLE}")
        found.append(
            {
                "column": name,
                "type": kind,
                "null": round((rows - filled) / rows, 6) if rows else 0.0,
                "distinct": distinct,
                "estimated": rows > SAMPLE,
                "minimum": least,
                "quartiles": quartiles,
                "maximum": most,
                "frequent": {value: round(int(n) / min(rows, SAMPLE), 6) for value, n in frequent},
            }
        )
    connection.execute(f"DROP TABLE {_SAMPLE}")
    return found


def _groups(name: str, people: Collection[str] | None) -> str:
    """SQL for the sample's distinct values, those that it has once and twice, and the frequent ones with
    their rows, none if ``people`` is None."""
    behind = ", ".join(["count(*)", *(f"count(DISTINCT {quoted(each)})" for each in people or ())])
    enough = f"least({behind}) >= {GROUP}" if people is not None else "false"
    return (
        "SELECT count(*), count(*) FILTER (n = 1), count(*) FILTER (n = 2),"
        f" coalesce(arg_max([left(v::VARCHAR, 40), n::VARCHAR], n, 5) FILTER (enough), [])"
        f" FROM (SELECT {quoted(name)} AS v, count(*) AS n, {enough} AS enough FROM {_SAMPLE}"
        f" WHERE {quoted(name)} IS NOT NULL GROUP BY ALL)"
    )
