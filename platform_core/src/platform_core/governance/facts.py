"""What governance looks at: plain facts about locations, readable without loading any of them.

A location's facts are one JSON document (``FORMAT``), written by the location's own interpreter.
Policies see nothing else, so a policy never imports Dagster or a domain's code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import PartitionsRead
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, Place
from platform_core.source.federation import Federation

FORMAT = "platform-core/location/1"


@dataclass(frozen=True, slots=True)
class InputFacts:
    """A product that a factory reads. ``columns`` are those that it uses, by declaration or by its
    SQL; None where that cannot be known."""

    name: str
    product: str
    columns: tuple[str, ...] | None
    place: Place
    partitions: PartitionsRead | None = None


@dataclass(frozen=True, slots=True)
class FactoryFacts:
    """What makes a product. ``produces`` are the names of the columns it yields, None where unknown."""

    name: str
    kind: Literal["function", "dbt", "masked"]
    place: Place
    inputs: tuple[InputFacts, ...] = ()
    produces: tuple[str, ...] | None = None
    contradicts: tuple[str, ...] = ()
    """Columns that it yields in another type than the contract's, in words."""


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """An asset of the location as Dagster has it; external ones are not ``materializable``."""

    key: str
    materializable: bool
    product: str | None = None
    owners: tuple[str, ...] = ()
    description: str = ""
    deps: tuple[str, ...] = ()
    place: Place | None = None


@dataclass(frozen=True)
class LocationFacts:
    """One code location. ``faults`` kept it, or a part of it, from being looked at."""

    name: str
    domain: str
    products: tuple[DataProduct, ...] = ()
    factories: tuple[FactoryFacts, ...] = ()
    assets: tuple[AssetFacts, ...] = ()
    faults: tuple[Diagnostic, ...] = ()
    place: Place | None = None
    """Where the location is defined: its entry in the workspace file or its package."""
    loads: bool = True
    """False where its code could not be loaded: then only its contracts are known."""
    platform_core: str = ""
    """The version of the library that the location runs on; none where it wrote no document itself."""
    unread_twins: tuple[str, ...] = ()
    """Names of its masked twins whose parent's contract cannot be read."""
    elsewhere: tuple[DataProduct, ...] = ()
    """Products that it reads and that only the registry knows: they are made in another repository."""
    format: str = FORMAT

    @cached_property
    def product_ids(self) -> tuple[str, ...]:
        return tuple(product.id for product in self.products)

    @cached_property
    def factory(self) -> dict[str, FactoryFacts]:
        return {factory.name: factory for factory in self.factories}

    @cached_property
    def whole(self) -> bool:
        """Whether nothing of the location had to be left out."""
        return self.loads and not any(map(of_single_products, self.faults))

    def beside(self, before: LocationFacts) -> LocationFacts:
        """These facts, and of what was left out, or whose columns cannot be told now, those of before."""
        if not self.loads:
            return before
        factories = {factory.name: factory for factory in before.factories}
        for factory in self.factories:
            old = factories.get(factory.name)
            known = all(read.columns is not None for read in factory.inputs)
            if known or old is None or {*_inputs(old)} != {*_inputs(factory)}:
                factories[factory.name] = factory
        products = {product.id: product for product in (*before.products, *self.products)}
        assets = {asset.key: asset for asset in (*before.assets, *self.assets)}
        made = tuple(factories.values())
        return replace(self, products=tuple(products.values()), factories=made, assets=tuple(assets.values()))


def of_single_products(fault: Diagnostic) -> bool:
    """Whether a fault keeps single products from being made, and the others of the domain not: that of a
    contract, a draft included, and that of a dbt project."""
    return fault.code.startswith("C") or fault.code in ("D011", "D033")


def _inputs(factory: FactoryFacts) -> Iterator[str]:
    return (read.product for read in factory.inputs)


def unread_contract(fault: Diagnostic) -> str | None:
    """The name of the product whose contract a fault is in, which kept it from being read."""
    return fault.place.path.name.partition(".")[0] if fault.place and fault.code.startswith("C") else None


@dataclass(frozen=True, slots=True)
class Read:
    """One product or asset reads another: as an input of its factory, by a foreign key of its contract,
    or as a dependency of a plain asset."""

    reader: str
    domain: str
    """The reader's domain."""
    source: str
    kind: Literal["input", "reference", "asset"]
    place: Place | None
    columns: tuple[str, ...] | None = None
    partitions: PartitionsRead | None = None


@dataclass(frozen=True)
class MeshFacts:
    """The whole mesh, or as much of it as is known where a policy looks."""

    locations: tuple[LocationFacts, ...]
    federation: Federation
    complete: bool = True
    """False while a single location is looked at: then mesh policies do not apply."""

    @cached_property
    def products(self) -> dict[str, DataProduct]:
        """Every product by id; the first where two locations have one."""
        found: dict[str, DataProduct] = {}
        for location in self.locations:
            for product in location.products:
                found.setdefault(product.id, product)
        return found

    @cached_property
    def known(self) -> dict[str, DataProduct]:
        """``products``, and those of other repositories that they read."""
        outside = {product.id: product for location in self.locations for product in location.elsewhere}
        return outside | self.products if outside else self.products

    @cached_property
    def factories(self) -> dict[str, FactoryFacts]:
        """What makes a product, by the product's id."""
        return {
            ProductId.of(location.domain, factory.name): factory
            for location in self.locations
            for factory in location.factories
        }

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        """Every edge of the graph, by location and in the order in which things are defined."""
        return tuple(read for location in self.locations for read in _reads(location))

    @cached_property
    def unread(self) -> frozenset[str]:
        """Ids of products that have a contract, which could not be read."""
        found: set[str] = set()
        for location in self.locations:
            found.update(f"{location.domain}/{name}" for name in location.unread_twins)
            for fault in location.faults:
                if fault.place and (name := unread_contract(fault)):
                    # A registry has the contracts of a domain in a folder of its name.
                    folder = fault.place.path.parent.name
                    found.add(f"{location.domain if folder == 'contracts' else folder}/{name}")
        return frozenset(found)

    @cached_property
    def unloaded(self) -> frozenset[str]:
        """Domains whose code could not be loaded: what they make beside products is not known."""
        return frozenset(location.domain for location in self.locations if not location.loads)


def _reads(location: LocationFacts) -> Iterator[Read]:
    domain = location.domain
    for factory in location.factories:
        reader = ProductId.of(domain, factory.name)
        for wanted in factory.inputs:
            yield Read(
                reader, domain, wanted.product, "input", wanted.place, wanted.columns, wanted.partitions
            )
    for product in location.products:
        for rule in product.rules:
            target = rule.reference if rule.kind == "reference" else None
            if target is not None and target.product != product.id:
                yield Read(product.id, domain, target.product, "reference", rule.place, target.columns)
    for asset in location.assets:
        if asset.materializable and asset.product is None:
            for key in asset.deps:
                yield Read(asset.key, domain, key, "asset", asset.place or location.place)
