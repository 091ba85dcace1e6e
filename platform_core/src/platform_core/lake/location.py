"""Where the lakes are. One lake per domain, and one more for its restricted products."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platform_core.contracts.model import DataProduct
from platform_core.settings import LAKE, mesh_home
from platform_core.sql.quoting import literal, quoted

RESTRICTED: Final = "_restricted"
"""What the name of a domain's restricted lake ends with."""


@dataclass(frozen=True, slots=True)
class LakeLocation:
    """The folder of all lakes; each lake is one folder in it: its catalog, its data and its lock."""

    root: Path

    @classmethod
    def current(cls, root: Path | None = None) -> LakeLocation:
        """The location by ``MESH_LAKE``, else ``lake`` in the state of the mesh at ``root``, by default the
        one that the working directory is in."""
        return cls(LAKE.folder() or mesh_home(root) / "lake")

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


def table_of(product: DataProduct) -> str:
    """The relation under which every reader finds a product: ``"<lake>"."products"."<name>"``."""
    return f'{quoted(product.lake)}."products".{quoted(product.name)}'
