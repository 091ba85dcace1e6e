"""The products that a function reads: their contracts, and whether they are published."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import duckdb

from platform_core.access.breaking_changes import when_lost
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, Place, RunError
from platform_core.lake.location import table_of
from platform_core.lake.reading import at_version
from platform_core.lake.versions import relation_kind
from platform_core.products.declare import Input, ProductFunction
from platform_core.registry.lookup import Registry
from platform_core.sources.source import READERS
from platform_core.words import did_you_mean, listed


@dataclass(frozen=True)
class BoundInput:
    """A declared input with the contract of its product."""

    declared: Input
    product: DataProduct
    version: int | None = None
    """The version to read; None for the published one."""
    since: int | None = None
    """Read only rows that were inserted after this version."""


def look_up(registry: Registry, product_id: str, place: Place) -> DataProduct:
    """The contract of a product that ``place`` names. Raises DefinitionError D001 at ``place`` for an
    unknown product; ContractError for a broken contract."""
    try:
        return registry.get(product_id)
    except DefinitionError as error:
        raise DefinitionError(*(replace(d, place=place) for d in error.diagnostics)) from None


def resolve_inputs(function: ProductFunction, registry: Registry) -> dict[str, BoundInput]:
    """The contracts of a function's inputs. Raises DefinitionError: D001 for an unknown product, D012 for
    an unknown column, D007 for a source whose name is not an asset key, or is the name of a product."""
    for source in function.sources.values():
        is_product = source.name in registry.names()
        if is_product or not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", f"{source.name}", re.ASCII):
            what = "is a product, not a source" if is_product else "cannot name a source"
            expected = "a name of ASCII letters, digits, _, - and dots, with / between words"
            fix = "Declare the product as an input." if is_product else "Write a name such as files/sales."
            raise DefinitionError.of("D007", f'"{source.name}" {what}', function.place, expected, fix)
    bound = {}
    for name, declared in function.products.items():
        product = look_up(registry, declared.product, function.places.get(name, function.place))
        for column in declared.columns or ():
            if product.column(column) is None:
                known = [c.name for c in product.columns]
                message = f'{product.id} has no column "{column}"{when_lost(product, column)}'
                expected, near = f"columns of {product.id}: {listed(known)}", did_you_mean(column, known)
                raise DefinitionError.of("D012", message, function.place, expected, near)
        bound[name] = BoundInput(declared, product)
    return bound


def require_uses(product: DataProduct, function: ProductFunction) -> None:
    """Refuse a window, and a time_column, if the product or the source does not support it (D009); the engine
    spark for another kind than a table (E070)."""
    if function.engine == "spark" and product.kind != "table":
        message = f"{product.id} cannot have the engine spark: it is a {product.kind}"
        raise DefinitionError.of("E070", message, function.place, "a table", "Remove `engine`.")
    asks = "takes the window of its run" if function.windowed else ""
    needs = "" if product.partitions else "the custom property partitions in its contract"
    for source in function.sources.values():
        if source.time_column is not None and (product.partitions or source.latency is None):
            asks = f'reads {source.name} by its time_column "{source.time_column}"'
            needs = needs if source.tabular else f"a file that ends in {listed(list(READERS))}"
    if asks and needs:
        message = f"{product.id} {asks}, which is not supported"
        fix = "Add that, or remove the argument window and the time_column."
        raise DefinitionError.of("D009", message, function.place, needs, fix)


def require_published(
    connection: duckdb.DuckDBPyConnection, products: Iterable[DataProduct], reader: str
) -> None:
    """Refuse a run before all inputs are published (R020)."""
    missing = sorted({product.id for product in products if not is_published(connection, product)})
    if missing:
        message = f"{reader} reads {listed(missing)}, which is not published yet"
        expected = "a published version of every input"
        raise RunError.of("R020", message, None, expected, f"Run `mesh run {' '.join(missing)}`.", plain=True)


def is_published(connection: duckdb.DuckDBPyConnection, product: DataProduct) -> bool:
    return relation_kind(connection, product.lake, product.name) is not None


def published_table(
    connection: duckdb.DuckDBPyConnection,
    products: Mapping[str, DataProduct],
    versions: Mapping[str, int],
    product_id: str,
) -> str | None:
    """The relation of a product, at its pinned version; None if it is not published."""
    product = products.get(product_id)
    if product is None or not is_published(connection, product):
        return None
    relation, version = table_of(product), versions.get(product_id)
    return relation if version is None else f"(FROM {at_version(relation, version)})"
