"""Policies on the makers of products, and on other assets of a location."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from platform_core.contracts.model import DataProduct
from platform_core.governance.facts import LocationFacts, MeshFacts, unread_contract
from platform_core.governance.policy import Violation, policy
from platform_core.products.makers.places import expected_maker
from platform_core.words import did_you_mean, listed


def unread_contracts(location: LocationFacts) -> frozenset[str]:
    """Names of the location's products with an unreadable contract."""
    return frozenset(name for fault in location.faults if (name := unread_contract(fault)))


def _half_known(location: LocationFacts) -> bool:
    errors = (fault for fault in location.faults if fault.severity == "error")
    unread = any(unread_contract(fault) is None for fault in errors)
    return unread or not location.loads


@policy("G118", scope="product")
def made(product: DataProduct, location: LocationFacts) -> Iterator[Violation]:
    if product.name in location.factory or product.status in {"proposed", "draft", "retired"}:
        return
    if _half_known(location):
        return
    contracts = {other.name for other in location.products}
    guess = did_you_mean(product.name, sorted(location.factory.keys() - contracts))
    message = f"{product.id} has a contract, but no function, Component or model"
    yield Violation(message, product.place, product.id, expected_maker(product), guess)


@policy("G119", scope="location")
def contracted(location: LocationFacts) -> Iterator[Violation]:
    names = {product.name for product in location.products}
    unread = unread_contracts(location)
    for factory in location.factories:
        if factory.name not in names and factory.name not in unread:
            guess = did_you_mean(factory.name, sorted(names - location.factory.keys()))
            message = f'the product "{factory.name}" of {location.domain} has no contract'
            expected = f"domains/{location.domain}/contracts/{factory.name}.odcs.yaml"
            yield Violation(message, factory.place, None, expected, guess)


@policy("G120", scope="product")
def drift(product: DataProduct, location: LocationFacts) -> Iterator[Violation]:
    factory = location.factory.get(product.name)
    if factory is None or factory.produces is None:
        return
    promised = {column.name.lower(): column.name for column in product.columns}
    produced = {name.lower(): name for name in factory.produces}
    missing = [name for key, name in promised.items() if key not in produced]
    extra = [name for key, name in produced.items() if key not in promised]
    if missing or extra or factory.contradicts:
        found = (("lacks", missing), ("yields", factory.contradicts), ("adds", extra))
        parts = " and ".join(f"{verb} {listed(names)}" for verb, names in found if names)
        what = (
            "dbt model"
            if factory.kind == "dbt"
            else "function"
            if factory.place.path.suffix == ".py"
            else "Component"
        )
        message = f"the {what} {factory.name} {parts}, contrary to the contract of {product.id}"
        expected = f"the columns {listed(list(promised.values()))}"
        yield Violation(message, factory.place, product.id, expected)


@policy("G201", scope="location")
def asset_owned(location: LocationFacts) -> Iterator[Violation]:
    for asset in location.assets:
        if asset.materializable and asset.product is None and not asset.owners:
            message = f"the asset {asset.key} has no owner"
            yield Violation(message, asset.place or location.place, asset.key, 'owners=["team:<slug>"]')


@policy("G202", scope="location")
def asset_described(location: LocationFacts) -> Iterator[Violation]:
    for asset in location.assets:
        if asset.materializable and asset.product is None and not asset.description.strip():
            message = f"the asset {asset.key} has no description"
            yield Violation(message, asset.place or location.place, asset.key, "a description")


@policy("G203", scope="location")
def location_named(location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    names = Counter(other.name for other in mesh.locations)
    if location.name != location.domain:
        message = f'the location "{location.name}" does not have the name of its domain, {location.domain}'
        yield Violation(message, location.place, None, f"location_name: {location.domain}")
    elif names[location.name] > 1:
        first = next(other for other in mesh.locations if other.name == location.name)
        if first is not location:
            message = f'two locations are named "{location.name}"'
            yield Violation(message, location.place, None, f"one location; the other is at {first.place}")
