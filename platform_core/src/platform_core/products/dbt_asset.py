"""A dbt model as a product: dbt builds into staging, the platform audits and publishes.

dbt's own events are never passed on. They speak of a version that nobody audited yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import dagster as dg

from platform_core.contracts.model import DataProduct, Kind
from platform_core.contracts.registry import Registry
from platform_core.errors import DefinitionError, Diagnostic, Place, RunError
from platform_core.lake.location import LakeLocation
from platform_core.lake.publish import Publication, publish_view
from platform_core.lake.spill import spill_folder
from platform_core.products.asset import Publishing, product_asset
from platform_core.products.beside import Beside
from platform_core.products.dbt_project import DbtProject
from platform_core.products.dbt_run import dbt, dbt_messages, write_profile
from platform_core.products.file_asset import Extract
from platform_core.products.inputs.resolve import lakes_read, look_up
from platform_core.products.report import Outcomes
from platform_core.products.spec import asset_key

BESIDE: Mapping[Kind, type[Beside]] = {"table": Beside, "file": Extract}


def dbt_asset(
    product: DataProduct, project: DbtProject, registry: Registry, products: frozenset[str]
) -> dg.AssetsDefinition:
    """The asset of a product that a dbt model of its name makes: a table, or a file with its extract.

    ``products`` are the names of all products of the domain.

    Raises:
        DefinitionError: D010 where the model reads another product by ref, D001 where a source
            is no product, D026 where dbt builds no table, D048 where SQL does not make the product's kind.
    """
    place = Place(project.models[product.name])
    if product.kind not in BESIDE:
        raise DefinitionError(
            Diagnostic(
                "D048",
                f"{product.id} is a {product.kind}, which no dbt model can make",
                place,
                expected="a contract of a table or a file",
                fix=f"make it by a function: @data_product def {product.name}(...)",
            )
        )
    found, faults = project.reads(product.name, products)
    if faults:
        raise DefinitionError(*faults)
    reads = [look_up(registry, name, found[name]) for name in sorted(found)]
    staged = project.table(product.name)

    def publish(run: Publishing) -> Publication[Outcomes]:
        location = LakeLocation.current()
        profile = write_profile(project, location, product.lake, lakes_read(reads, but=product.lake))
        with BESIDE[product.kind](run, place) as kept:
            _build(project, product, profile, run)
            publishing = (run.connection, location, product, staged)
            return publish_view(*publishing, stamp=run.stamp, audit=kept.audit, committed=kept.committed)

    return product_asset(
        product,
        registry,
        reads=reads,
        deps=[dg.AssetDep(asset_key(read.id)) for read in reads],
        place=place,
        kind="dbt",
        publish=publish,
    )


def _build(project: DbtProject, product: DataProduct, profile: Path, run: Publishing) -> None:
    """Run ``dbt build`` for the model and the models that it is made of."""
    discretion, own = run.discretion, project.state / "runs" / run.stamp.run_id / product.name
    # What dbt logs and compiles has values, and is open to all users in the project's own state.
    private = (
        spill_folder(LakeLocation.current(), discretion.lake) if discretion.applies else nullcontext(own)
    )
    with private as target:
        error = (
            dbt(project, profile)
            .cli(
                ["build", "--select", f"+{product.name}"],
                manifest=project.manifest,
                target_path=target,
                raise_on_error=False,
            )
            .get_error()
        )
        discretion.keep(target / "dbt.log")
    if error is not None:
        raise RunError(
            Diagnostic(
                "R021",
                f"dbt could not build {product.id}",
                Place(project.models[product.name]),
                expected="a model that dbt builds, and dbt tests that pass",
                fix=dbt_messages(str(error)),
            )
        )
