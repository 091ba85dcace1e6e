"""A contract, said in Dagster's words: everything the catalog shows of a product comes from here."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from functools import cache

import dagster as dg

from platform_core.contracts.model import Column, DataProduct, Partitions, Rule
from platform_core.contracts.partitions import partitions_read
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Place
from platform_core.products.automation import Upstream, automation, freshness_policy
from platform_core.products.catalog_text import describe, rule_in_words
from platform_core.products.declare import Input

# Code references are beta in the Dagster that platform_core is pinned to; its users cannot act on that.
warnings.filterwarnings("ignore", category=dg.BetaWarning, module=r"platform_core\.")

SEVERITY_IN_DAGSTER = {
    "error": dg.AssetCheckSeverity.ERROR,
    "warning": dg.AssetCheckSeverity.WARN,
    "info": dg.AssetCheckSeverity.WARN,
}
GRIDS = {
    "hour": dg.HourlyPartitionsDefinition,
    "day": dg.DailyPartitionsDefinition,
    "week": dg.WeeklyPartitionsDefinition,
    "month": dg.MonthlyPartitionsDefinition,
}
PRODUCT = "mesh/product"
"""Metadata key that marks a data product; its value is the product's id."""
FOREIGN_KEY = "mesh/foreign_key"
"""Metadata key of a dependency that only foreign keys point to: it is checked against, not read."""


def asset_key(product_id: str) -> dg.AssetKey:
    """``sales/transactions`` as an asset key of two parts."""
    return dg.AssetKey(ProductId(product_id).path)


def product_spec(
    product: DataProduct,
    deps: Iterable[dg.AssetDep],
    places: Iterable[tuple[str, Place]],
    kind: str,
    *,
    upstream: Upstream,
    code: str,
) -> dg.AssetSpec:
    """The asset of a product: ``places`` to link to, by label; ``kind`` and ``code`` say how it is made."""
    return external_spec(product).replace_attributes(
        deps=deps,
        kinds={"duckdb", product.kind, kind},
        freshness_policy=freshness_policy(product),
        automation_condition=automation(product, upstream),
        metadata={
            PRODUCT: product.id,
            "mesh/contract_version": product.version,
            "mesh/contract": dg.MetadataValue.path(str(product.path)),
            "mesh/granted_to": _readers(product),
            "dagster/table_name": f"{product.lake}.products.{product.name}",
            "dagster/column_schema": table_schema(product),
            "dagster/code_references": code_references([("contract", product.place), *places]),
        },
        code_version=code,
    )


def _readers(product: DataProduct) -> str:
    return ", ".join(g.role for g in product.grants if g.access == "read") or "its own domain only"


def external_spec(product: DataProduct) -> dg.AssetSpec:
    """Another domain's product as a consumer's location shows it, from the contract alone.

    It carries the partitions, since Dagster takes an explicit partition mapping onto an asset
    that the location does not know for a mapping onto all partitions.
    """
    return dg.AssetSpec(
        key=asset_key(product.id),
        description=describe(product),
        group_name=product.domain,
        owners=owners(product),
        tags=tags(product),
        partitions_def=partitions_definition(product.partitions),
    )


def owners(product: DataProduct) -> list[str]:
    return [product.owned_by] if product.owned_by else []


def tags(product: DataProduct) -> dict[str, str]:
    """The contract's tags, and the domain."""
    # One without a letter that Dagster takes is shown nowhere but in the description.
    return {"mesh/domain": product.domain} | {tag: "" for tag in map(tag_word, product.tags) if tag}


def partitions_definition(partitions: Partitions | None) -> dg.TimeWindowPartitionsDefinition | None:
    if partitions is None:
        return None
    grid: dg.TimeWindowPartitionsDefinition = GRIDS[partitions.every](
        start_date=partitions.start, end_date=partitions.end, timezone=partitions.timezone
    )
    return grid


def partition_mapping(
    consumer: DataProduct, wanted: Input, producer: DataProduct
) -> dg.PartitionMapping | None:
    """How Dagster is told which partitions are read; None for a product without any."""
    match partitions_read(consumer.partitions, wanted.partitions, producer.partitions):
        case None:
            return None
        case "last":
            return dg.LastPartitionMapping()
        case "all":
            return dg.AllPartitionMapping()
        case "same":
            return dg.TimeWindowPartitionMapping()


def table_schema(product: DataProduct) -> dg.TableSchema:
    return dg.TableSchema(columns=[_table_column(column) for column in product.columns])


def _table_column(column: Column) -> dg.TableColumn:
    other = [f"primary key ({column.key_position})"] if column.key_position else []
    marks = dict.fromkeys(column.tags, "")
    if column.classification:
        marks["classification"] = column.classification
    return dg.TableColumn(
        name=column.name,
        type=column.physical_type or column.logical_type or "string",
        description=column.description or None,
        constraints=dg.TableColumnConstraints(
            nullable=not (column.required or column.key_position),
            unique=column.unique,
            other=other,
        ),
        tags={tag_word(name): tag_word(value) if value else "" for name, value in marks.items()},
    )


def code_references(places: Iterable[tuple[str, Place]]) -> dg.CodeReferencesMetadataValue:
    return dg.CodeReferencesMetadataValue(
        code_references=[
            dg.LocalFileCodeReference(file_path=str(p.path), line_number=p.line, label=label)
            for label, p in places
        ]
    )


def check_specs(product: DataProduct) -> list[dg.AssetCheckSpec]:
    """One asset check per rule. A failed error-level check holds back what is downstream."""
    key = asset_key(product.id)
    # Old rows of a stream are true all the same: that it is overdue is told, and its readers go on.
    never = {rule.name for rule in product.rules if product.kind == "stream" and rule.kind == "recency"}
    return [check_spec(rule, key, blocking=rule.name not in never) for rule in product.rules]


def check_spec(rule: Rule, key: dg.AssetKey, *, blocking: bool = True) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=rule.name,
        asset=key,
        description=rule_in_words(rule),
        blocking=blocking and rule.severity == "error",
        metadata={"mesh/severity": rule.severity, "mesh/scope": rule.scope},
    )


@cache
def tag_word(text: str) -> str:
    """A word as a Dagster tag: at most 63 of ``A-Za-z0-9_.-``."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:63].strip("-.")
