"""Two versions of a product: the columns and the rows in which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb

from platform_core.access.diff.rows import JOINED, SIGNS, RowCounts, compare_keys, compare_rows
from platform_core.access.query import query_faults
from platform_core.access.versions import never_published, not_kept, opened_files
from platform_core.contracts.model import DataProduct
from platform_core.lake.connect import read_catalog
from platform_core.lake.damage import damaged_file
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.content_hash import Content, content_of
from platform_core.lake.reading import version_at
from platform_core.lake.transaction import number
from platform_core.lake.versions import Catalog, stamps
from platform_core.sealed.engine import sealed_engine, shut
from platform_core.sealed.version import VersionFiles, product_files
from platform_core.sql.allowed import moment
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe

MASKED: Final = "(masked)"


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of version ``new`` from ``old``, which is None if there is no other version."""

    old: int | None
    new: int
    rows: dict[str, int]
    """The rows that are ``added``, ``removed``, ``changed`` and the ``same``."""
    columns: dict[str, dict[str, Any]]
    """By column the rows ``changed``, and ``examples`` with the texts of ``key``, ``old`` and ``new``."""
    schema: dict[str, dict[str, Any]]
    """The types of columns that were ``added`` or ``removed``, and both types of those ``retyped``."""
    by: tuple[str, ...]
    """The key by which rows were compared; empty if whole rows were."""


def difference(
    product: DataProduct, location: LakeLocation, against: str | None = None, most: int = JOINED
) -> Difference:
    """The published version compared with the one before it, or at a moment (``allowed.moment``).

    ``most`` is the number of rows of a version that are compared at once. The result leaves out what the
    contract hides: all columns of a restricted product, and values that samples do not show. The caller has
    judged the grant. Raises RunError (R020, R023), UsageError U045 and LakeError.
    """
    if not location.exists(product.lake):
        raise never_published(product, location)
    with opened_files({product.id: product}, location) as (files, room):
        ask = partial(_versions, location, product, against, room)
        versions = read_catalog(location, product.lake, ask)
        with sealed_engine() as connection, query_faults():
            files.show(connection)
            shut(connection, room and room / "spill")
            with lake_faults(location, product.lake):
                sides = [rows.opened(files, f"{product.id}/{rows.version}") for _, rows in versions]
            try:
                before, now = (describe(connection, sides[n].query) for n in (0, -1))
            except duckdb.Error:
                raise damaged_file(product) from None
            common = [name for name in now if name in before]
            retyped = {name: [before[name], now[name]] for name in common if before[name] != now[name]}
            # Different types are compared as texts.
            names = [f"{quoted(n)}::VARCHAR AS {quoted(n)}" if n in retyped else quoted(n) for n in common]
            for (name, _), rows in zip(SIGNS, _apart(versions, sides, common), strict=True):
                view = f"SELECT {', '.join(names) or 'NULL'} FROM ({rows.query})"
                connection.execute(f"CREATE VIEW {name} AS {view}")
            stored = [None if retyped else facts.get("content") for facts, _ in versions]
            by, found = _compare(connection, product, common, (stored[0], stored[-1]), most)
    rows_now = versions[-1][0]["rows"]
    counts = {"added": found.added, "removed": found.removed, "changed": found.changed}
    return Difference(
        old=sides[0].version if len(sides) > 1 else None,
        new=sides[-1].version,
        rows={**counts, "same": rows_now - found.added - found.changed},
        columns={} if product.restricted else _shown(product, by, found),
        schema={
            "added": {name: kind for name, kind in now.items() if name not in before},
            "removed": {name: kind for name, kind in before.items() if name not in now},
            "retyped": retyped,
        },
        by=by,
    )


Versions = list[tuple[dict[str, Any], VersionFiles]]


def _versions(
    location: LakeLocation, product: DataProduct, against: str | None, room: Path | None, catalog: Catalog
) -> Versions:
    """The stamps and rows of the older version, if there is one, and of the published one."""
    found = list(stamps(catalog, product.lake, product.id, limit=2))[::-1]
    if not found:
        raise never_published(product, location)
    if against is not None:
        version = version_at(catalog, product, moment(against))
        if version is None:
            raise not_kept(product, against)
        found = [*stamps(catalog, product.lake, product.id, version=version), found[-1]]
    return [(facts, product_files(location, catalog, product, room, n)) for n, _, facts in found]


def _apart(versions: Versions, opened: Sequence[VersionFiles], common: Sequence[str]) -> list[VersionFiles]:
    """The older and the newer rows without the files of both, if their common columns are read alike."""
    old, new = versions[0][1], versions[-1][1]
    read = [{column for column in each.columns if column.name in common} for each in (old, new)]
    shared = set(old.files) & set(new.files) if read[0] == read[1] else set()
    return [
        replace(rows, files=tuple(b for a, b in zip(each.files, rows.files, strict=True) if a not in shared))
        for each, rows in ((old, opened[0]), (new, opened[-1]))
    ]


def _compare(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    common: Sequence[str],
    stored: tuple[Content | None, Content | None],
    most: int,
) -> tuple[tuple[str, ...], RowCounts]:
    """The key by which rows were compared, and those that differ. The contents that the lake has stored, or
    else one pass over each version, show which columns to compare."""
    if not common:
        removed, added = (number(connection, f"SELECT count(*) FROM {side}") for side, _ in SIGNS)
        return (), RowCounts(added, removed)
    key = product.key if set(product.key) <= set(common) else ()
    known = _suspects(*stored, list(key) or sorted(common))
    if known is None:
        old, new = (content_of(connection, product, side) for side, _ in SIGNS)
        known = _suspects(old, new, old["by"])
    if known == []:
        return key, RowCounts()
    columns = [name for name in known or () if name not in key]
    found = compare_keys(connection, key, columns, most) if key else None
    return (key, found) if found else ((), compare_rows(connection, common, most))


def _suspects(old: Content | None, new: Content | None, by: list[str]) -> list[str] | None:
    """The columns that may differ: all if the columns ``by`` do; None if the contents are not comparable."""
    if old is None or new is None or not by == old["by"] == new["by"] or old["duckdb"] != new["duckdb"]:
        return None
    keys = (old["rows"], old["key"]) != (new["rows"], new["key"])
    before, now = old["columns"], new["columns"]
    return by * keys + [name for name in now if name in before and (keys or before[name] != now[name])]


def _shown(product: DataProduct, key: Sequence[str], found: RowCounts) -> dict[str, dict[str, Any]]:
    """The columns that differ, with examples in which hidden values are masked."""
    shown = {column.name for column in product.columns if column.shown_in_samples}
    columns: dict[str, dict[str, Any]] = {}
    for name, (count, rows) in found.columns.items():
        examples = columns.setdefault(name, {"changed": count, "examples": []})["examples"]
        for row in rows:
            of_key = {k: v if k in shown else MASKED for k, v in zip(key, row["key"], strict=True)}
            values = {side: row[side] if name in shown else MASKED for side, _ in SIGNS}
            examples.append({"key": of_key, **values})
    return columns
