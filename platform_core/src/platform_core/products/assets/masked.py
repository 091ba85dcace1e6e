"""A masked twin as an asset: the platform makes it from its parent, for readers without access to that."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import dagster as dg

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError
from platform_core.lake.location import table_of
from platform_core.lake.publication.tables import Publication
from platform_core.lake.reading import at_version
from platform_core.masking.files import KEYS
from platform_core.masking.publish import hashing, parent_of, publish_masked
from platform_core.products.assets.table import product_asset
from platform_core.products.catalog.spec import asset_key, partition_mapping
from platform_core.products.dbt.project import DbtProject
from platform_core.products.declare import Input, ProductFunction
from platform_core.products.made_from import of_twin
from platform_core.products.run.context import RunContext
from platform_core.quality.outcome import Outcomes
from platform_core.registry.lookup import Registry

FINGERPRINTS = "mesh/keys"
"""The metadata key of the fingerprints of a twin's keys, by name."""


def masked_asset(twin: DataProduct, registry: Registry) -> dg.AssetsDefinition:
    """The asset of a masked twin, which reads its parent's published version. Raises ContractError if the
    parent's contract is broken."""
    parent = parent_of(twin, registry)

    def publish(run: RunContext) -> Publication[Outcomes]:
        with hashing(run.connection, twin) as fingerprints:
            run.stamp.facts[KEYS] = fingerprints
            if fingerprints:
                run.metadata[FINGERPRINTS] = dg.MetadataValue.json(fingerprints)
            return publish_masked(
                run.connection,
                run.location,
                twin,
                parent,
                at_version(table_of(parent), run.versions[parent.id]),
                stamp=run.stamp,
                audit=run.audit,
                window=run.window,
                replace=run.whole,
            )

    mapping = partition_mapping(twin, Input(parent.id), parent)
    return product_asset(
        twin,
        registry,
        reads=[parent],
        deps=[dg.AssetDep(asset_key(parent.id), partition_mapping=mapping)],
        place=twin.place,
        kind="masked",
        publish=publish,
        made_from=partial(of_twin, twin, parent),
    )


def require_no_maker(
    twin: DataProduct, functions: Mapping[str, ProductFunction], models: Mapping[str, DbtProject]
) -> None:
    """Refuse a function or a dbt model that makes a masked twin (DefinitionError D031)."""
    function, project = functions.get(twin.name), models.get(twin.name)
    if function is None and project is None:
        return
    what = "a function" if function is not None else "a dbt model"
    message = f"{what} makes {twin.id}, which is the masked twin of {twin.twin_of}"
    place = function.place if function is not None else twin.place
    expected = "neither a function nor a model, because the platform makes a masked twin"
    raise DefinitionError.of("D031", message, place, expected, "Rename it, or rename the twin.")
