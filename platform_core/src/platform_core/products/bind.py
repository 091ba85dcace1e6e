"""Inputs, bound for one run: what a function gets to see, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.registry import Registry
from platform_core.contracts.windows import Window, windows
from platform_core.errors import DefinitionError, Diagnostic, Place, RunError
from platform_core.lake.location import table_of
from platform_core.lake.reading import at_version, insertions
from platform_core.lake.window import window_predicate
from platform_core.products.batch import Batch
from platform_core.products.declare import Input, ProductFunction, partitions_read
from platform_core.products.inbox import deliveries
from platform_core.products.inputs import Reading
from platform_core.products.source import Source
from platform_core.products.table import Table, show
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import describe
from platform_core.words import did_you_mean, listed

Argument = Table | Path | list[Batch]
"""What a function gets for an input: a file that is no table is a path, an inbox its batches."""


@dataclass(frozen=True)
class BoundInput:
    """A declared input with the contract of the product that it reads."""

    declared: Input
    product: DataProduct
    version: int | None = None
    """The version to read; None for whatever is published."""
    since: int | None = None
    """Read only what was inserted after this version."""


def look_up(registry: Registry, product_id: str, place: Place) -> DataProduct:
    """The contract of a product that ``place`` names.

    Raises:
        DefinitionError: D001 at ``place`` for an unknown product.
        ContractError: for a broken contract.
    """
    try:
        return registry.get(product_id)
    except DefinitionError as error:
        raise DefinitionError(*(replace(d, place=place) for d in error.diagnostics)) from None


def resolve_inputs(function: ProductFunction, registry: Registry) -> dict[str, BoundInput]:
    """The contracts behind a function's inputs.

    Raises:
        DefinitionError: D001 for an unknown product, D012 for a column that it does not have.
    """
    bound = {}
    for name, declared in function.products.items():
        product = look_up(registry, declared.product, function.place)
        for column in declared.columns or ():
            if product.column(column) is None:
                known = [c.name for c in product.columns]
                raise DefinitionError(
                    Diagnostic(
                        "D012",
                        f'{product.id} has no column "{column}"',
                        function.place,
                        expected=f"columns of {product.id}: {listed(known)}",
                        fix=did_you_mean(column, known),
                    )
                )
        bound[name] = BoundInput(declared, product)
    return bound


def lakes_read(products: Iterable[DataProduct], but: str) -> tuple[str, ...]:
    """The lakes to attach READ_ONLY beside the one that is written."""
    return tuple(sorted({product.lake for product in products} - {but}))


def require_published(
    connection: duckdb.DuckDBPyConnection, products: Iterable[DataProduct], reader: str
) -> None:
    """Refuse to run before the inputs were published for the first time (R020)."""
    missing = sorted({product.id for product in products if not is_published(connection, product)})
    if missing:
        raise RunError(
            Diagnostic(
                "R020",
                f"{reader} reads {listed(missing)}, of which nothing was published yet",
                expected="a published version of every input",
                fix=f"mesh run {' '.join(missing)}",
            )
        )


def is_published(connection: duckdb.DuckDBPyConnection, product: DataProduct) -> bool:
    # Spelled out, since binding a parameter makes DuckDB import pandas where it is installed.
    found = connection.execute(
        "SELECT count(*) FROM duckdb_columns() WHERE schema_name = 'products' "
        f"AND database_name = {literal(product.lake)} AND table_name = {literal(product.name)}"
    ).fetchone()
    return bool(found and found[0])


def published_table(
    connection: duckdb.DuckDBPyConnection, referenced: Mapping[str, DataProduct], product_id: str
) -> str | None:
    """The relation of a product that a foreign key points to; None while there is none."""
    product = referenced[product_id]
    return table_of(product) if is_published(connection, product) else None


def pinned(inputs: Mapping[str, BoundInput], versions: Mapping[str, int]) -> dict[str, BoundInput]:
    """The inputs at the versions that one run reads, whatever is published while it runs."""
    return {name: replace(bound, version=versions.get(bound.product.id)) for name, bound in inputs.items()}


def readings(
    consumer: DataProduct, inputs: Mapping[str, BoundInput], window: Window | None
) -> tuple[Reading, ...]:
    """What a run reads of its pinned inputs: for ``mesh/inputs``."""
    return tuple(
        Reading(
            bound.product,
            bound.version,
            bound.declared.columns,
            _window(consumer, bound, window),
            bound.since,
        )
        for bound in inputs.values()
        if bound.version is not None
    )


def bind(
    connection: duckdb.DuckDBPyConnection,
    consumer: DataProduct,
    function: ProductFunction,
    inputs: Mapping[str, BoundInput],
    window: Window | None,
) -> dict[str, Argument]:
    """The arguments to call the function with, over an open connection."""
    arguments: dict[str, Argument] = {}
    for name, bound in inputs.items():
        arguments[name] = show(
            connection,
            name,
            _query(connection, consumer, bound, window),
            source=bound.product.id,
            frames=bound.declared.columns is not None,
            place=function.place,
        )
    for name, source in function.sources.items():
        arguments[name] = _bind_source(connection, consumer, name, source, window)
    return arguments


def narrow(
    connection: duckdb.DuckDBPyConnection,
    consumer: DataProduct,
    inputs: Mapping[str, BoundInput],
    used: Mapping[str, tuple[str, ...]],
    window: Window | None,
) -> dict[str, BoundInput]:
    """Show the inputs of a query again, with no other columns than those that it uses; these inputs."""
    narrowed = dict(inputs)
    for name, bound in inputs.items():
        if bound.declared.columns is None:
            # A query that only counts rows needs a column to count them by.
            columns = used[name] or (bound.product.columns[0].name,)
            only = replace(bound, declared=replace(bound.declared, columns=columns))
            show(connection, name, _query(connection, consumer, only, window), source=bound.product.id)
            narrowed[name] = only
    return narrowed


def _bind_source(
    connection: duckdb.DuckDBPyConnection,
    consumer: DataProduct,
    name: str,
    source: Source,
    window: Window | None,
) -> Argument:
    if source.inbox:
        return [delivery.batch() for delivery in deliveries(source).values()]
    if not source.tabular:
        return source.locate()
    query = source.query()
    if window is not None and consumer.partitions is not None and source.time_column is not None:
        # The file has the consumer's grid, though perhaps under another column.
        on_file = replace(consumer, partitions=replace(consumer.partitions, column=source.time_column))
        query = f"{query} WHERE {window_predicate(on_file, describe(connection, query), window)}"
    return show(connection, name, query, source=source.name)


def _query(
    connection: duckdb.DuckDBPyConnection,
    consumer: DataProduct,
    bound: BoundInput,
    window: Window | None,
) -> str:
    """The columns that the consumer declared, of the partitions that it reads."""
    producer = bound.product
    columns = ", ".join(map(quoted, bound.declared.columns)) if bound.declared.columns else "*"
    relation = table_of(producer)
    if bound.version is not None and bound.since is not None:
        relation = insertions(producer, bound.since, bound.version)
    elif bound.version is not None:
        relation = at_version(relation, bound.version)
    query = f"SELECT {columns} FROM {relation}"
    read = _window(consumer, bound, window)
    if read is None:
        return query
    types = describe(connection, f"FROM {relation}")
    return f"{query} WHERE {window_predicate(producer, types, read)}"


def _window(consumer: DataProduct, bound: BoundInput, window: Window | None) -> Window | None:
    """The part of an input that one run reads; None for all of it."""
    producer = bound.product
    if producer.partitions is None:
        return None
    match partitions_read(consumer, bound.declared, producer):
        case "last":
            return windows(producer.partitions)[-1]
        case "same":
            return window
        case _:
            return None
