"""The Parquet files of a masked twin: new files of its publication, and earlier ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import PurePath
from typing import Final

import duckdb

from platform_core.contracts.model import DataProduct, Mask
from platform_core.lake.location import LakeLocation, catalog_of
from platform_core.sql.quoting import file_literal, fold

MASKS: Final = "masks"
"""The stamp's entry for the digest of the masks."""
KEYS: Final = "keys"
"""The stamp's entry for the fingerprints of the keys, by name."""


@dataclass(frozen=True, slots=True)
class TwinFiles:
    """``new`` files are not committed yet; ``earlier`` files were committed under other masks."""

    new: tuple[str, ...]
    earlier: tuple[str, ...]


def masks_of(twin: DataProduct, hidden: tuple[str, ...]) -> str:
    """A digest of the masks. A file that was checked under the same digest needs no second check."""
    masks = [(column.name, _mask_fields(column.mask)) for column in twin.columns]
    return hashlib.sha256(json.dumps([masks, sorted(hidden)], default=str).encode()).hexdigest()[:16]


def written_files(location: LakeLocation, twin: DataProduct) -> frozenset[str]:
    """All Parquet files in the twin's folder, of any version."""
    return frozenset(location.files_below(f"{location.data(twin.lake)}products/{twin.name}/"))


def twin_files(
    connection: duckdb.DuckDBPyConnection,
    location: LakeLocation,
    twin: DataProduct,
    masks: str,
    before: frozenset[str],
) -> TwinFiles:
    """The files to check during the twin's publication; ``before`` are those that existed when it began.
    Files of a killed run, which no version contains, are removed."""
    catalog = catalog_of(twin.lake)
    rows = connection.execute(
        "SELECT parse_filename(f.path), c.commit_extra_info"
        f" FROM {catalog}.ducklake_data_file f LEFT JOIN {catalog}.ducklake_snapshot_changes c"
        " ON c.snapshot_id = f.begin_snapshot"
    ).fetchall()
    made_under = {name: json.loads(extra) if extra else {} for name, extra in rows}
    new, earlier = [], []
    for path in sorted(written_files(location, twin)):
        name = PurePath(path).name
        if name in made_under:
            facts = made_under[name]
            if facts.get("asset") != twin.id or facts.get(MASKS) != masks:
                earlier.append(path)
        elif path in before:
            location.remove(path)
        else:
            new.append(path)
    return TwinFiles(tuple(new), tuple(earlier))


def columns_of(connection: duckdb.DuckDBPyConnection, files: tuple[str, ...]) -> dict[str, list[str]]:
    """The files that have a column, by its folded name."""
    if not files:
        return {}
    rows = connection.execute(
        f"SELECT DISTINCT name, file_name FROM parquet_schema({_list(files)}) WHERE num_children IS NULL"
    ).fetchall()
    found: dict[str, list[str]] = {}
    for name, file in rows:
        found.setdefault(fold(name), []).append(file)
    return found


def parquet(files: Sequence[str]) -> str:
    """A relation of the rows of some files, without the lake."""
    return f"read_parquet({_list(files)}, union_by_name => true)"


def _list(files: Sequence[str]) -> str:
    return f"[{', '.join(map(file_literal, files))}]"


def _mask_fields(mask: Mask | None) -> list[object] | None:
    if mask is None:
        return None
    return [getattr(mask, each.name) for each in fields(mask) if each.name != "place"]
