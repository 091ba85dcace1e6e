"""Who queried what: one line for each query, so that a product's owner knows its readers.

A line holds the time, the reader as it called itself and the products; never the query or its rows.
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
    """One query as it was recorded."""

    at: datetime
    principal: str
    products: tuple[str, ...]


def record_of(home: Path) -> Path:
    """The file in a mesh's state to which queries are appended."""
    return home / "reads" / "queries.jsonl"


def record_query(home: Path, principal: str, products: Collection[str], at: datetime | None = None) -> bool:
    """Append a query to the record; whether that could be done.

    One write of one line at the end of the file, which the system keeps whole beside those of other
    processes. A reader without the right to write there reads all the same.
    """
    moment = (at or datetime.now(UTC)).isoformat(timespec="milliseconds")
    line = json.dumps({"time": moment, "principal": principal, "products": sorted(products)})
    return append_line(record_of(home), line)


def queries(home: Path) -> Iterator[QueryRead]:
    """What was recorded, the oldest first. A line that is no record, such as half of one, is passed over."""
    path = record_of(home)
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                said = json.loads(line)
                at = datetime.fromisoformat(said["time"])
                yield QueryRead(at, str(said["principal"]), tuple(map(str, said["products"])))
            except (ValueError, KeyError, TypeError):
                continue
