"""Where the lakes are. One lake per domain, and one more for its restricted products."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from platform_core.lake.sql import literal, quoted


@dataclass(frozen=True, slots=True)
class LakeLocation:
    """The folder of all lakes; each lake is one folder in it: its catalog, its data and its lock."""

    root: Path

    @classmethod
    def current(cls, root: Path | None = None) -> LakeLocation:
        """The location by ``MESH_LAKE``, else ``$MESH_HOME/lake``, else ``<mesh root>/.mesh/lake``."""
        if lake := os.environ.get("MESH_LAKE"):
            return cls(Path(lake).absolute())
        if home := os.environ.get("MESH_HOME"):
            return cls(Path(home).absolute() / "lake")
        if root is None:
            # Here, because the registry brings the YAML reader along, which a worker on its lake never needs.
            from platform_core.contracts.registry import mesh_root

            root = mesh_root()
        return cls(root / ".mesh" / "lake")

    def folder(self, lake: str) -> Path:
        return self.root / lake

    def catalog(self, lake: str) -> Path:
        return self.root / lake / "catalog.sqlite"

    def data(self, lake: str) -> Path:
        return self.root / lake / "data"

    def lock(self, lake: str) -> Path:
        return self.root / lake / "lake.lock"

    def exists(self, lake: str) -> bool:
        return self.catalog(lake).exists()


def lake_url(location: LakeLocation, lake: str, *, catalog: Path | None = None) -> str:
    """What DuckDB attaches, also for a dbt profile. ``catalog`` overrides the file while a lake is made."""
    return f"ducklake:sqlite:{catalog or location.catalog(lake)}"


def lake_options(location: LakeLocation, lake: str) -> dict[str, str | int]:
    """The options of the ATTACH: a reader must not be refused while a writer commits."""
    return {
        "DATA_PATH": f"{location.data(lake)}/",
        "META_JOURNAL_MODE": "WAL",
        "META_BUSY_TIMEOUT": 30000,
    }


def attach_statement(
    location: LakeLocation, lake: str, *, read_only: bool, catalog: Path | None = None
) -> str:
    """The one ATTACH of the platform: another catalog or object store is a change here only."""
    options = [f"{name} {literal(value)}" for name, value in lake_options(location, lake).items()]
    if read_only:
        options.append("READ_ONLY")
    url = literal(lake_url(location, lake, catalog=catalog))
    return f"ATTACH {url} AS {quoted(lake)} ({', '.join(options)})"
