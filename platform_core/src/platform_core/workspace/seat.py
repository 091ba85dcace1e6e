"""A location during a run of the mesh."""

from __future__ import annotations

from typing import Literal

from platform_core.source.workspace import Location
from platform_core.workspace.child import Child
from platform_core.workspace.messages import Asset
from platform_core.workspace.plan import Batch


class Seat:
    """A location's place at the table: its worker, and what that worker is doing."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.child: Child | None = None
        self.phase: Literal["waiting", "loading", "idle", "busy", "closing", "gone"] = "waiting"
        self.assets: tuple[Asset, ...] | None = None
        """As its worker told them."""
        self.batch: Batch | None = None
        self.fault: str | None = None
        """Why the location is of no use in this run."""

    @property
    def told(self) -> bool:
        """Whether its worker told of its assets, or that it has none."""
        return self.assets is not None or self.fault is not None
