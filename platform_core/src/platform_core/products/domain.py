"""A domain's functions, contracts and dbt project, without Dagster."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, Diagnostic
from platform_core.products.dbt.project import DbtProject
from platform_core.products.dbt.run import with_manifest
from platform_core.products.declare import ProductFunction
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

    @cached_property
    def own(self) -> frozenset[str]:
        """The names of its products, including those with an unreadable contract."""
        return frozenset(product.name for product in self.registry.names() if product.domain == self.name)


def read_domain(name: str, registry: Registry | None = None) -> Domain:
    """Import the package of a domain and read its contracts; ``registry`` may already hold them.

    Broken contracts, functions of the same name and a dbt project that dbt cannot parse become ``faults``.
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
    functions, rivals = product_functions(modules)
    models, unparsed = _dbt_products(name, root, products, functions)
    return Domain(
        name, root, folder, registry, modules, products, functions, models, (*broken, *rivals, *unparsed)
    )


def product_functions(modules: Iterable[ModuleType]) -> tuple[dict[str, ProductFunction], list[Diagnostic]]:
    """The functions marked ``@data_product`` by name, and D013 for two of the same name."""
    found: dict[str, ProductFunction] = {}
    faults: list[Diagnostic] = []
    for value in (value for module in modules for value in vars(module).values()):
        if isinstance(value, ProductFunction) and (other := found.setdefault(value.name, value)) is not value:
            message = f'two functions make the product "{value.name}"'
            expected = f"one function per product; the other is at {other.place}"
            fix = "Rename or remove one of them."
            faults.append(Diagnostic("D013", message, value.place, expected, fix))
    return found, faults


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


def _dbt_products(
    domain: str,
    root: Path,
    products: Mapping[str, DataProduct],
    functions: Mapping[str, ProductFunction],
) -> tuple[dict[str, DbtProject], tuple[Diagnostic, ...]]:
    """The products without a function that have a dbt model, and D011 if dbt cannot parse the project."""
    wanted = products.keys() - functions.keys()
    if not wanted or not (root / "dbt_projects" / domain / "dbt_project.yml").exists():
        return {}, ()
    try:
        project = with_manifest(DbtProject.of(domain, root))
    except DefinitionError as error:
        return {}, error.diagnostics
    return dict.fromkeys(sorted(wanted & project.models.keys()), project), ()
