"""A location and its worker during a run of the mesh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from platform_core.source.workspace import Location
from platform_core.workspace.introspection.cache import AT_ONCE
from platform_core.workspace.protocol import Asset
from platform_core.workspace.run.plan import Assignment, Plan
from platform_core.workspace.run.worker_process import WorkerProcess

MOST: Final = 2 * AT_ONCE
"""The maximum number of living workers, idle ones included."""


class WorkerSlot:
    """A location's worker, and its state."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.child: WorkerProcess | None = None
        self.phase: Literal["waiting", "loading", "idle", "busy", "closing", "gone"] = "waiting"
        self.assets: tuple[Asset, ...] | None = None
        self.batch: Assignment | None = None
        self.fault: str | None = None
        """Why the location cannot make products in this run."""

    @property
    def answered(self) -> bool:
        """Whether its worker has reported its assets or a fault."""
        return self.assets is not None or self.fault is not None

    def needed(self, plan: Plan) -> bool:
        """Whether it needs a worker now, to report its assets or to make ready ones."""
        if self.assets is not None:
            return bool(plan.ready(self.location.name))
        return self.fault is None and bool(plan.of(self.location.name))

    def works(self) -> bool:
        """Whether its worker is busy, or replaces one that died during a run."""
        return self.phase == "busy" or (self.phase == "loading" and self.assets is not None)

    def stop_worker(self) -> None:
        assert self.child is not None
        self.phase = "closing"
        self.child.stop()

    def may_progress(self, plan: Plan) -> bool:
        """Whether it can progress without other locations."""
        starts = self.phase in ("closing", "waiting") and self.needed(plan)
        return starts or self.phase in ("loading", "busy")


def workers_to_change(seats: Sequence[WorkerSlot], plan: Plan) -> tuple[list[WorkerSlot], list[WorkerSlot]]:
    """The slots whose worker to start now, and those whose idle worker to stop to make room."""
    living = [seat for seat in seats if seat.phase in ("loading", "idle", "busy")]
    free = max(0, AT_ONCE - sum(seat.phase == "loading" for seat in living))
    due = [seat for seat in seats if seat.phase == "waiting" and seat.needed(plan)][:free]
    room = max(0, MOST - len(living))
    idle = [seat for seat in living if due[room:] and seat.phase == "idle" and not seat.needed(plan)]
    return due[:room], idle[: len(due[room:])]
