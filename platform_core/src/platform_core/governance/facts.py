"""The facts about locations on which policies decide, without loading a location.

A location's own interpreter writes its facts as one JSON document (``FORMAT``). Policies see nothing else, so
they never import Dagster or the code of a domain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Literal

from platform_core.compatibility.change import Change, Grade
from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import PartitionsRead
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, Place
from platform_core.fingerprint.made_from import MadeFrom
from platform_core.source.acknowledgements import Acknowledgements
from platform_core.source.federation import Federation

FORMAT = "platform-core/location/1"


@dataclass(frozen=True, slots=True)
class InputFacts:
    """A product that a factory reads. ``columns`` are the columns that it declares or uses in its SQL; None
    where they are unknown."""

    name: str
    product: str
    columns: tuple[str, ...] | None
    place: Place
    partitions: PartitionsRead | None = None


@dataclass(frozen=True, slots=True)
class FactoryFacts:
    """The maker of a product. ``produces`` are the names of its columns, None where unknown."""

    name: str
    kind: Literal["function", "dbt", "masked"]
    place: Place
    inputs: tuple[InputFacts, ...] = ()
    produces: tuple[str, ...] | None = None
    contradicts: tuple[str, ...] = ()
    """Columns of another type than in the contract, in words."""
    made_from: MadeFrom | None = None
    """The parts by which a change is noticed; None where the location does not show them."""
    from_personal: tuple[tuple[str, str, str], ...] = ()
    """Columns that are made from the values of personal ones: the column, the product and its column."""


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """A Dagster asset of the location; an external one is not ``materializable``."""

    key: str
    materializable: bool
    product: str | None = None
    owners: tuple[str, ...] = ()
    description: str = ""
    deps: tuple[str, ...] = ()
    place: Place | None = None


@dataclass(frozen=True)
class LocationFacts:
    """A code location. With ``faults``, the facts may be incomplete."""

    name: str
    domain: str
    products: tuple[DataProduct, ...] = ()
    factories: tuple[FactoryFacts, ...] = ()
    assets: tuple[AssetFacts, ...] = ()
    faults: tuple[Diagnostic, ...] = ()
    place: Place | None = None
    """Its entry in the workspace file, or its package."""
    loads: bool = True
    """False where its code could not be loaded: the facts then hold only its contracts."""
    platform_core: str = ""
    """The version of the library in the location; empty where it wrote no document."""
    unread_twins: tuple[str, ...] = ()
    """Names of masked twins whose parent's contract is unreadable."""
    elsewhere: tuple[DataProduct, ...] = ()
    """Products that it reads from other repositories, by the registry."""
    library: str = ""
    """The digest of the sources of its ``platform_core``."""
    format: str = FORMAT

    @cached_property
    def product_ids(self) -> tuple[str, ...]:
        return tuple(product.id for product in self.products)

    @cached_property
    def factory(self) -> dict[str, FactoryFacts]:
        return {factory.name: factory for factory in self.factories}

    @cached_property
    def whole(self) -> bool:
        """Whether the facts are complete."""
        return self.loads and not any(map(of_single_products, self.faults))

    def completed_by(self, before: LocationFacts) -> LocationFacts:
        """These facts, completed by earlier facts where products or columns are missing now."""
        if not self.loads:
            return before
        factories = {factory.name: factory for factory in before.factories}
        for factory in self.factories:
            old = factories.get(factory.name)
            known = all(read.columns is not None for read in factory.inputs)
            if known or old is None or {r.product for r in old.inputs} != {r.product for r in factory.inputs}:
                factories[factory.name] = factory
        products = {product.id: product for product in (*before.products, *self.products)}
        assets = {asset.key: asset for asset in (*before.assets, *self.assets)}
        made = tuple(factories.values())
        return replace(self, products=tuple(products.values()), factories=made, assets=tuple(assets.values()))


def of_single_products(fault: Diagnostic) -> bool:
    """Whether a fault concerns single products, not the whole domain: a contract's or a dbt project's."""
    return fault.code.startswith("C") or fault.code in ("D011", "D033")


def unread_contract(fault: Diagnostic) -> str | None:
    """The name of the product whose contract has the fault; None for a fault of anything else."""
    return fault.place.path.name.partition(".")[0] if fault.place and fault.code.startswith("C") else None


@dataclass(frozen=True, slots=True)
class Read:
    """An edge: a product or asset reads another as an input of its factory, by a foreign key of its contract,
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
class ContractChange:
    """A contract that differs from the base, with the acknowledgements of its new version."""

    old: DataProduct
    new: DataProduct
    acknowledged: Acknowledgements = field(default_factory=Acknowledgements)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The changes of the contract, the worst first."""
        # Imported here, since most calls have no changed contract.
        from platform_core.compatibility.compare import changes

        return changes(self.old, self.new)

    @property
    def grade(self) -> Grade:
        """The grade of the worst change."""
        return max((each.grade for each in self.changes), default=Grade.NEUTRAL)

    @property
    def version_demanded(self) -> str | None:
        """The lowest version that the changes need; None if the contract has that, or a higher one."""
        from platform_core.compatibility.versions import demanded, enough

        grade = self.grade
        return (
            None if enough(self.old.version, self.new.version, grade) else demanded(self.old.version, grade)
        )


@dataclass(frozen=True)
class MeshFacts:
    """The whole mesh, or a single location."""

    locations: tuple[LocationFacts, ...]
    federation: Federation
    complete: bool = True
    """False for a single location, to which mesh policies do not apply."""
    changes: tuple[ContractChange, ...] = ()
    """The contracts that differ from the base."""
    today: date = field(default_factory=date.today)

    @cached_property
    def products(self) -> dict[str, DataProduct]:
        """Every product by id, from the first location that has it."""
        found: dict[str, DataProduct] = {}
        for location in self.locations:
            for product in location.products:
                found.setdefault(product.id, product)
        return found

    @cached_property
    def known(self) -> dict[str, DataProduct]:
        """``products``, and the products of other repositories that they read."""
        outside = {product.id: product for location in self.locations for product in location.elsewhere}
        return outside | self.products if outside else self.products

    @cached_property
    def factories(self) -> dict[str, FactoryFacts]:
        """The factories by the ids of their products."""
        return {
            ProductId.of(location.domain, factory.name): factory
            for location in self.locations
            for factory in location.factories
        }

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        """Every edge of the graph, by location and in the order of definition."""
        return tuple(read for location in self.locations for read in _reads(location))

    @cached_property
    def unread(self) -> frozenset[str]:
        """Ids of products with an unreadable contract."""
        found: set[str] = set()
        for location in self.locations:
            found.update(f"{location.domain}/{name}" for name in location.unread_twins)
            for fault in location.faults:
                if fault.place and (name := unread_contract(fault)):
                    # In a registry, the folder has the name of the domain.
                    folder = fault.place.path.parent.name
                    found.add(f"{location.domain if folder == 'contracts' else folder}/{name}")
        return frozenset(found)

    @cached_property
    def unloaded(self) -> frozenset[str]:
        """Domains whose code could not be loaded, so that their other assets are unknown."""
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
