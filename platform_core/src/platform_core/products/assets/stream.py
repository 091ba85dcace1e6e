"""A stream: batches are appended in one transaction each, and never change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, Diagnostic, PlatformError
from platform_core.lake.errors import sentence
from platform_core.lake.location import table_of
from platform_core.lake.publication.streams import Appended, Stream, open_stream
from platform_core.lake.publication.tables import Publication
from platform_core.lake.versions import latest
from platform_core.products.assets.table import function_product
from platform_core.products.batch import Batch, yielded
from platform_core.products.catalog.spec import asset_key
from platform_core.products.declare import ProductFunction
from platform_core.products.dlt_resource import POSITION, Pull, is_resource
from platform_core.products.inputs.bind import bind
from platform_core.products.inputs.changes import position_now, since
from platform_core.products.inputs.inbox import Delivery, deliveries, unmatched, unmatched_files
from platform_core.products.inputs.resolve import BoundInput, resolve_inputs
from platform_core.products.inputs.rows import LakeRows
from platform_core.products.inputs.sealed import sealed_inputs
from platform_core.products.inputs.staged import source_facts, staging_of
from platform_core.products.inputs.versions import pinned, version_reads
from platform_core.products.result import MadeQuery, as_query, is_iterator, with_metadata
from platform_core.products.run.context import RunContext
from platform_core.products.run.redaction import line_in
from platform_core.quality.batches import audit_whole, batch_gate, together
from platform_core.quality.gate import ContractBroken
from platform_core.quality.outcome import Outcomes
from platform_core.registry.lookup import Registry
from platform_core.sources.source import Source
from platform_core.words import listed


def stream_asset(product: DataProduct, function: ProductFunction, registry: Registry) -> dg.AssetsDefinition:
    """The asset of a stream. One run publishes every unpublished batch.

    A batch that breaks its contract, is incomplete or contradicts the published batch of its id does not
    stop others: the run continues and fails at its end with a diagnostic for each. Raises DefinitionError
    for an unknown input, D050, D051.
    """
    inputs = resolve_inputs(function, registry)

    def publish(run: RunContext) -> Publication[Outcomes]:
        with (
            open_stream(run.connection, run.location, product, stamp=run.stamp) as stream,
            ExitStack() as engines,
        ):
            feed = Feed(run, product, function, stream, inputs, engines)
            for batch in feed.batches():
                feed.add(batch)
            rules = [rule for rule in product.rules if rule.scope == "batch"]
            outcomes = together(rules, [appended.audited or () for appended in feed.published] + feed.broken)
            if run.faults and not feed.published:
                raise _refused(product, run.faults, outcomes if feed.broken else ())
            if (newest := latest(run.connection, product)) is None:
                message = f"the stream {product.id} has no batch yet"
                expected = "at least one batch, which defines the columns of the stream"
                fix = "Run it again when the first batch has arrived."
                raise DefinitionError.of("D055", message, product.place, expected, fix)
            outcomes += audit_whole(run.connection, product, table_of(product), run.resolve)
            order = {rule.name: number for number, rule in enumerate(product.rules)}
            run.metadata.update(feed.metadata())
            run.function_metadata.update(feed.latest())
            return Publication(
                newest.version,
                stream.rows,
                sum(appended.entry.rows for appended in feed.published),
                newest.bytes or 0,
                tuple(sorted(outcomes, key=lambda outcome: order[outcome.rule.name])),
            )

    return function_product(function, product, registry, inputs, publish)


@dataclass
class Feed:
    """The batches that one run appends to the stream."""

    run: RunContext
    product: DataProduct
    function: ProductFunction
    stream: Stream
    inputs: Mapping[str, BoundInput]
    engines: ExitStack
    """The engines with which the function reads its inputs, until the run ends."""
    published: list[Appended[Outcomes]] = field(default_factory=list)
    skipped: int = 0
    broken: list[Outcomes] = field(default_factory=list)
    refused: int = 0
    position: Mapping[str, Any] = field(default_factory=dict)
    """How far this run reads the inputs whose changes it reads, and the dlt resource."""
    _files: dict[str, tuple[Source, Delivery]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _inputs_hash: str | None = None

    def batches(self) -> Iterator[Batch]:
        """The batches that the function yields; none without changes to read."""
        bound = pinned(self.inputs, self.run.versions)
        if any(read.declared.changes for read in bound.values()):
            yield from self._changes(bound)
            return
        for source in self.function.sources.values():
            if source.inbox:
                self._files |= {name: (source, file) for name, file in deliveries(source).items()}
        self._report_unmatched()
        self._inputs_hash = _inputs_hash(self.function, self.run.versions)
        result = self._call(bound)
        self.run.readings.extend(version_reads(self.product, bound, None, {}))
        if is_resource(result):
            yield from self._pulled(result)
        else:
            yield from yielded(result, self.product.id, self.function.place)

    def add(self, batch: Batch) -> None:
        """Publish a batch unless it is known."""
        source, file = self._files.get(batch.id, (None, None))
        fingerprint = batch.fingerprint or (file.stamp if file else self._inputs_hash)
        try:
            # The inputs do not identify a second batch of the same id in one run.
            known = batch.id not in self._seen and self.stream.known(batch.id, fingerprint)
            self._seen.add(batch.id)
            if known or (file and self._known_by_name(file)):
                self.skipped += 1
                return
            if source is not None and file is not None:
                file.require_whole(source)
            made = self._query_of(batch)
            appended = self.stream.append(
                batch.id,
                made.query,
                reads=made.reads,
                audit=batch_gate(self.run.connection, self.product, batch=batch.id, resolve=self.run.resolve),
                fingerprint=fingerprint,
                position=self.position,
            )
        except ContractBroken as refused:
            self.broken.append(refused.outcomes)
            self._refuse(batch, refused)
        except PlatformError as refused:
            self._refuse(batch, refused)
        else:
            if appended.state == "skipped":
                self.skipped += 1
            else:
                self.published.append(appended)
            if appended.fault is not None:
                self.run.faults.extend(self.run.redaction.diagnostics(appended.fault))

    def metadata(self) -> dict[str, Any]:
        """Numbers for plots."""
        found: dict[str, Any] = {
            "mesh/batches": len(self.stream.entries),
            "mesh/batches_published": len(self.published),
            "mesh/batches_skipped": self.skipped,
            "mesh/batches_refused": self.refused,
            "mesh/batches_late": sum(appended.late for appended in self.published),
        }
        if self.published:
            seconds = sorted(appended.seconds for appended in self.published)
            found["mesh/batch_seconds"] = round(seconds[len(seconds) // 2], 4)
        return found

    def latest(self) -> dict[str, Any]:
        """Metadata with values: the last batch's id, and the time and age of the latest event."""
        found: dict[str, Any] = {}
        if self.published:
            found["mesh/last_batch"] = self.published[-1].entry.batch
        column = self.product.column(self.product.event_time or "")
        latest = self.stream.last_event
        if latest is not None and column is not None and column.shown_in_samples:
            found["mesh/latest_event_time"] = dg.MetadataValue.timestamp(latest)
            found["mesh/event_age_hours"] = round((datetime.now(UTC) - latest).total_seconds() / 3600, 3)
        return found

    def _known_by_name(self, file: Delivery) -> bool:
        """Whether a file was published before ids had folders, when the last file of a name was the
        batch."""
        name = file.path.name
        if name in self._files or not self.stream.known(name, file.stamp):
            return False
        return [other for _, other in self._files.values() if other.path.name == name][-1] is file

    def _report_unmatched(self) -> None:
        """Report files that no pattern matches: in the metadata, and in the log if they have changed
        (S013)."""
        left = unmatched(self.function.sources.values())
        self.run.metadata["mesh/files_unmatched"] = len(left)
        if not left or self.run.redaction.applies:
            return
        names = self.run.function_metadata["mesh/unmatched_files"] = listed(left)
        context = dg.AssetExecutionContext.get()
        event = context.instance.get_latest_materialization_event(asset_key(self.product.id))
        before = event.asset_materialization.metadata if event and event.asset_materialization else {}
        if before.get("mesh/unmatched_files") != dg.MetadataValue.text(names):
            context.log.warning(unmatched_files(names, self.product.id, self.function.place).render())

    def _changes(self, bound: Mapping[str, BoundInput]) -> Iterator[Batch]:
        connection, place = self.run.connection, self.function.place
        before = self.stream.position
        parts, narrowed, new = [], dict(bound), False
        for name, read in bound.items():
            if not read.declared.changes or read.version is None:
                continue
            start = since(
                connection, self.product, read.product, before.get(read.product.id), read.version, place
            )
            narrowed[name] = replace(read, since=start)
            new = new or start != read.version
            self.position = {
                **self.position,
                read.product.id: position_now(connection, read.product, read.version),
            }
            parts.append(f"{read.product.id} {start or 0} to {read.version}")
        self.run.readings.extend(version_reads(self.product, narrowed, None, {}))
        if not new:
            return
        result = self._call(narrowed)
        yield Batch(", ".join(parts), map(self._row, result) if is_iterator(result) else self._row(result))

    def _pulled(self, resource: Any) -> Iterator[Batch]:
        """One pull is one batch: the state of the resource is stored with its rows, or neither."""
        before = self.stream.position
        pull = Pull(resource, before.get(POSITION))
        id = f"dlt-{len(self.stream.entries) + 1}"
        made = self._query_of(Batch(id, pull.rows))
        if pull.empty and pull.after == pull.before:
            return
        self.position = {**before, POSITION: pull.after}
        yield Batch(id, made)

    def _row(self, result: Any) -> Any:
        if isinstance(result, Batch):
            message = f"the function of {self.product.id} reads changes, but yields batches"
            expected, fix = "rows, which become one batch", "Return the rows."
            raise DefinitionError.of("D052", message, self.function.place, expected, fix)
        return result

    def _call(self, inputs: Mapping[str, BoundInput]) -> Any:
        connection = self.run.connection
        self._staging = staging_of(self.function, self.product, None, self.run.room, self.run.stamp.run_id)
        rows = LakeRows(connection, self.product, None, self._staging)
        engine = self.engines.enter_context(
            sealed_inputs(self.run.location, connection, self.function, inputs, rows, self.run.room)
        )
        self._arguments = bind(connection, self.function, inputs, rows, engine)
        result, said = with_metadata(self.function(**self._arguments))
        self.run.function_metadata.update(said)
        return result

    def _query_of(self, batch: Batch) -> MadeQuery:
        place = self.function.place
        try:
            rows, room = batch.made(), self.run.room
            made = as_query(self.run.connection, rows, self._arguments, self.product, place, room)
            if any(name in made.used for name in self._staging.orders):
                self._staging.read()
                self._staging.show(self.run.connection)
            self.run.record_sources(source_facts(self.run.connection, self.function, self._staging))
            return made
        except Exception as error:
            ours = isinstance(error, PlatformError | dg.RetryRequested)
            if ours or str(error) == "Query interrupted":  # by Ctrl-C
                raise
            message = f'batch "{batch.id}" cannot be made: {type(error).__name__}: {sentence(error)}'
            line, expected = line_in(error, place.path.parent) or place, "rows for each batch"
            fix = "Deliver it again, or fix the code that makes its rows. The other batches were published."
            raise DefinitionError.of("D056", message, line, expected, fix) from error

    def _refuse(self, batch: Batch, fault: PlatformError) -> None:
        self.refused += 1
        told = self.run.redaction.diagnostics(fault)
        if not self.run.redaction.applies and batch.id not in told[0].message:
            told = tuple(replace(each, message=f'batch "{batch.id}": {each.message}') for each in told)
        self.run.faults.extend(told)


def _inputs_hash(function: ProductFunction, versions: Mapping[str, int]) -> str | None:
    """A hash of all inputs; None for a function without inputs."""
    stamps: dict[str, Any] = dict(versions)
    for name, source in function.sources.items():
        if source.inbox:
            stamps[name] = [[file.id, file.stamp] for file in deliveries(source).values()]
        elif source.asked:
            return None  # only its rows show whether they are known
        else:
            state = source.locate().stat()
            stamps[name] = [state.st_size, state.st_mtime_ns]
    return hashlib.sha256(json.dumps(stamps, sort_keys=True).encode()).hexdigest() if stamps else None


def _refused(product: DataProduct, faults: list[Diagnostic], outcomes: Outcomes) -> PlatformError:
    """The error of a run that published nothing."""
    if not outcomes:
        return PlatformError(*faults)
    refused = ContractBroken(product, outcomes)
    refused.diagnostics = tuple(faults)
    return refused
