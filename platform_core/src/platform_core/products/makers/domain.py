"""A domain's functions, contracts and dbt project, without Dagster."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import Diagnostic
from platform_core.products.dbt.project import DbtProject
from platform_core.products.declare import ProductFunction
from platform_core.products.makers.components import has_others
from platform_core.products.makers.lookup import dbt_products, product_functions
from platform_core.products.makers.places import DEFS
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_root


@dataclass(frozen=True)
class Domain:
    """A domain as it was read. ``products`` have readable contracts; ``functions`` and ``models`` make
    products, by the product's name. ``faults`` are about parts that are left out."""

    name: str
    root: Path
    package: Path
    registry: Registry
    modules: tuple[ModuleType, ...]
    products: Mapping[str, DataProduct]
    functions: Mapping[str, ProductFunction]
    models: Mapping[str, DbtProject]
    faults: tuple[Diagnostic, ...] = ()
    defs: str | None = None
    """The package with definitions that Dagster's own loader finds, as it does for ``dg``."""

    @cached_property
    def own(self) -> frozenset[str]:
        """The names of its products, including those with an unreadable contract."""
        return frozenset(product.name for product in self.registry.names() if product.domain == self.name)


def read_domain(name: str, registry: Registry | None = None) -> Domain:
    """Import the package of a domain and read its contracts; ``registry`` may already hold them.

    Broken contracts, two makers of one product, unreadable Components and a dbt project that dbt cannot
    parse become ``faults``.
    Exceptions of the domain's own code are raised.
    """
    package = import_module(name)
    # Without ``definitions``, which calls this, and ``policies``, which governance loads.
    apart = frozenset({f"{name}.definitions", f"{name}.policies"})
    folders = {Path(path).resolve() for path in package.__path__}
    modules = (package, *_modules_in(package, apart, folders))
    folder = Path(str(package.__file__)).parent
    root = mesh_root(folder)
    registry = registry or Registry.open(root)
    found, broken = registry.scan(name)
    products = {product.name: product for product in found}
    functions, unmade = product_functions(folder, modules)
    models, unparsed = dbt_products(name, root, products, functions)
    faults = (*broken, *unmade, *unparsed)
    # Dagster loads the same files, and would report a fault in its own words.
    defs = f"{name}.{DEFS}" if not unmade and has_others(folder) else None
    if defs is not None:
        modules = tuple(module for module in modules if not f"{module.__name__}.".startswith(f"{defs}."))
    return Domain(name, root, folder, registry, modules, products, functions, models, faults, defs)


def _modules_in(package: ModuleType, apart: frozenset[str], seen: set[Path]) -> Iterator[ModuleType]:
    """``pkgutil.walk_packages`` would follow a circular link."""
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if info.name in apart:
            continue
        module = import_module(info.name)
        folders = {Path(folder).resolve() for folder in module.__path__} if info.ispkg else set()
        if folders & seen:
            continue
        yield module
        if info.ispkg:
            seen |= folders
            yield from _modules_in(module, apart, seen)
