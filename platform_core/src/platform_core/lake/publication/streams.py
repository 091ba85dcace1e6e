"""Appending batches to a stream. A transaction holds a batch's rows and its entry in the ledger. A batch
is in the table if and only if it is in the ledger, so a batch that is delivered again is skipped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, Literal, TypeVar

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, LakeError, PlatformError
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation, table_of
from platform_core.lake.lock import lake_lock
from platform_core.lake.publication.column_fit import fitted, insert
from platform_core.lake.publication.content_hash import Content, added, content_of, published_content
from platform_core.lake.publication.tables import lost_columns, query_faults
from platform_core.lake.reading import holds_nan
from platform_core.lake.transaction import Stamp, one, transaction
from platform_core.lake.versions import relation_kind
from platform_core.sql.plan import require_reads
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.times import microseconds, moment
from platform_core.sql.types import describe
from platform_core.words import listed

T = TypeVar("T")
BATCH: Final = "__batch"
"""The temporary table of a batch before it is appended."""
COMPACT_EVERY: Final = 100
"""Batches after which their small files are merged, so that reads and commits stay fast."""

SMALL_FILE: Final = 8_000_000
"""Bytes from which on a file is not merged, so that merging costs the same for every length of stream."""

Position = Mapping[str, Any]
"""How far an input was read, by product id: see products.inputs.changes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger: one published batch."""

    batch: str
    rows: int
    digest: str
    fingerprint: str | None
    first_event: datetime | None
    last_event: datetime | None
    published_at: datetime
    position: Position = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Appended(Generic[T]):
    """The result of ``append``. ``audited`` is what the audit returned, None for a skipped batch."""

    entry: Entry
    state: Literal["published", "skipped"]
    seconds: float
    late: bool = False
    """Whether its last event is older than an event of an earlier batch."""
    audited: T | None = None
    fault: PlatformError | None = None
    """Why the small files could not be merged afterwards."""


@dataclass
class Stream:
    """A stream that only this process may append to."""

    connection: duckdb.DuckDBPyConnection
    location: LakeLocation
    product: DataProduct
    stamp: Stamp
    entries: dict[str, Entry]
    rows: int
    content: Content | None
    """None before the first batch, and if the last version has none."""

    @property
    def last_event(self) -> datetime | None:
        return max((e.last_event for e in self.entries.values() if e.last_event), default=None)

    @property
    def position(self) -> Position:
        """How far the inputs were read for the last batch."""
        return next(reversed(self.entries.values())).position if self.entries else {}

    def known(self, batch: str, fingerprint: str | None) -> bool:
        """Whether a batch was published with the same fingerprint, so that its rows need no comparison."""
        entry = self.entries.get(batch)
        return entry is not None and fingerprint is not None and entry.fingerprint == fingerprint

    def append(
        self,
        batch: str,
        select: str,
        *,
        audit: Callable[[str, str], T],
        reads: Iterable[str] | None = None,
        fingerprint: str | None = None,
        position: Position | None = None,
    ) -> Appended[T]:
        """Publish the rows of a query as a batch, or skip a batch that was published before.

        ``audit`` takes the relations of the batch and of the stream without it, and raises to refuse the
        batch. ``reads`` are the relations that the query may read. Raises what ``audit`` raises; LakeError
        L040; DefinitionError L010, L041; LakeLocked; LakeError.
        """
        started = time.monotonic()
        with query_faults(self.location, self.product):
            if reads is not None:
                require_reads(self.connection, select, map(quoted, reads))
            old = describe(self.connection, f"FROM {table_of(self.product)}") if self.entries else {}
            fit = fitted(self.connection, self.product, select, old)
            with fit.refusals():
                self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {BATCH} AS {fit.query}")
        entry = self._described(batch, fingerprint, position or {})
        if (before := self.entries.get(batch)) is not None:
            if before.digest != entry.digest:
                raise _conflict(self.product, before, entry)
            return Appended(before, "skipped", time.monotonic() - started)
        latest = self.last_event
        lake = self.product.lake
        with transaction(self.connection, self.location, lake, holder=self.stamp.holder) as commit:
            self._shape(batch, old)
            audited = audit(BATCH, table_of(self.product))
            insert(self.connection, table_of(self.product), BATCH)
            values = (len(self.entries), *astuple(entry)[:-1], json.dumps(entry.position))
            written = ", ".join("NULL" if value is None else literal(value) for value in values)
            self.connection.execute(f"INSERT INTO {_ledger(self.product)} VALUES ({written})")
            facts = {"rows": self.rows + entry.rows, "rows_written": entry.rows, "batch": batch}
            content = self.content and added(self.content, content_of(self.connection, self.product, BATCH))
            content = content or content_of(self.connection, self.product, table_of(self.product))
            made = {"seconds": round(time.monotonic() - started, 3), "content": content}
            commit.sign(self.stamp, {"kind": "stream", **facts, **made, **self.stamp.audit_facts(audited)})
        self.entries[batch], self.content = entry, content
        self.rows += entry.rows
        seconds = time.monotonic() - started
        fault = None
        if len(self.entries) % COMPACT_EVERY == 0:
            try:
                self.compact()
            except PlatformError as error:  # the batch is published nevertheless
                fault = error
        late = bool(latest and entry.last_event and entry.last_event < latest)
        return Appended(entry, "published", seconds, late, audited, fault)

    def compact(self) -> None:
        """Merge the files of small batches; versions and insertions stay as they are. A stream with a NaN
        is left out: in a merged file the NaN may be before the last row group."""
        lake = self.product.lake
        tables = [("products", self.product.name), ("internal", ledger_name(self.product))]
        with transaction(self.connection, self.location, lake, holder=f"{self.product.id}, merging files"):
            for schema, table in tables[holds_nan(self.connection, self.product) :]:
                which = f"{literal(lake)}, {literal(table)}, schema => {literal(schema)}"
                which += f", max_file_size => {SMALL_FILE}"
                self.connection.execute(f"CALL ducklake_merge_adjacent_files({which})")

    def _described(self, batch: str, fingerprint: str | None, position: Position) -> Entry:
        columns = describe(self.connection, f"FROM {BATCH}")
        names = ", ".join(f"{quoted(name)}::VARCHAR" for name in sorted(columns))
        name = self.product.event_time
        event = microseconds(quoted(name)) if name in columns and name else "NULL::BIGINT"
        # Sorted, because the order of rows does not matter.
        row = one(
            self.connection,
            "SELECT count(*), sha256(coalesce(string_agg(h, '' ORDER BY h), '')), min(e), max(e)"
            f" FROM (SELECT sha256(row({names})::VARCHAR) AS h, {event} AS e FROM {BATCH})",
        )
        first, last = map(moment, row[2:])
        return Entry(batch, int(row[0]), row[1], fingerprint, first, last, datetime.now(UTC), position)

    def _shape(self, batch: str, old: Mapping[str, str]) -> None:
        """Create the table and the ledger, or add new columns to the table."""
        relation = table_of(self.product)
        new = describe(self.connection, f"FROM {BATCH}")
        if not self.entries:
            # Rows of a product that was not a stream before are in no batch, so they are removed.
            if relation_kind(self.connection, self.product.lake, self.product.name) == "VIEW":
                self.connection.execute(f"DROP VIEW {relation}")
            self.connection.execute(f"CREATE OR REPLACE TABLE {relation} AS FROM {BATCH} LIMIT 0")
            self.connection.execute(
                f"CREATE TABLE IF NOT EXISTS {_ledger(self.product)} (number BIGINT, batch VARCHAR,"
                " rows BIGINT, digest VARCHAR, fingerprint VARCHAR, first_event TIMESTAMPTZ,"
                " last_event TIMESTAMPTZ, published_at TIMESTAMPTZ, inputs VARCHAR)"
            )
            return
        if changes := listed(list(lost_columns(old, new).values())):
            message = f'batch "{batch}" of {self.product.id} has other columns than the stream: {changes}'
            expected = "the published columns, and possibly new ones"
            fix = "Yield the old columns too, cast to their types, or declare a new product."
            raise DefinitionError.of("L041", message, self.product.place, expected, fix)
        for name in new:
            if name not in old:
                self.connection.execute(f"ALTER TABLE {relation} ADD COLUMN {quoted(name)} {new[name]}")


@contextmanager
def open_stream(
    connection: duckdb.DuckDBPyConnection,
    location: LakeLocation,
    product: DataProduct,
    *,
    stamp: Stamp,
) -> Iterator[Stream]:
    """A stream to append to; other products of the lake may be written meanwhile. Raises LakeLocked
    (L001) if another process appends to it; LakeError."""
    with lake_lock(location, product.lake, stream=product.name, holder=stamp.holder):
        with lake_faults(location, product.lake):
            entries = {entry.batch: entry for entry in ledger(connection, product)}
            content = published_content(connection, product) if entries else None
        yield Stream(
            connection, location, product, stamp, entries, sum(e.rows for e in entries.values()), content
        )


def ledger_name(product: DataProduct) -> str:
    """The table of a stream's ledger in the schema ``internal`` of its lake."""
    return f"{product.name}__batches"


def ledger(connection: duckdb.DuckDBPyConnection, product: DataProduct) -> tuple[Entry, ...]:
    """The published batches, the oldest first; empty if the stream does not exist."""
    if relation_kind(connection, product.lake, ledger_name(product), "internal") is None:
        return ()
    rows = connection.execute(
        "SELECT batch, rows, digest, fingerprint, epoch_us(first_event), epoch_us(last_event), "
        f"epoch_us(published_at), inputs FROM {_ledger(product)} ORDER BY number"
    ).fetchall()
    found = []
    for batch, count, digest, fingerprint, *times, position in rows:
        first, last, published = map(moment, times)
        at = published or datetime.now(UTC)
        found.append(Entry(batch, count, digest, fingerprint, first, last, at, json.loads(position)))
    return tuple(found)


def _ledger(product: DataProduct) -> str:
    return f'{quoted(product.lake)}."internal".{quoted(ledger_name(product))}'


def _conflict(product: DataProduct, before: Entry, now: Entry) -> LakeError:
    first, second = (f"{entry.rows:,} rows (content {entry.digest[:12]})" for entry in (before, now))
    at = f"{before.published_at:%Y-%m-%d %H:%M}"
    message = f'the batch "{now.batch}" of {product.id} was published at {at} '
    message += f"with {first}, and is delivered again with {second}"
    expected = "the same rows in every delivery of an id"
    fix = "Deliver new or corrected rows as a batch with a new id. The published batch stays."
    return LakeError.of("L040", message, product.place, expected, fix)
