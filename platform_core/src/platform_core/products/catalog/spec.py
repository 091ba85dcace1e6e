"""A contract as Dagster's specifications: everything that the catalog shows of a product."""

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
from platform_core.products.catalog.automation import Upstream, automation, freshness_policy
from platform_core.products.catalog.mark import mark_of
from platform_core.products.catalog.page import Page
from platform_core.products.catalog.text import rule_in_words
from platform_core.products.declare import Input

# Code references are beta in the pinned Dagster; users cannot act on the warning.
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
"""The metadata key of a data product; its value is the product's id."""
FOREIGN_KEY = "mesh/foreign_key"
"""The metadata key of a dependency that only foreign keys refer to."""


CHECKED_AGAINST = "mesh/checked_against"
"""The metadata key with these dependencies, for those that see the product from outside of its location."""


def asset_key(product_id: str) -> dg.AssetKey:
    """The asset key of two parts for ``sales/transactions``."""
    return dg.AssetKey(ProductId(product_id).path)


def product_spec(
    product: DataProduct,
    deps: Iterable[dg.AssetDep],
    places: Iterable[tuple[str, Place]],
    kind: str,
    page: Page,
    *,
    upstream: Upstream,
    code: str,
) -> dg.AssetSpec:
    """The asset of a product, with labelled ``places`` to link to; ``kind`` and ``code`` describe how it
    is made."""
    deps = list(deps)
    checked = [dep.asset_key.to_user_string() for dep in deps if FOREIGN_KEY in (dep.metadata or {})]
    references = [page.reference(label, at) for label, at in [("contract", product.place), *places]]
    readers = ", ".join(g.role for g in product.grants if g.access == "read")
    return external_spec(product, page).replace_attributes(
        deps=deps,
        kinds={"duckdb", product.kind, kind},
        tags={**tags(product), **mark_of(product.id, page.root)},
        freshness_policy=freshness_policy(product),
        automation_condition=automation(product, upstream),
        metadata={
            PRODUCT: product.id,
            "mesh/contract_version": product.version,
            "mesh/contract": page.file(product.place),
            "mesh/granted_to": readers or "its own domain only",
            "dagster/table_name": f"{product.lake}.products.{product.name}",
            "dagster/column_schema": dg.TableSchema(
                columns=[_table_column(each, page) for each in product.columns]
            ),
            "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=references),
            **({CHECKED_AGAINST: " ".join(sorted(checked))} if checked else {}),
        },
        code_version=code,
    )


def external_spec(product: DataProduct, page: Page) -> dg.AssetSpec:
    """Another domain's product as a consumer's location shows it. It has the partitions, because Dagster
    maps a partition mapping onto an unknown asset to all partitions."""
    return dg.AssetSpec(
        key=asset_key(product.id),
        description=page.description(product),
        group_name=product.domain,
        owners=[product.owned_by] if product.owned_by else [],
        tags=tags(product),
        partitions_def=partitions_definition(product.partitions),
    )


def tags(product: DataProduct) -> dict[str, str]:
    """The contract's tags, and the domain."""
    # A tag without characters that Dagster accepts appears only in the description.
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
    """Dagster's mapping for the partitions that are read; None for a product without partitions."""
    match partitions_read(consumer.partitions, wanted.partitions, producer.partitions):
        case None:
            return None
        case "last":
            return dg.LastPartitionMapping()
        case "all":
            return dg.AllPartitionMapping()
        case "same":
            return dg.TimeWindowPartitionMapping()


def _table_column(column: Column, page: Page) -> dg.TableColumn:
    marks = dict.fromkeys(column.tags, "")
    if column.classification:
        marks["classification"] = column.classification
    return dg.TableColumn(
        name=column.name,
        type=column.physical_type or column.logical_type or "string",
        description=page.linked(column.description) or None,
        constraints=dg.TableColumnConstraints(
            nullable=not (column.required or column.key_position),
            unique=column.unique,
            other=[f"primary key ({column.key_position})"] if column.key_position else [],
        ),
        tags={tag_word(name): tag_word(value) if value else "" for name, value in marks.items()},
    )


def check_specs(product: DataProduct) -> list[dg.AssetCheckSpec]:
    """One asset check per rule. A failed check of severity error stops consumers."""
    key = asset_key(product.id)
    # An overdue stream has no wrong rows, so its consumers are not stopped.
    nonblocking = {rule.name for rule in product.rules if product.kind == "stream" and rule.kind == "recency"}
    return [check_spec(rule, key, blocking=rule.name not in nonblocking) for rule in product.rules]


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
    """A text as a Dagster tag: at most 63 of ``A-Za-z0-9_.-``."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:63].strip("-.")
