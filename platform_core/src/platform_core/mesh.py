"""The facts of a mesh for products about the mesh itself: contracts, runs, queries, bytes and judgement.

All functions read the mesh of this process, without loading a location.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from platform_core.access.query_log import QueryRead, queries
from platform_core.contracts.model import DataProduct
from platform_core.lake.lakes import current_lakes
from platform_core.operations.ledger.deliveries import Nights
from platform_core.operations.ledger.night import Entry
from platform_core.operations.store.closed import ClosedIncident, closed_incidents
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_home, mesh_root
from platform_core.workspace.records.products import Materialization, every, recorded, stored
from platform_core.workspace.scorecard import Coverage, Score, Standing, coverage, score, standings
from platform_core.workspace.validate import examine

__all__ = [
    "Assessment",
    "ClosedIncident",
    "Contracts",
    "Coverage",
    "Entry",
    "Materialization",
    "Nights",
    "QueryRead",
    "Score",
    "Standing",
    "assess",
    "bytes_stored",
    "contracts",
    "incidents_closed",
    "nights",
    "queries_asked",
    "runs",
    "score",
]


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts of a mesh: the products of readable contracts, and the unreadable ones."""

    products: tuple[DataProduct, ...]
    faults: Mapping[str, int]
    """The number of faults, at least 1, of each unreadable contract, by the id of its product."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The judgement of a mesh by its policies."""

    products: Mapping[str, DataProduct]
    standings: tuple[Standing, ...]
    coverage: Coverage
    """The coverage of all products."""
    coverage_of: Mapping[str, Coverage]
    """The coverage of each product by id."""


def contracts() -> Contracts:
    """All contracts of the mesh."""
    registry = Registry.open()
    products, diagnostics = registry.scan()
    found = Counter(fault.place.path for fault in diagnostics if fault.place is not None)
    readable = {product.id for product in products}
    unread = [name for name in registry.names() if name not in readable]
    return Contracts(tuple(products), {name: max(1, found[registry.path(name)]) for name in unread})


def runs(products: Iterable[DataProduct]) -> dict[str, list[Materialization]]:
    """The materializations in Dagster of each product by id, the newest first."""
    with recorded(mesh_root()) as instance:
        return {each.id: list(every(instance, each.id)) if instance else [] for each in products}


def bytes_stored(products: Iterable[DataProduct]) -> dict[str, int]:
    """The bytes of each product with its old versions, by id. Lakes that this process may not read are left
    out."""
    return stored(current_lakes(mesh_root()), products)


def queries_asked() -> list[QueryRead]:
    """The recorded queries, the oldest first."""
    return list(queries(mesh_home(mesh_root())))


def assess(today: date) -> Assessment:
    """Judge the mesh by its policies on a day. It introspects changed locations."""
    found = examine(mesh_root(), today)
    products = found.mesh.products
    each = {name: coverage(found, [product]) for name, product in products.items()}
    return Assessment(products, standings(found, today), coverage(found, list(products.values())), each)


def nights(today: date) -> Nights:
    """The days before ``today`` whose promised deliveries can be judged, by the runs in Dagster."""
    return Nights(mesh_root(), contracts().products, today)


def incidents_closed() -> list[ClosedIncident]:
    """The incidents that are over, the newest first."""
    return closed_incidents(mesh_root())
