"""Two versions of a product: the columns and the rows in which they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from platform_core.access.diff.rows import JOINED, SIGNS, RowCounts, compare_keys, compare_rows
from platform_core.access.query import query_faults
from platform_core.access.versions import never_published, not_kept, opened_files
from platform_core.contracts.model import DataProduct
from platform_core.lake.connect import read_catalog
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.content_hash import Content, added, content_of
from platform_core.lake.reading import version_at
from platform_core.lake.transaction import number
from platform_core.lake.versions import Catalog, stamps
from platform_core.sealed.engine import sealed_engine, shut
from platform_core.sealed.version import VersionFiles, product_files
from platform_core.sql.allowed import moment
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe


@dataclass(frozen=True, slots=True)
class Difference:
    """Version ``new`` compared with ``old``, which is None if there is no other one."""

    old: int | None
    new: int
    rows: dict[str, int]
    columns: dict[str, dict[str, Any]]
    by: tuple[str, ...]
    """The key by which rows were compared; empty if whole rows were."""
    schema: dict[str, dict[str, Any]]
    """The types of columns that were ``added`` or ``removed``, and both types of those ``retyped``."""


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
        versions = read_catalog(location, product.lake, partial(_versions, location, product, against, room))
        (before, old), (now, new) = versions[0], versions[-1]
        with sealed_engine() as connection, query_faults():
            files.show(connection)
            shut(connection, room and room / "spill")
            with lake_faults(location, product.lake):
                sides = [rows.opened(files, f"{product.id}/{rows.version}") for rows in _apart(old, new)]
                types, kinds = (describe(connection, side.query) for side in sides)
            common = [name for name in kinds if name in types]
            retyped = {name: [types[name], kinds[name]] for name in common if types[name] != kinds[name]}
            # Different types are compared as texts.
            names = [f"{quoted(n)}::VARCHAR AS {quoted(n)}" if n in retyped else quoted(n) for n in common]
            for (view, _), side in zip(SIGNS, sides, strict=True):
                rows = f"SELECT {', '.join(names) or 'NULL'} FROM ({side.query})"
                connection.execute(f"CREATE VIEW {view} AS {rows}")
            stored = not retyped and before.get("content") and now.get("content")
            gap = added(now["content"], before["content"], -1) if stored else None
            by, found = _compare(connection, product, common, gap, most)
    counts = {"added": found.added, "removed": found.removed, "changed": found.changed}
    return Difference(
        old=old.version if len(versions) > 1 else None,
        new=new.version,
        rows={**counts, "same": now["rows"] - found.added - found.changed},
        columns={} if product.restricted else found.columns,
        by=by,
        schema={
            "added": {name: kind for name, kind in kinds.items() if name not in types},
            "removed": {name: kind for name, kind in types.items() if name not in kinds},
            "retyped": retyped,
        },
    )


def _versions(
    location: LakeLocation, product: DataProduct, against: str | None, room: Path | None, catalog: Catalog
) -> list[tuple[dict[str, Any], VersionFiles]]:
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


def _apart(old: VersionFiles, new: VersionFiles) -> Iterator[VersionFiles]:
    """Both without the files that they share, if their common columns are read alike."""
    names = {column.name for column in old.columns} & {column.name for column in new.columns}
    read = [{column for column in each.columns if column.name in names} for each in (old, new)]
    shared = set(old.files) & set(new.files) if read[0] == read[1] else set()
    for each in (old, new):
        yield replace(each, files=tuple(file for file in each.files if file not in shared))


def _compare(
    connection: DuckDBPyConnection, product: DataProduct, common: list[str], gap: Content | None, most: int
) -> tuple[tuple[str, ...], RowCounts]:
    """The key by which rows were compared, and those that differ. ``gap`` is the difference of the contents
    that the lake has stored; else one pass over each version finds it."""
    if not common:
        less, more = (number(connection, f"SELECT count(*) FROM {side}") for side, _ in SIGNS)
        return (), RowCounts(more, less)
    key = product.key if set(product.key) <= set(common) else ()
    if gap is None or gap["by"] != (list(key) or sorted(common)):
        old, new = (content_of(connection, product, side) for side, _ in SIGNS)
        gap = added(new, old, -1)
    assert gap is not None  # both have the common columns
    moved = gap["rows"] != 0 or gap["key"] != "0"
    columns = [name for name, total in gap["columns"].items() if moved or total != "0"]
    if not moved and not columns:
        return key, RowCounts()
    hidden = {*common} - {column.name for column in product.columns if column.shown_in_samples}
    found = compare_keys(connection, list(key), columns, hidden, most) if key else None
    return (key, found) if found else ((), compare_rows(connection, common, most))
