"""Foreign keys: columns with the name of another product's key, whose values are all in that key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

import duckdb

from platform_core.authoring.table_facts import ColumnFacts, ForeignKey
from platform_core.contracts.model import DataProduct
from platform_core.lake.transaction import one
from platform_core.sql.quoting import quoted

PER_COLUMN: Final = 3
ALL: Final = 20
"""The most pairs of columns that are compared."""
NEARLY: Final = 0.9
SAME_KEY: Final = 2


def candidates(
    names: Iterable[str], products: Iterable[DataProduct], own: str
) -> list[tuple[str, DataProduct]]:
    """Pairs of a column and a product whose key it may refer to, the best names first.

    ``own`` is the id or the name of the product itself, which is left out.
    """
    keyed = [
        product for product in products if len(product.key) == 1 and own not in (product.id, product.name)
    ]
    found: list[tuple[int, str, DataProduct]] = []
    for name in names:
        pairs = [(rank, name, product) for product in keyed if (rank := _alike(name, product)) is not None]
        found += sorted(pairs, key=lambda pair: pair[0])[:PER_COLUMN]
    found.sort(key=lambda pair: pair[0])
    return [(name, product) for _, name, product in found[:ALL]]


def _alike(column: str, product: DataProduct) -> int | None:
    """The rank of a product as the target of a column's name, 0 the best; None for any other product.

    `store_id` refers to `stores` (0) or to `open_stores` (1). A product per store, such as
    `store_performance`, has the same key but does not define stores (2).
    """
    word, key = column.lower(), product.key[0].lower()
    one = product.name.removesuffix("s")
    own = key in ("id", "name", "code", "key", "number")
    if word == key and not own:
        base = key.rpartition("_")[0] or key
        return 0 if base == one else 1 if one.endswith(f"_{base}") else SAME_KEY
    if key in ("id", f"{one}_id") and word in (f"{one}_id", f"{product.name}_id"):
        return 0
    return 1 if not own and word.endswith(f"_{key}") and key.startswith(one) else None


def with_references(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Sequence[ColumnFacts],
    pairs: Sequence[tuple[str, DataProduct]],
    tables: Mapping[str, str],
) -> tuple[ColumnFacts, ...]:
    """The columns with their targets: for each the first product with all of its values, or nearly all.

    ``tables`` are the relations of the readable products.
    """
    found: dict[str, ForeignKey] = {}
    for name, product in pairs:
        known = found.get(name)
        if product.id not in tables or (known is not None and known.missing == 0):
            continue
        column = next(column for column in columns if column.name == name)
        if column.filled == 0 or column.personal:
            continue
        reference = _contained(connection, relation, column, product, tables[product.id])
        if reference is None or reference.missing > (1 - NEARLY) * reference.values:
            continue
        reference = replace(reference, alike=_alike(name, product) or 0)
        if known is None or (reference.alike < SAME_KEY and reference.missing < known.missing):
            found[name] = reference
    return tuple(_with(column, found.get(column.name)) for column in columns)


def _with(column: ColumnFacts, reference: ForeignKey | None) -> ColumnFacts:
    if reference is None:
        return column
    if reference.missing == 0 and reference.alike < SAME_KEY:
        return replace(column, reference=reference)
    remark = f"all {reference.values:,} different values are in {reference.product} too: a foreign key?"
    if reference.missing:
        remark = (
            f"{reference.missing:,} of {reference.values:,} different values are not in {reference.product}: "
        )
        remark += "not a foreign key, or one with severity warning"
    return replace(column, remarks=(*column.remarks, remark))


def _contained(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    column: ColumnFacts,
    product: DataProduct,
    target: str,
) -> ForeignKey | None:
    name, key = quoted(column.name), quoted(product.key[0])
    described = connection.execute(f"SELECT typeof({key}) FROM {target} LIMIT 1").fetchone()
    if described is None or ColumnFacts("", described[0], 0).kind != column.kind:
        return None
    counted = one(
        connection,
        f"SELECT count(*), count(*) FILTER (NOT there) FROM ("
        f"SELECT value, value IN (SELECT {key} FROM {target}) AS there"
        f" FROM (SELECT DISTINCT {name} AS value FROM {relation} WHERE {name} IS NOT NULL))",
    )
    return ForeignKey(product.id, product.key[0], *counted)


def grids(columns: Iterable[ColumnFacts]) -> Iterator[str]:
    """Descriptions of columns that could be the partition column."""
    for column in columns:
        low, high = column.minimum, column.maximum
        if column.personal or not isinstance(low, date) or not isinstance(high, date):
            continue
        months = 12 * (high.year - low.year) + high.month - low.month + 1
        if 2 <= months <= 1200:
            yield f"{column.name} spans {months} months ({low:%Y-%m} to {high:%Y-%m})"
