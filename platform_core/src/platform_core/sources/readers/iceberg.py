"""Iceberg tables, at one snapshot of one metadata file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from platform_core.sources.order import Order
from platform_core.sources.readers.relation import RelationReader, engine, limit, load, missing
from platform_core.sources.source import Source
from platform_core.sql.quoting import literal


@contextmanager
def opened(orders: Sequence[Order], who: str, seconds: float) -> Iterator[RelationReader]:
    """A reader of one table, at the snapshot that a source names, or the current one of its metadata."""
    first = orders[0].source
    file = _metadata_file(first)
    metadata = _metadata(first, file)
    known = {each.get("snapshot-id") for each in metadata.get("snapshots") or ()}
    snapshot = first.version if first.version is not None else metadata.get("current-snapshot-id")
    if first.version is not None and snapshot not in known:
        raise missing(first, f"has no snapshot {snapshot}", f"a snapshot of {file.name}")
    with engine() as connection:
        for extension in ("avro", "iceberg"):  # iceberg would install avro from the network
            load(connection, extension, "iceberg", first.name)
        limit(connection, orders, file.parent.parent)
        pinned = snapshot if snapshot in known else None  # a new table has none
        chosen = f", snapshot_from_id = {pinned}" if pinned is not None else ""
        scan = f"iceberg_scan({literal(str(file))}{chosen})"
        yield RelationReader(connection, lambda _: scan, pinned)


def _metadata_file(source: Source) -> Path:
    path = Path(source.path)
    if path.is_file():
        return path
    folder, hint = path / "metadata", path / "metadata" / "version-hint.text"
    if hint.is_file():
        version = hint.read_text(encoding="utf-8", errors="replace").strip()
        for name in (f"v{version}.metadata.json", f"{version}.metadata.json", f"v{version}.gz.metadata.json"):
            if (folder / name).is_file():
                return folder / name
    expected = "the metadata file that its catalog names, or a folder with metadata/version-hint.text"
    raise missing(source, "does not name the metadata of an Iceberg table", expected)


def _metadata(source: Source, file: Path) -> dict[str, Any]:
    try:
        content = file.read_bytes()
        metadata = json.loads(gzip.decompress(content) if ".gz." in file.name else content)
    except (OSError, ValueError, EOFError):
        metadata = None
    if not isinstance(metadata, dict) or "format-version" not in metadata:
        raise missing(source, f"names {file.name}, which is not metadata", "a metadata file of Iceberg")
    return metadata
