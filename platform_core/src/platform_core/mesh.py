"""What a mesh knows of itself, for products about it: contracts, runs, queries, bytes, and how it is judged.

All of it is read from the mesh that the process belongs to, without loading a location.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from platform_core.access.query_log import QueryRead, queries
from platform_core.contracts.model import DataProduct
from platform_core.lake.location import LakeLocation
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_home, mesh_root
from platform_core.workspace.records import Materialization, every, recorded, stored
from platform_core.workspace.scorecard import Coverage, Score, Standing, coverage, score, standings
from platform_core.workspace.validate import examine

__all__ = [
    "Assessment",
    "Contracts",
    "Coverage",
    "Materialization",
    "QueryRead",
    "Score",
    "Standing",
    "assess",
    "bytes_stored",
    "contracts",
    "queries_asked",
    "runs",
    "score",
]


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts of a mesh: the products that they describe, and those that cannot be read."""

    products: tuple[DataProduct, ...]
    faults: Mapping[str, int]
    """How many faults a contract has that cannot be read, at least 1, by the id of its product."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """How a mesh stands with its policies."""

    products: Mapping[str, DataProduct]
    standings: tuple[Standing, ...]
    coverage: Coverage
    """Of all products."""
    coverage_of: Mapping[str, Coverage]
    """Of each product, by its id."""


def contracts() -> Contracts:
    """All contracts of the mesh."""
    registry = Registry.open()
    products, diagnostics = registry.scan()
    found = Counter(fault.place.path for fault in diagnostics if fault.place is not None)
    readable = {product.id for product in products}
    unread = [name for name in registry.names() if name not in readable]
    return Contracts(tuple(products), {name: max(1, found[registry.path(name)]) for name in unread})


def runs(products: Iterable[DataProduct]) -> dict[str, list[Materialization]]:
    """The materializations that Dagster keeps of each product, by its id, the newest first."""
    with recorded(mesh_root()) as instance:
        return {each.id: list(every(instance, each.id)) if instance else [] for each in products}


def bytes_stored(products: Iterable[DataProduct]) -> dict[str, int]:
    """The bytes kept of each product, of old versions too, by its id. Lakes that this process may not read
    are left out."""
    return stored(LakeLocation.current(mesh_root()), products)


def queries_asked() -> list[QueryRead]:
    """The queries that were recorded, the oldest first."""
    return list(queries(mesh_home(mesh_root())))


def assess(today: date) -> Assessment:
    """Judge the mesh by its policies on a day. It introspects locations that changed."""
    found = examine(mesh_root(), today)
    products = found.mesh.products
    each = {name: coverage(found, [product]) for name, product in products.items()}
    return Assessment(products, standings(found, today), coverage(found, list(products.values())), each)
