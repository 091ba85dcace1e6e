"""Where the lakes are. One lake per domain, and one more for its restricted products."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platform_core.lake.sql import literal, quoted

RESTRICTED: Final = "_restricted"
"""What the name of a domain's restricted lake ends with."""


@dataclass(frozen=True, slots=True)
class LakeLocation:
    """The folder of all lakes; each lake is one folder in it: its catalog, its data and its lock."""

    root: Path

    @classmethod
    def current(cls, start: Path | None = None) -> LakeLocation:
        """The location by ``MESH_LAKE``, else ``lake`` in the mesh's state (``MESH_HOME`` or ``.mesh``).

        ``start`` is a folder of the mesh, by default the working directory.
        """
        if lake := os.environ.get("MESH_LAKE"):
            return cls(Path(lake).expanduser().absolute())
        # Here, because the registry brings the YAML reader along, which one who names a lake never needs.
        from platform_core.contracts.registry import mesh_home

        return cls(mesh_home(start) / "lake")

    def folder(self, lake: str) -> Path:
        return self.root / lake

    def catalog(self, lake: str) -> Path:
        return self.root / lake / "catalog.sqlite"

    def data(self, lake: str) -> Path:
        return self.root / lake / "data"

    def lock(self, lake: str) -> Path:
        return self.root / lake / "lake.lock"

    def is_private(self, lake: str) -> bool:
        """Whether a lake is a domain's restricted one, for its own user alone."""
        return lake.endswith(RESTRICTED)

    def exists(self, lake: str) -> bool:
        return self.catalog(lake).exists()


def lake_url(location: LakeLocation, lake: str, *, catalog: Path | None = None) -> str:
    """What DuckDB attaches, also for a dbt profile. ``catalog`` overrides the file while a lake is made."""
    return f"ducklake:sqlite:{catalog or location.catalog(lake)}"


def lake_options(location: LakeLocation, lake: str) -> dict[str, str | int]:
    """The options of the ATTACH: a reader must not be refused while a writer commits.

    The catalog keeps the path under which it was made; its files are relative to it. A folder that was
    moved, copied or reached through a link since then has the data where the catalog is now.
    """
    return {
        "DATA_PATH": f"{location.data(lake)}/",
        "OVERRIDE_DATA_PATH": 1,
        "META_JOURNAL_MODE": "WAL",
        "META_BUSY_TIMEOUT": 30000,
    }


def attach_statement(
    location: LakeLocation, lake: str, *, read_only: bool, catalog: Path | None = None
) -> str:
    """The one ATTACH of the platform: another catalog or object store is a change here only.

    ``catalog`` names the file of a lake that is to be made; a lake that is there is never made anew, not
    even where its catalog was emptied.
    """
    options = [f"{name} {literal(value)}" for name, value in lake_options(location, lake).items()]
    if read_only:
        options.append("READ_ONLY")
    if catalog is None:
        options.append("CREATE_IF_NOT_EXISTS false")
    url = literal(lake_url(location, lake, catalog=catalog))
    return f"ATTACH {url} AS {quoted(lake)} ({', '.join(options)})"
