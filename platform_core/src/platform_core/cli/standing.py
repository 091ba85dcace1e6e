"""How one product stands: what `mesh validate` would say of it, and who reads which of its columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from platform_core.cli.makers import maker_of
from platform_core.contracts.model import DataProduct
from platform_core.contracts.registry import Registry
from platform_core.errors import Diagnostic, PlatformError
from platform_core.governance.catalogue import load
from platform_core.governance.collect import collect
from platform_core.governance.facts import LocationFacts, MeshFacts, Read
from platform_core.governance.judge import judge
from platform_core.products.dbt_project import DbtProject
from platform_core.products.declare import ProductFunction
from platform_core.products.domain import Domain
from platform_core.source.federation import read_federation
from platform_core.source.workspace import read_locations
from platform_core.words import listed
from platform_core.workspace.introspection import kept_facts

COLUMNS_READ: Final = "G306"
MADE_BY_NOTHING: Final = "G118"
"""The dry run says why."""


@dataclass(frozen=True)
class Standing:
    """``diagnostics`` are violations of the policies of a product, and columns that are read and gone."""

    diagnostics: tuple[Diagnostic, ...]
    readers: str
    """In words, in one line; empty where nobody is known to read it."""


def standing(product: DataProduct, registry: Registry, root: Path) -> Standing:
    """Judge a product as `mesh validate` does, by its own facts and those that are kept of its readers.

    Raises:
        PlatformError: the faults of a masked twin's parent.
    """
    name, domain = product.name, product.domain
    try:
        maker = maker_of(product, root)
    except PlatformError:
        maker = None  # which the dry run tells
    parents = [registry.get(product.twin_of)] if product.twin_of else []
    own = Domain(
        domain,
        root,
        root / "domains" / domain / "src" / domain,
        registry,
        modules=(),
        products={each.name: each for each in (*parents, product)},
        functions={name: maker} if isinstance(maker, ProductFunction) else {},
        models={name: maker} if isinstance(maker, DbtProject) else {},
    )
    readers = tuple(_reading(product.id, _kept(root)))
    mesh = MeshFacts((collect(own), *readers), read_federation(root))
    catalogue = load(root, [domain])
    found = judge(mesh, catalogue, date.today()).by_subject
    own_codes = {policy.code for policy in catalogue.policies if policy.scope == "product"} - {
        MADE_BY_NOTHING
    }
    said = [each for each in found.get(product.id, ()) if each.code in own_codes]
    reads = [read for read in MeshFacts(readers, mesh.federation).reads if read.source == product.id]
    for read in reads:
        said += (d for d in found.get(read.reader, ()) if d.code == COLUMNS_READ and d.place == read.place)
    return Standing(tuple(dict.fromkeys(said)), _in_words(reads))


def _kept(root: Path) -> tuple[LocationFacts, ...]:
    try:
        return kept_facts(root, read_locations(root))
    except PlatformError:
        return ()  # who started this process read the workspace file


def _reading(product: str, locations: Iterable[LocationFacts]) -> Iterator[LocationFacts]:
    """Of some locations no more than what reads a product."""
    for location in locations:
        factories = tuple(
            replace(factory, inputs=inputs)
            for factory in location.factories
            if (inputs := tuple(read for read in factory.inputs if read.product == product))
        )
        referring = tuple(each for each in location.products if product in each.referenced)
        if factories or referring:
            yield LocationFacts(location.name, location.domain, referring, factories)


def _in_words(reads: Iterable[Read]) -> str:
    used: dict[str, Mapping[str, None] | None] = {}
    for read in reads:
        before = used.get(read.reader, {})
        known = None if before is None or read.columns is None else {**before, **dict.fromkeys(read.columns)}
        used[read.reader] = known
    words = (f"{name} ({'all' if u is None else listed(list(u), 6)})" for name, u in sorted(used.items()))
    return f"read by {listed(list(words), 20)}" if used else ""
