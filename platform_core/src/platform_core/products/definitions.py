"""A code location from a domain: its package, its contracts and its dbt project."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from types import ModuleType

import dagster as dg
from dagster_shared.libraries import DagsterLibraryRegistry

from platform_core.contracts.model import DataProduct, Kind
from platform_core.diagnostics import ContractError, Diagnostic, PlatformError
from platform_core.products.assets.dbt import dbt_asset
from platform_core.products.assets.file import ExtractHooks
from platform_core.products.assets.masked import masked_asset, require_no_maker
from platform_core.products.assets.model import ModelHooks
from platform_core.products.assets.stream import stream_asset
from platform_core.products.assets.table import function_asset
from platform_core.products.catalog.page import Page
from platform_core.products.catalog.spec import asset_key, external_spec, tag_word
from platform_core.products.declare import ProductFunction
from platform_core.products.makers.domain import Domain
from platform_core.products.resource import LakeResource
from platform_core.registry.lookup import Registry
from platform_core.sources.source import Source
from platform_core.version import __version__

DagsterLibraryRegistry.register("platform-core", __version__, is_dagster_package=False)

Factory = Callable[[DataProduct, ProductFunction, Registry], dg.AssetsDefinition]
FACTORIES: Mapping[Kind, Factory] = {
    "table": function_asset,
    "file": partial(function_asset, hooks=ExtractHooks),
    "model": partial(function_asset, hooks=ModelHooks),
    "stream": stream_asset,
}
"""How an asset is made from a function, by the kind in the contract."""


def assemble(domain: Domain) -> tuple[dg.Definitions, tuple[Diagnostic, ...]]:
    """The definitions of a domain's code location, and the faults of products that are left out.

    Every function marked ``@data_product``, and every dbt model with a contract of its name, becomes an
    asset. Plain Dagster assets and checks of the package are included as they are. Governance reports a
    function without a contract and a contract without a function (G118, G119). A product that needs an
    unreadable contract is left out with a warning (D029) at its function.
    """
    made: list[dg.AssetsDefinition] = []
    faults: list[Diagnostic] = []
    names = domain.own
    for name, product in domain.products.items():
        try:
            if product.twin_of is not None:
                require_no_maker(product, domain.functions, domain.models)
                made.append(masked_asset(product, domain.registry))
            elif name in domain.functions:
                made.append(FACTORIES[product.kind](product, domain.functions[name], domain.registry))
            elif name in domain.models:
                made.append(dbt_asset(product, domain.models[name], domain.registry, names))
        except ContractError as error:
            fault, maker = error.diagnostics[0], domain.functions.get(name)
            message = f"{product.id} is not in its location, because a contract that it needs has faults"
            place, expected = maker.place if maker else product.place, "contracts without faults"
            fix = f"Fix {fault.place}, or ask its owner to fix it: {fault.code}, {fault.message}."
            left_out = Diagnostic("D029", message, place, expected, fix, severity="warning")
            faults += (*error.diagnostics, left_out)
        except PlatformError as error:
            faults += error.diagnostics
    loaded = _defs_folder(domain)
    others = [asset for asset in loaded.assets or () if isinstance(asset, dg.AssetsDefinition)]
    plain = _plain_assets(domain.modules, domain.name)
    functions = [domain.functions[name] for name in domain.functions if name in domain.products]
    external, unread = _external(domain, [*made, *plain, *others], functions)
    definitions = dg.Definitions(
        assets=[*made, *plain, *external],
        asset_checks=dg.load_asset_checks_from_modules(domain.modules),
        sensors=[
            dg.AutomationConditionSensorDefinition(
                name=f"refresh_{domain.name}",
                description=f"Refreshes products of {domain.name} after their inputs and before deadlines.",
                target=dg.AssetSelection.all(),
                default_status=dg.DefaultSensorStatus.RUNNING,
            )
        ],
        resources={"lake": LakeResource()},
    )
    if domain.defs is not None:
        definitions = dg.Definitions.merge(definitions, loaded)
    return definitions, tuple(dict.fromkeys([*faults, *unread]))


def _defs_folder(domain: Domain) -> dg.Definitions:
    """The definitions that Dagster's own loader finds in ``defs``: scaffolded code, other Components."""
    if domain.defs is None:
        return dg.Definitions()
    package = import_module(domain.defs)
    project = domain.root / "domains" / domain.name
    with warnings.catch_warnings():
        for of_dagster in (dg.BetaWarning, dg.PreviewWarning):
            warnings.simplefilter("ignore", of_dagster)
        loaded = dg.ComponentTree.from_module(defs_module=package, project_root=project).build_defs()
        return loaded.map_asset_specs(func=partial(_in_group, domain.name))


def _plain_assets(modules: Sequence[ModuleType], domain: str) -> list[dg.AssetsDefinition]:
    """Plain assets, in the group of the domain unless they have another."""
    return [
        asset.map_asset_specs(partial(_in_group, domain))
        for asset in dg.load_assets_from_modules(modules)
        if isinstance(asset, dg.AssetsDefinition)
    ]


def _in_group(domain: str, spec: dg.AssetSpec) -> dg.AssetSpec:
    return spec.replace_attributes(group_name=domain) if spec.group_name in (None, "default") else spec


def _external(
    domain: Domain, assets: Iterable[dg.AssetsDefinition], functions: Iterable[ProductFunction]
) -> tuple[list[dg.AssetSpec], list[Diagnostic]]:
    """Assets that the location reads but does not make: products of other domains, and source files."""
    sources = {s.name: s for function in functions for s in function.sources.values()}
    made = {key for asset in assets for key in asset.keys}
    needed = {dep.asset_key for asset in assets for spec in asset.specs for dep in spec.deps} - made
    known, page = set(domain.registry.names()), Page(domain.root, domain.registry)
    products: list[DataProduct] = []
    faults: list[Diagnostic] = []
    for name in sorted("/".join(key.path) for key in needed):
        if name in known and not name.startswith(f"{domain.name}/"):
            try:
                products.append(domain.registry.get(name))
            except PlatformError as error:
                faults += error.diagnostics
    return [
        *(external_spec(product, page) for product in products),
        *(_source_spec(source) for source in sources.values()),
    ], faults


def _source_spec(source: Source) -> dg.AssetSpec:
    metadata: dict[str, object] = {"mesh/file" if source.kind == "file" else "mesh/source": source.origin}
    if source.package:
        metadata["mesh/package"] = source.package
    if source.url:
        metadata["mesh/url"] = dg.MetadataValue.url(source.url)
    return dg.AssetSpec(
        key=asset_key(source.name),
        description=source.description or f"`{source.origin}`, as it was delivered.",
        group_name="sources",
        kinds={source.kind} | ({tag_word(source.suffix)} - {""}),
        metadata=metadata,
    )
