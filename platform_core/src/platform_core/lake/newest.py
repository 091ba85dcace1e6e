"""The published versions of a few products, read with SQLite, so that a search needs no DuckDB."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from platform_core.lake.location import LakeLocation

_NEWEST: Final = (
    "SELECT asset, max(snapshot_id), snapshot_time, facts FROM (SELECT snapshot_id, facts,"
    " json_extract(facts, '$.asset') AS asset FROM (SELECT snapshot_id, CASE WHEN json_valid(commit_extra_info)"
    " THEN commit_extra_info END AS facts FROM ducklake_snapshot_changes))"
    " JOIN ducklake_snapshot USING (snapshot_id)"
    " WHERE asset IN (SELECT value FROM json_each(?)) GROUP BY asset"
)


@dataclass(frozen=True, slots=True)
class Newest:
    """The version of a product that readers see."""

    version: int
    published_at: datetime
    rows: int


def newest_of(location: LakeLocation, lake: str, products: Collection[str]) -> dict[str, Newest]:
    """The version that readers see of each product that has one, by id. Raises LakeError L004."""
    if not location.catalog(lake).exists():
        return {}
    try:
        address = f"{location.catalog(lake).absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=30)) as connection:
            rows = connection.execute(_NEWEST, [json.dumps(list(products))]).fetchall()
    except sqlite3.Error as error:
        from platform_core.lake.errors import damaged

        raise damaged(location, lake, str(error)) from error
    return {
        product: Newest(version, datetime.fromisoformat(at), json.loads(facts)["rows"])
        for product, version, at, facts in rows
    }
