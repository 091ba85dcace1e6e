"""Dagster's event log as signals: publications, checks, and failed runs.

One statement reads all kinds of events by their number. A number alone does not show a position: after a
wipe, SQLite gives the numbers of the last events again, and Postgres shows numbers out of order. So the
position has a fingerprint of its event, the last numbers are always read again, and keys of signals make
that harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg

from platform_core.codes import code_in, meaning, place_in
from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.operations.incidents.signals import Signal
from platform_core.workspace.dagster_internals import step_error, was_interrupted
from platform_core.workspace.records.events import event_at, events
from platform_core.workspace.records.lateness import lateness
from platform_core.workspace.records.products import Materialization, materialized

Kinds = dg.DagsterEventType
READ: Final = (Kinds.RUN_FAILURE, Kinds.ASSET_CHECK_EVALUATION, Kinds.ASSET_MATERIALIZATION)
OVERLAP: Final = 200
"""Events before the position that are read again."""
RECENT: Final = timedelta(hours=1)
"""Where the position is lost, events of this time before it are read again."""
ENDED: Final = "its run ended before it began"


@dataclass(frozen=True, slots=True)
class Position:
    """How far the log was read: the last number, and the run and time of that event."""

    number: int
    mark: str
    at: float
    """The time of the latest event so far, as a POSIX timestamp. A later event counts as not earlier, even if
    a clock went back between the two."""


@dataclass
class EventLog:
    """The events of an instance, for the products of a mesh."""

    instance: dg.DagsterInstance
    products: Mapping[str, DataProduct]
    sources: Mapping[str, frozenset[str]]
    """The sources outside of the mesh that each product reads."""
    _checks: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def read(self, after: Position | None, since: datetime) -> tuple[list[Signal], Position | None]:
        """The signals after a position, or without one, since a time; and the new position."""
        entries = self._entries(after, since)
        found: list[Signal] = []
        latest = after.at if after is not None else 0.0
        for number, entry in entries:
            at = entry.timestamp
            if after is None or number > after.number:
                at = latest = max(at, latest)
            found += self._signals(entry, datetime.fromtimestamp(at, UTC))
        if entries:
            after = Position(entries[-1][0], _mark(entries[-1][1]), latest)
        return found, after

    def _entries(self, after: Position | None, since: datetime) -> list[tuple[int, dg.EventLogEntry]]:
        if after is None:
            return events(self.instance, READ, since=since)
        here = event_at(self.instance, after.number)
        if here is not None and _mark(here) == after.mark:
            return events(self.instance, READ, above=after.number - OVERLAP)
        # Events were wiped: the next ones may have got earlier numbers.
        recently = datetime.fromtimestamp(after.at, UTC) - RECENT
        return events(self.instance, READ, above=after.number - OVERLAP, since=recently)

    def _signals(self, entry: dg.EventLogEntry, at: datetime) -> Iterator[Signal]:
        event = entry.dagster_event
        if event is None:
            return
        if event.event_type == Kinds.ASSET_MATERIALIZATION and entry.asset_materialization is not None:
            made = entry.asset_materialization
            product = "/".join(made.asset_key.path)
            if product in self.products:
                yield published(self.products[product], materialized(entry), made.metadata, at)
        elif event.event_type == Kinds.ASSET_CHECK_EVALUATION:
            yield from self._checked(entry.run_id, at, event.asset_check_evaluation_data)
        elif event.event_type == Kinds.RUN_FAILURE:
            yield from self._failed(entry.run_id, at)

    def _checked(self, run: str, at: datetime, check: dg.AssetCheckEvaluation) -> Iterator[Signal]:
        product = "/".join(check.asset_key.path)
        contract = self.products.get(product)
        rule = next((r for r in contract.rules if r.name == check.check_name), None) if contract else None
        if rule is None:
            return
        blocking = check.severity == dg.AssetCheckSeverity.ERROR
        facts = {name: value.value for name, value in check.metadata.items()}
        asked = bool(facts.keys() & {"violations", "observed"}) or check.passed
        kind: Any = "warned" if not blocking else "refused" if asked else "unchecked"
        if blocking and check.passed:
            return
        if blocking:
            self._checks.setdefault((run, product), set()).add(rule.name)
        yield Signal.of(
            kind, product, at, run, rule.name,
            run=run, rule=rule.name, count=facts.get("violations"), rows=facts.get("rows"),
            columns=list(rule.columns) or None, passed=check.passed, asked=asked,
        )  # fmt: skip

    def _failed(self, run: str, at: datetime) -> Iterator[Signal]:
        kinds = {Kinds.STEP_START, Kinds.STEP_FAILURE, Kinds.STEP_SUCCESS}
        records = self.instance.get_records_for_run(run, of_type=kinds).records
        steps: dict[str, dg.DagsterEvent] = {}
        for record in records:
            event = record.event_log_entry.dagster_event
            if event is not None and event.step_key is not None:
                steps[event.step_key] = event
        by_step: dict[str, str] = {ProductId(name).step: name for name in self.products}
        ended = self.instance.get_run_by_id(run) if not steps else None
        for key in (ended.asset_selection if ended is not None else None) or ():
            if (name := "/".join(key.path)) in self.products:
                yield Signal.of("failed", name, at, run, run=run, code="R006", title=ENDED)
        for step, event in steps.items():
            product = by_step.get(step)
            # A killed process leaves a step without an end.
            if product is None or event.event_type == Kinds.STEP_SUCCESS or self._refused(run, product):
                continue
            if event.event_type == Kinds.STEP_FAILURE and was_interrupted(event):
                continue
            yield Signal.of("failed", product, at, run, run=run, **self._reason(product, event))

    def _refused(self, run: str, product: str) -> bool:
        """Whether a failed check explains the failure of a run."""
        if (run, product) in self._checks:
            return True
        checks = self.instance.get_records_for_run(run, of_type=Kinds.ASSET_CHECK_EVALUATION).records
        found = (record.event_log_entry.dagster_event for record in checks)
        return any(
            not each.passed and each.severity == dg.AssetCheckSeverity.ERROR
            for event in found
            if event is not None
            for each in (event.asset_check_evaluation_data,)
            if "/".join(each.asset_key.path) == product
        )

    def _reason(self, product: str, event: dg.DagsterEvent) -> dict[str, Any]:
        """Code, title and place of a failure, without a value: a message leaves the house."""
        if event.event_type != Kinds.STEP_FAILURE:
            return {"code": "R002", "title": "its process was killed"}
        description, error = step_error(event)
        text = description or (error.message if error else "")
        code = code_in(text) or "R003"
        known = meaning(code)
        title = known.title if known else "its code fails"
        if code == "R003" and error is not None:
            title = f"its code fails with {error.kind or 'an exception'}"
        facts = {"code": code, "title": title, "place": place_in(text)}
        if code.startswith("S"):
            own = self.sources.get(product, frozenset())
            named = [source for source in sorted(own) if source in text]
            source = named[0] if named else next(iter(own)) if len(own) == 1 else None
            facts |= {"source": source} if source else {}
        return facts


def published(
    product: DataProduct, made: Materialization, metadata: Mapping[str, dg.MetadataValue], at: datetime
) -> Signal:
    """The signal of a version. The partitions of a run are one."""
    changed = metadata.get("mesh/changed_columns")
    late = next(lateness(product, made, made.at), None)
    return Signal.of(
        "published", made.product, at, made.run_id, str(made.version),
        run=made.run_id, version=made.version, rows=made.rows, seconds=made.seconds, bytes=made.bytes_read,
        columns=changed.value if changed is not None else None, late=late is not None,
    )  # fmt: skip


def _mark(entry: dg.EventLogEntry) -> str:
    return f"{entry.run_id} {entry.timestamp}"
