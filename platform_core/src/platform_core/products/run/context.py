"""The context of one run of a product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import Window
from platform_core.diagnostics import Diagnostic
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.tables import Publication
from platform_core.lake.transaction import Stamp
from platform_core.products.inputs.versions import VersionRead
from platform_core.products.run.redaction import Redaction
from platform_core.quality.outcome import Outcomes

INVOCATION_TAG: Final = "mesh/invocation"
"""The tag of Dagster's runs that belong to one call of `mesh run`."""


@dataclass
class RunContext:
    """A run: where it writes, and what it collects for its report."""

    product: DataProduct
    connection: duckdb.DuckDBPyConnection
    location: LakeLocation
    window: Window | None
    whole: bool
    """Whether the whole table is replaced: without partitions, or with all of them."""
    stamp: Stamp
    audit: Callable[[str], Outcomes]
    resolve: Callable[[str], str | None]
    """The relation of a product that the audit may read; None if it is not published."""
    redaction: Redaction
    room: Path
    """A folder that is removed after the run."""
    versions: Mapping[str, int]
    """The version of each input to read, by product id."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """The platform's metadata of the version."""
    function_metadata: dict[str, Any] = field(default_factory=dict)
    """The function's own metadata."""
    readings: list[VersionRead] = field(default_factory=list)
    """The reads of inputs; if empty, all columns of all inputs."""

    def record_sources(self, facts: Mapping[str, Mapping[str, Any]]) -> None:
        """Record what is read of sources, with the version and in its metadata."""
        if facts:
            # Imported here, because evaluate needs no Dagster.
            import dagster as dg

            self.stamp.facts["sources"] = facts
            self.metadata["mesh/sources"] = dg.MetadataValue.json(dict(facts))

    faults: list[Diagnostic] = field(default_factory=list)
    """Faults of unpublished parts: the run reports the published part and then fails."""


Publish = Callable[[RunContext], Publication[Outcomes]]
