"""The states of a run's assets, from its events."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import dagster as dg

from platform_core.products.run.report import CHANGED, WARNING
from platform_core.workspace.dagster_internals import run_error, was_interrupted
from platform_core.workspace.failure_text import explain_error, explain_event
from platform_core.workspace.protocol import AssetState, Moved
from platform_core.workspace.records.check_counts import Checks, Outcome
from platform_core.workspace.records.products import outcome

ROW_COUNT: Final = "dagster/row_count"
_STARTED: Final = "STEP_START"
_ENDED: Final[Mapping[str, AssetState]] = {
    "STEP_SUCCESS": "ok",
    "STEP_FAILURE": "failed",
    "STEP_SKIPPED": "skipped",
}


@dataclass(slots=True)
class _Seen:
    waits_for: set[str]
    started: float | None = None
    seconds: float = 0.0
    rows: int | None = None
    checks: dict[str, Outcome] = field(default_factory=dict)
    state: AssetState = "ok"
    error: str | None = None
    reported: bool = False
    made: bool = False
    kept: bool = False
    changed: set[str] | None = field(default_factory=set)
    """The columns that changed in this order; None: the rows, or unknown."""


class Progress:
    """Follows the runs of one order. An asset has ended when its own steps and those of its checks have; it
    has failed when one of them has."""

    def __init__(self, assets: Collection[str]) -> None:
        self._seen = {asset: _Seen(set()) for asset in assets}

    def expect(self, steps: Mapping[str, Collection[dg.AssetKey | dg.AssetCheckKey]]) -> None:
        """Begin a run with these steps and their assets and checks, after the end of the run before."""
        for step, keys in steps.items():
            for key in keys:
                owner = key.asset_key if isinstance(key, dg.AssetCheckKey) else key
                seen = self._seen.get(owner.to_user_string())
                if seen is not None:
                    seen.waits_for.add(step)

    def plan(self, step: str, asset: str, check: str | None = None) -> None:
        """The same for one step that the run's log announces."""
        key = dg.AssetKey.from_user_string(asset)
        if asset in self._seen:
            self._seen[asset].made = False
        self.expect({step: [dg.AssetCheckKey(key, check) if check else key]})

    def unfinished(self) -> list[str]:
        """The assets that a lost run has not made, for the run that repeats it. An asset whose version is
        recorded is made, although its step did not end."""
        cut = {asset: seen for asset, seen in self._seen.items() if seen.waits_for}
        for seen in cut.values():
            seen.waits_for, seen.started, seen.kept = set(), None, seen.made
        return [asset for asset, seen in cut.items() if not seen.made]

    def take(self, event: dg.DagsterEvent, last: bool, at: float | None = None) -> Iterator[Moved]:
        """The assets that an event moves, which happened ``at`` some second or now. Only the ``last`` run of
        an order reports success."""
        kind, step = event.event_type_value, event.step_key
        at = time.monotonic() if at is None else at
        if kind == "ASSET_MATERIALIZATION":
            self._materialized(event)
        elif kind == "ASSET_CHECK_EVALUATION":
            evaluation = event.asset_check_evaluation_data
            seen = self._seen.get(evaluation.asset_key.to_user_string())
            if seen is not None:
                seen.checks[evaluation.check_name] = outcome(evaluation)
        elif step is not None and kind == _STARTED:
            for asset, waiting in self._waiting(step):
                if waiting.started is None:
                    waiting.started = at
                    yield Moved(asset, "running")
        elif step is not None and kind in _ENDED:
            for asset, waiting in self._waiting(step):
                yield from self._step_ended(asset, waiting, event, last, at)

    def conclude(self, reason: str) -> Iterator[Moved]:
        """End every asset that no event ended: Dagster has no events for assets downstream of a failure.
        ``reason`` is the error of an asset without another one."""
        skipped = self.failed()
        for asset, seen in self._seen.items():
            if not seen.reported:
                seen.waits_for = set()
                if not seen.kept:
                    seen.state = "skipped" if skipped and seen.error is None else "failed"
                    seen.error = seen.error or (None if skipped else reason)
                yield self._moved(asset, seen)

    def fail(self, event: dg.DagsterEvent) -> None:
        """Take the error of a run that failed outside of its steps, such as in a resource."""
        error = run_error(event)
        for seen in self._seen.values():
            if not seen.reported and error is not None:
                seen.error = explain_error(error, "the run failed", "R006")

    def failed(self) -> bool:
        return any(seen.state != "ok" for seen in self._seen.values())

    def _step_ended(
        self, asset: str, seen: _Seen, event: dg.DagsterEvent, last: bool, at: float
    ) -> Iterator[Moved]:
        seen.waits_for.discard(event.step_key or "")
        state = _ENDED[event.event_type_value]
        if state == "failed" and was_interrupted(event):
            seen.state = "canceled"
        elif state == "failed":
            seen.state, seen.error = "failed", seen.error or explain_event(event, asset)
        elif state == "skipped" and seen.state == "ok":
            seen.state = "skipped"
        if not seen.waits_for:
            if seen.started is not None:
                seen.seconds += at - seen.started
                seen.started = None
            if last or seen.state != "ok":
                yield self._moved(asset, seen)

    def _materialized(self, event: dg.DagsterEvent) -> None:
        materialization = event.step_materialization_data.materialization
        seen = self._seen.get(materialization.asset_key.to_user_string())
        rows = materialization.metadata.get(ROW_COUNT)
        if seen is not None:
            seen.made = True
            changed = materialization.metadata.get(CHANGED)
            columns: Any = changed.value if changed is not None else None
            known = seen.changed is not None and columns is not None
            seen.changed = {*(seen.changed or ()), *columns} if known else None
        if seen is not None and rows is not None and isinstance(rows.value, int):
            seen.rows = rows.value
        if seen is not None and (warning := materialization.metadata.get(WARNING)) is not None:
            seen.error = str(warning.value)

    def _waiting(self, step: str) -> list[tuple[str, _Seen]]:
        return [(asset, seen) for asset, seen in self._seen.items() if step in seen.waits_for]

    def _moved(self, asset: str, seen: _Seen) -> Moved:
        seen.reported = True
        return Moved(
            asset,
            seen.state,
            rows=seen.rows if seen.state == "ok" else None,
            seconds=round(seen.seconds, 3) if seen.state in ("ok", "failed", "canceled") else None,
            **asdict(Checks.of(list(seen.checks.values()))),
            error=seen.error,
            changed=tuple(sorted(seen.changed)) if seen.made and seen.changed is not None else None,
        )
