"""One variant of defining a thousand products, in its own process; for ``benchmarks.definitions``."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from benchmarks.definitions import DOMAIN
from platform_core.governance import location
from platform_core.products.assets.table import Events
from platform_core.products.catalog.automation import Upstream
from platform_core.products.catalog.page import Page
from platform_core.products.catalog.spec import asset_key, check_specs, product_spec
from platform_core.products.makers.domain import read_domain
from platform_core.products.resource import LakeResource
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_root


def governed(parsed: bool) -> Callable[[], object]:
    """The work of `domain_definitions`, with a registry that may have read the contracts already."""
    registry = Registry.open(mesh_root())
    if parsed:
        registry.scan(DOMAIN)

    def build() -> object:
        definitions, errors = location.governed_definitions(DOMAIN, registry)
        if errors:
            raise SystemExit("\n\n".join(error.render() for error in errors[:5]))
        return definitions.get_repository_def()

    return build


def plain() -> Callable[[], object]:
    """The same specs and checks as literals of a plain Dagster project."""
    domain = read_domain(DOMAIN, Registry.open(mesh_root()))
    page = Page(domain.root, domain.registry)
    literals = []
    for name, product in domain.products.items():
        function = domain.functions[name]
        deps = [read.product.split("/") for read in function.products.values()]
        upstream = Upstream(read=bool(deps))
        spec = product_spec(
            product, [], [("python", function.place)], "python", page, upstream=upstream, code=""
        )
        checks = [(c.name, c.description, c.blocking, dict(c.metadata or {})) for c in check_specs(product)]
        columns = [(c.name, c.logical_type or "string", c.description) for c in product.columns]
        places = [(str(place.path), place.line) for place in (product.place, function.place)]
        literals.append((asset_key(product.id).path, deps, spec, checks, columns, places))

    def build() -> object:
        assets = []
        for path, deps, spec, checks, columns, places in literals:
            key = dg.AssetKey(path)
            schema = dg.TableSchema(
                [dg.TableColumn(name, kind, description) for name, kind, description in columns]
            )
            code = dg.CodeReferencesMetadataValue(
                code_references=[
                    dg.LocalFileCodeReference(file_path=path, line_number=line) for path, line in places
                ]
            )
            own = dg.AssetSpec(
                key,
                deps=[dg.AssetDep(dg.AssetKey(dep)) for dep in deps],
                description=spec.description,
                group_name=spec.group_name,
                owners=spec.owners,
                tags=spec.tags,
                freshness_policy=spec.freshness_policy,
                automation_condition=spec.automation_condition,
                code_version=spec.code_version,
                metadata={
                    **spec.metadata,
                    "dagster/column_schema": schema,
                    "dagster/code_references": code,
                },
            )
            said = [
                dg.AssetCheckSpec(name, asset=key, description=words, blocking=blocking, metadata=metadata)
                for name, words, blocking, metadata in checks
            ]

            @dg.multi_asset(name="__".join(path), specs=[own], check_specs=said)
            def materialize(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
                yield from ()

            assets.append(materialize)
        sensor = dg.AutomationConditionSensorDefinition(
            name="automation",
            target=dg.AssetSelection.all(),
            default_status=dg.DefaultSensorStatus.RUNNING,
        )
        return dg.Definitions(
            assets=assets, sensors=[sensor], resources={"lake": LakeResource()}
        ).get_repository_def()

    return build


def main(way: str, root: Path) -> None:
    sys.path.insert(0, str(root / "domains" / DOMAIN / "src"))
    # Imported before, because both variants take the same time to read a thousand functions.
    __import__(f"{DOMAIN}.products")
    build = plain() if way == "plain" else governed(parsed=way == "parsed")
    began = time.process_time()
    build()
    # CPU time, because it builds on one core without waiting.
    print(json.dumps({"seconds": time.process_time() - began}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
