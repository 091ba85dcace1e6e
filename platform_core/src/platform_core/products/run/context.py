"""One run of a product on its way: what it publishes with, and what is to be told of its version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


@dataclass
class RunContext:
    """One run on its way: where to write, with which lakes attached, under which name; and, added to while it
    runs, what is to be told of it."""

    product: DataProduct
    connection: duckdb.DuckDBPyConnection
    location: LakeLocation
    window: Window | None
    whole: bool
    """Whether the table is made anew: there are no partitions, or all of them are made."""
    stamp: Stamp
    audit: Callable[[str], Outcomes]
    resolve: Callable[[str], str | None]
    """The relation of a product that the audit may read; None while there is none."""
    discretion: Redaction
    room: Path
    """A folder of its own, which goes when it ends."""
    versions: Mapping[str, int]
    """The version of each input to read, by product id."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """What the platform says of the version beside its numbers."""
    said: dict[str, Any] = field(default_factory=dict)
    """What the function itself says of its result."""
    readings: list[VersionRead] = field(default_factory=list)
    """What was read of the inputs; left empty, all columns of all of them."""
    faults: list[Diagnostic] = field(default_factory=list)
    """What kept a part of it from being published: the run fails after what was published is told."""


Publish = Callable[[RunContext], Publication[Outcomes]]
