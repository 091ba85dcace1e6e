"""The record of queries: one line per query, so that a product's owner knows its readers.

A line holds the time, the principal that the caller gave and the products; never the query or its rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from platform_core.files import append_line


@dataclass(frozen=True, slots=True)
class QueryRead:
    at: datetime
    principal: str
    products: tuple[str, ...]


def record_of(home: Path) -> Path:
    """The file in a mesh's state to which queries are appended."""
    return home / "reads" / "queries.jsonl"


def record_query(home: Path, principal: str, products: Collection[str], at: datetime | None = None) -> bool:
    """Append a query to the record, and return whether that succeeded. One write of one line, which the
    system keeps whole next to writes of other processes. A reader that cannot write there still reads."""
    moment = (at or datetime.now(UTC)).isoformat(timespec="milliseconds")
    line = json.dumps({"time": moment, "principal": principal, "products": sorted(products)})
    return append_line(record_of(home), line)


def queries(home: Path) -> Iterator[QueryRead]:
    """The recorded queries, the oldest first. Lines that are not records, such as half of one, are
    skipped."""
    path = record_of(home)
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
                at = datetime.fromisoformat(entry["time"])
                yield QueryRead(at, str(entry["principal"]), tuple(map(str, entry["products"])))
            except (ValueError, KeyError, TypeError):
                continue
