"""What a domain brings: its package's functions, its contracts and its dbt project, before anything is built.

Nothing here needs Dagster.
"""

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
    """A domain as it was found.

    ``products`` are those whose contract can be read, ``functions`` and ``models`` what makes
    products, each by the product's name. ``faults`` kept a part of it out.
    """

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
        """The names of its products, also of those whose contract cannot be read."""
        return frozenset(product.name for product in self.registry.names() if product.domain == self.name)


def read_domain(name: str, registry: Registry | None = None) -> Domain:
    """Import the package of a domain and read its contracts; ``registry`` may hold them already.

    Broken contracts, functions of one name and a dbt project that dbt cannot parse are ``faults``.
    What the domain's own code raises while it is imported passes through.
    """
    package = import_module(name)
    modules = (package, *_submodules(package))
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
    """The functions marked ``@data_product`` in some modules by name, and D013 where two share one."""
    found: dict[str, ProductFunction] = {}
    faults: list[Diagnostic] = []
    for module in modules:
        for value in vars(module).values():
            if not isinstance(value, ProductFunction):
                continue
            other = found.setdefault(value.name, value)
            if other is not value:
                message = f'two functions make the product "{value.name}"'
                expected = f"one function per product; the other is at {other.place}"
                faults.append(
                    Diagnostic("D013", message, value.place, expected, "rename or remove one of them")
                )
    return found, faults


def _submodules(package: ModuleType) -> list[ModuleType]:
    """Every module of the package but ``definitions``, which is what asks, and its policies, which
    governance loads by itself."""
    apart = frozenset({f"{package.__name__}.definitions", f"{package.__name__}.policies"})
    return list(_modules_in(package, apart, {Path(folder).resolve() for folder in package.__path__}))


def _modules_in(package: ModuleType, apart: frozenset[str], seen: set[Path]) -> Iterator[ModuleType]:
    """``pkgutil.walk_packages`` would follow a link that leads back, until the path is too long."""
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
    """The products without a function that have a dbt model, and D011 where dbt cannot read the project."""
    wanted = products.keys() - functions.keys()
    if not wanted or not (root / "dbt_projects" / domain / "dbt_project.yml").exists():
        return {}, ()
    try:
        project = with_manifest(DbtProject.of(domain, root))
    except DefinitionError as error:
        return {}, error.diagnostics
    return dict.fromkeys(sorted(wanted & project.models.keys()), project), ()
