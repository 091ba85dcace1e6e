"""A code location out of a domain: its package, its contracts and its dbt project."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import dagster as dg

from platform_core.contracts.model import DataProduct
from platform_core.contracts.registry import Registry, mesh_root
from platform_core.errors import DefinitionError, Diagnostic, did_you_mean, listed, shown
from platform_core.products.asset import function_asset
from platform_core.products.dbt_asset import dbt_asset
from platform_core.products.dbt_project import DbtProject
from platform_core.products.declare import ProductFunction
from platform_core.products.resource import LakeResource
from platform_core.products.source import Source
from platform_core.products.spec import asset_key, external_spec


def domain_definitions(domain: str) -> dg.Definitions:
    """The definitions of a domain's code location.

    ``domain`` is the name of its package. Every function marked ``@data_product`` in it, and every
    dbt model in ``dbt_projects/<domain>`` with a contract of its name, becomes an asset derived
    from its contract. Plain Dagster assets and checks of the package are taken along as they are.

    Raises:
        ContractError: with all faults of the domain's contracts.
        DefinitionError: where functions, models, contracts and references do not fit together.
    """
    package = import_module(domain)
    modules = [package, *_submodules(package)]
    root = mesh_root(Path(str(package.__file__)).parent)
    registry = Registry.open(root)
    products = {product.name: product for product in registry.of_domain(domain)}
    functions = _functions(modules)
    models = _dbt_products(domain, root, products, functions)
    _match(domain, registry, products, functions, models)

    made = [function_asset(products[f.name], f, registry) for f in functions.values()]
    made += [
        dbt_asset(products[name], project, registry, frozenset(products)) for name, project in models.items()
    ]
    plain = _plain_assets(modules, domain)
    return dg.Definitions(
        assets=[*made, *plain, *_external(domain, [*made, *plain], functions.values(), registry)],
        asset_checks=dg.load_asset_checks_from_modules(modules),
        sensors=[
            dg.AutomationConditionSensorDefinition(
                name="automation",
                target=dg.AssetSelection.all(),
                default_status=dg.DefaultSensorStatus.RUNNING,
            )
        ],
        resources={"lake": LakeResource()},
    )


def product_functions(domain: str) -> dict[str, ProductFunction]:
    """The functions of a domain's package by name; for tools that need no definitions."""
    package = import_module(domain)
    return _functions([package, *_submodules(package)])


def _submodules(package: ModuleType) -> list[ModuleType]:
    """Every module of the package but ``definitions``, which is what asks."""
    names = [info.name for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return [import_module(name) for name in names if name != f"{package.__name__}.definitions"]


def _functions(modules: Iterable[ModuleType]) -> dict[str, ProductFunction]:
    found: dict[str, ProductFunction] = {}
    for module in modules:
        for value in vars(module).values():
            if not isinstance(value, ProductFunction):
                continue
            other = found.setdefault(value.name, value)
            if other is not value:
                raise DefinitionError(
                    Diagnostic(
                        "D013",
                        f'two functions make the product "{value.name}"',
                        value.place,
                        expected=f"one function per product; the other is at {other.place}",
                        fix="rename or remove one of them",
                    )
                )
    return found


def _dbt_products(
    domain: str,
    root: Path,
    products: dict[str, DataProduct],
    functions: dict[str, ProductFunction],
) -> dict[str, DbtProject]:
    """The products without a function that have a dbt model."""
    folder = root / "dbt_projects" / domain
    wanted = products.keys() - functions.keys()
    if not wanted or not (folder / "dbt_project.yml").is_file():
        return {}
    project = DbtProject(domain, folder)
    return dict.fromkeys(sorted(wanted & project.models().keys()), project)


def _match(
    domain: str,
    registry: Registry,
    products: dict[str, DataProduct],
    functions: dict[str, ProductFunction],
    models: dict[str, DbtProject],
) -> None:
    """Every contract needs something that makes it, every function a contract."""
    faults = []
    for name, function in functions.items():
        if name not in products:
            guess = did_you_mean(name, products.keys() - functions.keys())
            path = shown(registry.path(f"{domain}/{name}"))
            faults.append(
                Diagnostic(
                    "D014",
                    f'the product "{name}" has no contract',
                    function.place,
                    expected=path,
                    fix=guess or f"write {path}",
                )
            )
    for name, product in products.items():
        if name not in functions and name not in models:
            guess = did_you_mean(name, functions.keys() - products.keys())
            faults.append(
                Diagnostic(
                    "D015",
                    f"nothing makes {product.id}, which this contract promises",
                    product.place,
                    expected=f'a function "{name}" marked @data_product in the package {domain}, '
                    f"or a dbt model of that name in dbt_projects/{domain}",
                    fix=guess or f"the functions there are: {listed(sorted(functions)) or 'none'}",
                )
            )
    if faults:
        raise DefinitionError(*faults)


def _plain_assets(modules: Sequence[ModuleType], domain: str) -> list[dg.AssetsDefinition]:
    """Assets that are no products: grouped with the domain, otherwise as they were written."""
    found = [
        asset for asset in dg.load_assets_from_modules(modules) if isinstance(asset, dg.AssetsDefinition)
    ]
    return [
        asset.map_asset_specs(
            lambda spec: (
                spec.replace_attributes(group_name=domain) if spec.group_name in (None, "default") else spec
            )
        )
        for asset in found
    ]


def _external(
    domain: str,
    assets: Iterable[dg.AssetsDefinition],
    functions: Iterable[ProductFunction],
    registry: Registry,
) -> list[dg.AssetSpec]:
    """What the location reads but does not make: other domains' products, and source files."""
    sources = {s.name: s for function in functions for s in function.sources.values()}
    made = {key for asset in assets for key in asset.keys}
    needed = {dep.asset_key for asset in assets for spec in asset.specs for dep in spec.deps} - made
    known = set(registry.names())
    products = [registry.get("/".join(k.path)) for k in sorted(needed) if "/".join(k.path) in known]
    return [
        *(external_spec(product) for product in products if product.domain != domain),
        *(_source_spec(source) for source in sources.values()),
    ]


def _source_spec(source: Source) -> dg.AssetSpec:
    metadata: dict[str, object] = {"mesh/file": source.path}
    if source.package:
        metadata["mesh/package"] = source.package
    if source.url:
        metadata["mesh/url"] = dg.MetadataValue.url(source.url)
    return dg.AssetSpec(
        key=asset_key(source.name),
        description=source.description or f"The file `{source.path}`, as it was delivered.",
        group_name="sources",
        kinds={"file", source.path.rsplit(".", 1)[-1]},
        metadata=metadata,
    )
