"""One product's violations of policies, as `mesh validate` reports them, and its readers with their
columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import Diagnostic, PlatformError
from platform_core.governance.collect import collect
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.governance.judge import judge
from platform_core.governance.policy_set import load_policies
from platform_core.products.dbt.project import DbtProject
from platform_core.products.declare import ProductFunction
from platform_core.products.makers.domain import Domain
from platform_core.products.makers.lookup import maker_of
from platform_core.registry.lookup import Registry
from platform_core.source.federation import read_federation
from platform_core.source.workspace import read_locations
from platform_core.words import listed
from platform_core.workspace.introspection.cache import kept_facts


def standing(product: DataProduct, registry: Registry, root: Path) -> tuple[list[Diagnostic], str]:
    """The violations of product policies, G306 of its readers included, and a line that names the readers.

    Facts of the product are current, those of its readers from the cache. G118 is left out, because the dry
    run reports it. Raises PlatformError for a masked twin whose parent has faults.
    """
    maker, _ = maker_of(product, root)
    name, domain = product.name, product.domain
    products = {name: product}
    if product.twin_of:  # its parent's contract declares what it inherits
        products = {"": registry.get(product.twin_of), **products}
    functions = {name: maker} if isinstance(maker, ProductFunction) else {}
    models = {name: maker} if isinstance(maker, DbtProject) else {}
    package = root / "domains" / domain / "src" / domain
    own = collect(Domain(domain, root, package, registry, (), products, functions, models))
    mesh = MeshFacts((own, *_kept(product, root)), read_federation(root))
    catalogue = load_policies(root, [domain])
    violations = judge(mesh, catalogue, date.today()).by_subject
    asked = {policy.code for policy in catalogue.policies if policy.scope == "product"} - {"G118"}
    shown = [each for each in violations.get(product.id, ()) if each.code in asked]
    used: dict[str, dict[str, None]] = {}
    for read in mesh.reads:
        if read.source == product.id:
            used.setdefault(read.reader, {}).update(dict.fromkeys(read.columns or ("all",)))
            found = violations.get(read.reader, ())
            shown += (each for each in found if each.code == "G306" and each.place == read.place)
    readers = [f"{reader} ({listed(list(columns), 6)})" for reader, columns in sorted(used.items())]
    return list(dict.fromkeys(shown)), f"read by {listed(readers, 20)}" if readers else ""


def _kept(product: DataProduct, root: Path) -> Iterator[LocationFacts]:
    """The cached facts of all locations, with only the products that reference this one."""
    try:
        kept = kept_facts(root, read_locations(root))
    except PlatformError:
        return  # the parent process has reported a broken workspace file
    for facts in kept:
        referring = tuple(each for each in facts.products if product.id in each.referenced)
        yield replace(facts, products=referring, faults=())
