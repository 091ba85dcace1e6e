"""The only place that looks for the makers of products: all of a domain, or that of one product without
loading its location."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import DefinitionError, Diagnostic, PlatformError, own_line
from platform_core.products.dbt.project import DbtProject
from platform_core.products.dbt.run import reads_more, with_manifest
from platform_core.products.declare import ProductFunction
from platform_core.products.makers.components import (
    component_files,
    component_functions,
    read_component,
)
from platform_core.products.makers.places import DEFS, DEFS_FILE, expected_maker
from platform_core.words import did_you_mean


def product_functions(
    package: Path, modules: Iterable[ModuleType]
) -> tuple[dict[str, ProductFunction], list[Diagnostic]]:
    """The functions marked ``@data_product`` and the Components of a package, by product; D013 for two of one
    name, D080 for Components that cannot be read."""
    found: dict[str, ProductFunction] = {}
    components, faults = component_functions(package)
    values = (value for module in modules for value in vars(module).values())
    for value in (*values, *components):
        if isinstance(value, ProductFunction) and (other := found.setdefault(value.name, value)) is not value:
            message = f'the product "{value.name}" is made twice'
            expected = f"one function or Component per product; the other is at {other.place}"
            fix = "Rename or remove one of them."
            faults.append(Diagnostic("D013", message, value.place, expected, fix))
    return found, faults


def dbt_products(
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


def maker_of(
    product: DataProduct, root: Path
) -> tuple[ProductFunction | DbtProject | None, tuple[Diagnostic, ...]]:
    """The function or dbt project of a product, None for a masked twin; or the faults: D015 without a
    function or model, D023 and D011 for a file that cannot be imported or read."""
    try:
        return None if product.twin_of else find_maker(product.id, root) or _project(product, root), ()
    except PlatformError as error:
        return None, error.diagnostics


def find_maker(product: ProductId, root: Path) -> ProductFunction | None:
    """The function or Component of a product; only modules that mention it are imported."""
    for folder in _package_folders(product.domain, root):
        for file in component_files(folder):
            if file.parent.name == product.name:
                return read_component(file, product.domain)
        if (file := folder / DEFS / product.name / DEFS_FILE).is_file():
            return read_component(file, product.domain)  # reports its faults
        for file in sorted(folder.rglob("*.py")):
            text = file.read_text(encoding="utf-8", errors="replace")
            if "data_product" not in text or not re.search(rf"\b{re.escape(product.name)}\b", text):
                continue
            parts = file.relative_to(folder).with_suffix("").parts
            module = ".".join((product.domain, *(part for part in parts if part != "__init__")))
            if module == f"{product.domain}.definitions":
                continue
            for value in vars(_import(module)).values():
                if isinstance(value, ProductFunction) and value.name == product.name:
                    return value
    return None


def _package_folders(domain: str, root: Path) -> list[Path]:
    spec = find_spec(domain)
    if spec is None and (source := root / "domains" / domain / "src").is_dir():
        sys.path.insert(0, str(source))
        spec = find_spec(domain)
    return [Path(folder) for folder in (spec.submodule_search_locations if spec else None) or ()]


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except PlatformError:
        raise
    except Exception as error:
        message = f"the module {module} cannot be imported: {type(error).__name__}: {error}"
        place = own_line(error, own_code(module.partition(".")[0]))
        expected = "a module that imports in the domain's own environment"
        fix = "Fix the line, or add the missing package to the domain's pyproject.toml."
        raise DefinitionError.of("D023", message, place, expected, fix) from error


def _project(product: DataProduct, root: Path) -> DbtProject:
    project = DbtProject.of(product.domain, root)
    if product.name not in project.models:
        if reads_more(project):
            with_manifest(project)
            return _project(product, root)
        nothing = Diagnostic(
            "D015",
            f"{product.id} has a contract, but no function, Component or dbt model",
            product.place,
            expected=expected_maker(product),
            fix=did_you_mean(product.name, project.models),
        )
        # A file that cannot be read may declare it.
        raise DefinitionError(*(project.files.all_faults() or project.refused(product.name) or (nothing,)))
    return project


def own_code(package: str) -> Callable[[Path], bool]:
    return lambda file: package in file.parts and "site-packages" not in file.parts
