"""A dbt model as a product: dbt builds into staging, the platform audits and publishes. dbt's own events
are not passed on, because they are about a version that is not audited."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import partial

import dagster as dg
import duckdb

from platform_core.contracts.model import DataProduct, Kind
from platform_core.diagnostics import DefinitionError, Place, RunError
from platform_core.lake.publication.tables import Publication
from platform_core.products.assets.file import ExtractHooks
from platform_core.products.assets.hooks import RunHooks
from platform_core.products.assets.table import product_asset
from platform_core.products.catalog.spec import asset_key
from platform_core.products.dbt.project import STAGING, DbtProject
from platform_core.products.dbt.run import dbt, dbt_messages, write_profile
from platform_core.products.inputs.resolve import look_up
from platform_core.products.made_from import parts_of_model
from platform_core.products.result import streamed
from platform_core.products.run.context import RunContext
from platform_core.quality.outcome import Outcomes
from platform_core.registry.lookup import Registry
from platform_core.sealed.dbt import DbtBuild
from platform_core.sealed.engine import sealed_engine
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.version import product_files
from platform_core.sql.quoting import quoted

HOOKS: Mapping[Kind, type[RunHooks]] = {"table": RunHooks, "file": ExtractHooks}


def dbt_asset(
    product: DataProduct, project: DbtProject, registry: Registry, products: frozenset[str]
) -> dg.AssetsDefinition:
    """The asset of a table or a file that a dbt model makes; ``products`` are the names of the domain's
    products.

    Raises DefinitionError: D010 if the model reads another product by ref, D001 for a source that is not a
    product, D026 if dbt builds no table, D048 for a kind that SQL cannot make.
    """
    place = Place(project.models[product.name])
    if product.kind not in HOOKS:
        message = f"{product.id} is a {product.kind}, which a dbt model cannot make"
        fix = f"Make it with a function: `@data_product def {product.name}(...)`"
        raise DefinitionError.of("D048", message, place, "a contract of a table or a file", fix)
    found, faults = project.reads(product.name, products)
    if faults:
        raise DefinitionError(*faults)
    reads = [look_up(registry, name, found[name]) for name in sorted(found)]
    staged = project.table(product.name)

    def publish(run: RunContext) -> Publication[Outcomes]:
        connection = run.connection
        with (
            HOOKS[product.kind](run, place) as hooks,
            closing(SealedFiles()) as files,
            sealed_engine() as engine,
        ):
            sources = {
                f"{read.lake}.{read.name}": product_files(
                    run.location, connection, read, run.room, run.versions[read.id]
                ).here(run.location, run.room)
                for read in reads
            }
            build = DbtBuild(run.room, product.lake, STAGING, sources)
            _build(project, product, build, run)
            try:
                build.show(engine, files)
                relation = engine.sql(f"FROM {quoted(product.lake)}.{quoted(STAGING)}.{quoted(staged)}")
            except duckdb.Error as error:
                raise _not_built(product, place, f"It must build {STAGING}.{staged}: {error}") from None
            return hooks.publish(streamed(connection, relation))

    return product_asset(
        product,
        registry,
        reads=reads,
        deps=[dg.AssetDep(asset_key(read.id)) for read in reads],
        place=place,
        kind="dbt",
        publish=publish,
        made_from=partial(parts_of_model, project, reads, product),
    )


def _build(project: DbtProject, product: DataProduct, build: DbtBuild, run: RunContext) -> None:
    write_profile(project, build.folder, build.save())
    build_it = ["build", "--select", project.selection(product.name)]
    invocation = dbt(project, build.folder).cli(
        build_it, manifest=project.manifest, target_path=build.folder, raise_on_error=False
    )
    error = invocation.get_error()
    run.redaction.keep_log(build.folder / "dbt.log")
    if error is not None:
        raise _not_built(product, Place(project.models[product.name]), dbt_messages(str(error)))


def _not_built(product: DataProduct, place: Place, reason: str) -> RunError:
    expected = "a model that dbt builds, and dbt tests that pass"
    return RunError.of("R021", f"dbt could not build {product.id}", place, expected, reason)
