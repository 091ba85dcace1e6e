"""The published versions of a few products, read with SQLite, so that a search needs no DuckLake."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from typing import Final

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import Diagnostic
from platform_core.lake.errors import damaged
from platform_core.lake.location import LakeLocation
from platform_core.lake.versions import Version, version_of

_FACTS: Final = "CASE WHEN json_valid(commit_extra_info) THEN commit_extra_info END"
_NEWEST: Final = (
    "SELECT asset, max(snapshot_id), snapshot_time, facts FROM (SELECT snapshot_id, facts,"
    f" json_extract(facts, '$.asset') AS asset FROM (SELECT snapshot_id, {_FACTS} AS facts FROM"
    " ducklake_snapshot_changes)) JOIN ducklake_snapshot USING (snapshot_id)"
    " WHERE asset IN (SELECT value FROM json_each(?)) GROUP BY asset"
)


def newest_of(
    location: LakeLocation, products: Iterable[DataProduct]
) -> tuple[dict[str, Version], dict[str, tuple[Diagnostic, ...]]]:
    """As ``damage.newest_versions``, but without a look at files: no version has its bytes, and only an
    unreadable catalog is a fault."""
    own = {product.id: product for product in products if location.catalog(product.lake).exists()}
    found: dict[str, Version] = {}
    faults: dict[str, tuple[Diagnostic, ...]] = {}
    for lake in sorted({product.lake for product in own.values()}):
        ids = [product.id for product in own.values() if product.lake == lake]
        try:
            address = f"{location.catalog(lake).absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=30)) as connection:
                for id, version, at, facts in connection.execute(_NEWEST, [json.dumps(ids)]):
                    when = datetime.fromisoformat(at)
                    found[id] = version_of(own[id], version, when, json.loads(facts), None)
        except sqlite3.Error as error:
            faults |= dict.fromkeys(ids, damaged(location, lake, str(error)).diagnostics)
    return found, faults
