"""The facts of a code location, collected in its own interpreter.

Faults of contracts, functions and models are not raised here: policies report them.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import ContractError, DefinitionError, Diagnostic, Place
from platform_core.fingerprint.made_from import MadeFrom
from platform_core.fingerprint.query import PlanEngine
from platform_core.governance.facts import AssetFacts, FactoryFacts, InputFacts, LocationFacts
from platform_core.products import column_use, made_from
from platform_core.products.dbt.project import DbtProject
from platform_core.products.declare import ProductFunction
from platform_core.products.makers.domain import Domain

REPORTED_BY_POLICIES: Final = frozenset({"D001", "D012"})
"""Faults of assembling that mesh policies report with more context: G301, G306."""

DECORATOR_LINES: Final = 60
"""The most lines between a decorator and its ``def``."""


def collect(
    domain: Domain,
    assets: Iterable[AssetFacts] = (),
    faults: Iterable[Diagnostic] = (),
    *,
    location: str | None = None,
    sql: bool = False,
) -> LocationFacts:
    """The facts of a domain, with the assets that were built from it.

    ``faults`` are those of building it. With ``sql``, the facts hold the columns that the SQL of functions
    and models uses and yields; the functions are called with empty inputs for that.
    """
    found: list[Diagnostic] = [*domain.faults]
    # The broken contract of another domain is reported for that domain.
    found += (f for f in faults if f.code not in REPORTED_BY_POLICIES and not f.code.startswith("C"))
    makers = [_function(domain, function, sql) for function in domain.functions.values()]
    makers += (_model(domain, project, name, sql) for name, project in domain.models.items())
    found += (fault for _, unknown in makers for fault in unknown)
    factories = [factory for factory, _ in makers]
    factories += (_twin(domain, product) for product in domain.products.values() if product.twin_of)
    elsewhere, unread = _elsewhere(domain, factories)
    found += unread
    return LocationFacts(
        name=location or domain.name,
        domain=domain.name,
        products=tuple(domain.products.values()),
        factories=tuple(factories),
        assets=tuple(assets),
        faults=tuple(dict.fromkeys(found)),
        place=Place(domain.package / "__init__.py"),
        unread_twins=tuple(
            name for name in domain.registry.twins(domain.name) if name not in domain.products
        ),
        elsewhere=elsewhere,
    )


def contracts_read(facts: LocationFacts) -> Iterator[str]:
    """The ids of the products of other domains on whose contracts these facts depend."""
    return _read(facts.domain, facts.factories, facts.products)


def _read(domain: str, factories: Iterable[FactoryFacts], products: Iterable[DataProduct]) -> Iterator[str]:
    ids = {read.product for factory in factories for read in factory.inputs}
    ids |= {name for product in products for name in product.referenced}
    yield from sorted(name for name in ids if not name.startswith(f"{domain}/"))


def _elsewhere(
    domain: Domain, factories: Iterable[FactoryFacts]
) -> tuple[tuple[DataProduct, ...], list[Diagnostic]]:
    found: list[DataProduct] = []
    faults: list[Diagnostic] = []
    for name in _read(domain.name, factories, domain.products.values()):
        if domain.registry.is_own(ProductId(name).domain):
            continue
        try:
            found.append(domain.registry.get(name))
        except DefinitionError:
            continue  # a dangling reference, which a policy reports
        except ContractError as error:
            faults += error.diagnostics
    return tuple(found), faults


def _function(
    domain: Domain, function: ProductFunction, sql: bool
) -> tuple[FactoryFacts, tuple[Diagnostic, ...]]:
    contracts = _contracts(domain, {name: read.product for name, read in function.products.items()})
    known = column_use.Columns()
    if sql and len(contracts) == len(function.products):
        known = column_use.of_function(function, contracts, domain.name, domain.products.get(function.name))
    inputs = tuple(
        InputFacts(
            name=name,
            product=read.product,
            columns=read.columns if read.columns is not None else known.used.get(name),
            place=function.places.get(name) or _place_of_input(function, read.product),
            partitions=read.partitions,
        )
        for name, read in function.products.items()
    )
    parts = None
    if sql and len(contracts) == len(function.products):
        parts = made_from.of_function(function, known, contracts, domain.products.get(function.name))
    made = (known.produced, known.contradicts, parts, _from_personal(parts, contracts.values()))
    return FactoryFacts(function.name, "function", function.place, inputs, *made), known.faults


def _twin(domain: Domain, product: DataProduct) -> FactoryFacts:
    parent = product.twin_of or ""
    shown = tuple(column.name for column in product.columns)
    reads = InputFacts(ProductId(parent).name, parent, shown, product.place)
    contracts = _contracts(domain, {parent: parent})
    parts = made_from.of_twin(product, contracts[parent]) if parent in contracts else None
    return FactoryFacts(product.name, "masked", product.place, (reads,), shown, (), parts)


def _model(
    domain: Domain, project: DbtProject, name: str, sql: bool
) -> tuple[FactoryFacts, tuple[Diagnostic, ...]]:
    place = Place(project.models[name])
    places, unread = project.reads(name, domain.own)
    known = column_use.Columns()
    contracts = _contracts(domain, {product: product for product in places})
    by_name = {ProductId(product).in_sql: contract for product, contract in contracts.items()}
    if complete := sql and len(contracts) == len(places):
        known = column_use.of_model(project.sql(name), by_name, place, domain.products[name])
    inputs = tuple(
        InputFacts(product, product, known.used.get(ProductId(product).in_sql), where)
        for product, where in places.items()
    )
    parts = made_from.of_model(project, known, by_name, domain.products[name]) if complete else None
    made = (known.produced, known.contradicts, parts, _from_personal(parts, contracts.values()))
    return FactoryFacts(name, "dbt", place, inputs, *made), (*unread, *known.faults)


def _from_personal(parts: MadeFrom | None, inputs: Iterable[DataProduct]) -> tuple[tuple[str, str, str], ...]:
    """The columns that a query makes from the values of personal columns. Python does not show them."""
    personal: dict[str, set[str]] = {
        each.id: {column.name for column in each.columns if column.personal} for each in inputs
    }
    if parts is None or not parts.query or not any(personal.values()):
        return ()
    with PlanEngine() as engine:
        prints = engine.fingerprints(parts)
    return tuple(
        (name, source, column)
        for name, each in ({} if prints.unread else prints.columns).items()
        for source, used in each.values.items()
        for column in used
        if column in personal.get(source, ())
    )


def _contracts(domain: Domain, wanted: Mapping[str, str]) -> dict[str, DataProduct]:
    found = {}
    for name, product in wanted.items():
        try:
            found[name] = domain.registry.get(product)
        except (ContractError, DefinitionError):
            # Reported for the product itself, or as a dangling reference.
            continue
    return found


def _place_of_input(function: ProductFunction, product: str) -> Place:
    """The place of the product's name in the decorator; of the function where it is not there as text."""
    path = function.place.path
    lines = linecache.getlines(str(path))
    for number in range(function.place.line - 1, max(0, function.place.line - DECORATOR_LINES), -1):
        text = lines[number - 1] if number <= len(lines) else ""
        for quote in "\"'":
            if (start := text.find(f"{quote}{product}{quote}")) >= 0:
                return Place(path, number, start + 1, len(product) + 2)
        if text.startswith("@data_product"):
            break
    return function.place
