"""Which versions a run reads, pinned while it runs and told with what it publishes.

A consumer reads each input at the version that was published when its run began. So what it records
is what it read, also where a producer publishes meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import Window, window_read
from platform_core.lake.reading import bytes_of_columns
from platform_core.lake.versions import published_version
from platform_core.products.inputs.resolve import BoundInput

INPUTS = "mesh/inputs"
"""Metadata of a materialization: the version read of each input, by product id."""
REFERENCES = "mesh/references"
"""The same of the products that foreign keys point to, which the audit reads."""
BYTES_READ = "mesh/bytes_read"


@dataclass(frozen=True, slots=True)
class VersionRead:
    """One input as a run reads it; ``columns`` None for all, ``window`` None for the whole table."""

    product: DataProduct
    version: int
    columns: tuple[str, ...] | None = None
    window: Window | None = None
    since: int | None = None
    """Of a stream, only what was inserted after this version."""


def versions_read(connection: duckdb.DuckDBPyConnection, products: Iterable[DataProduct]) -> dict[str, int]:
    """The version of each product that a reader finds now, by id; without those never published."""
    found = {product.id: published_version(connection, product) for product in products}
    return {name: version for name, version in sorted(found.items()) if version is not None}


def pinned(inputs: Mapping[str, BoundInput], versions: Mapping[str, int]) -> dict[str, BoundInput]:
    """The inputs at the versions that one run reads, whatever is published while it runs."""
    return {name: replace(bound, version=versions.get(bound.product.id)) for name, bound in inputs.items()}


def version_reads(
    consumer: DataProduct,
    inputs: Mapping[str, BoundInput],
    window: Window | None,
    used: Mapping[str, tuple[str, ...]],
) -> tuple[VersionRead, ...]:
    """What a run reads of its pinned inputs; ``used`` are the columns that its SQL uses, by input."""
    return tuple(
        VersionRead(
            bound.product,
            bound.version,
            bound.declared.columns or _used(bound.product, used.get(name)),
            window_read(consumer.partitions, bound.declared.partitions, bound.product.partitions, window),
            bound.since,
        )
        for name, bound in inputs.items()
        if bound.version is not None
    )


def _used(product: DataProduct, columns: tuple[str, ...] | None) -> tuple[str, ...] | None:
    # A query that only counts rows reads a column to count them by.
    return (product.columns[0].name,) if columns == () else columns


def whole(products: Iterable[DataProduct], versions: Mapping[str, int]) -> list[VersionRead]:
    """All columns and partitions of each product, of which nobody knows what is read."""
    return [VersionRead(p, versions[p.id]) for p in products if p.id in versions]


def inputs_metadata(
    connection: duckdb.DuckDBPyConnection,
    version_reads: Iterable[VersionRead],
    references: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """``mesh/inputs`` and ``mesh/bytes_read`` of a run that read these inputs.

    The bytes are those of the columns shown to the product's function, of the files that hold the
    partitions it read, once each; what the audit reads to check foreign keys is not among them.
    """
    # Here, since a function on made-up inputs binds them too, which takes no Dagster.
    import dagster as dg

    version_reads = list(version_reads)
    read = sum(_bytes(connection, reading) for reading in version_reads)
    metadata: dict[str, Any] = {
        INPUTS: dg.MetadataValue.json({r.product.id: r.version for r in version_reads}),
        BYTES_READ: read,
    }
    if references:
        metadata[REFERENCES] = dg.MetadataValue.json(dict(references))
    return metadata


def _bytes(connection: duckdb.DuckDBPyConnection, reading: VersionRead) -> int:
    found = bytes_of_columns(connection, reading.product, reading.version, reading.columns, reading.window)
    if reading.since is None:
        return found
    # A file that was merged since counts to the batches before: changes are then said to be less, never more.
    return max(0, found - bytes_of_columns(connection, reading.product, reading.since, reading.columns))
