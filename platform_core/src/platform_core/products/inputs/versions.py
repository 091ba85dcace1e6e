"""The versions that a run reads: pinned while it runs, and recorded with the version that it publishes. A
consumer reads each input at the version that was published when its run began."""

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
"""The metadata key of the input versions that were read, by product id."""
REFERENCES = "mesh/references"
"""The same for products that foreign keys refer to, which the audit reads."""
BYTES_READ = "mesh/bytes_read"


@dataclass(frozen=True, slots=True)
class VersionRead:
    """An input of a run. ``columns`` None is all columns, ``window`` None the whole table."""

    product: DataProduct
    version: int
    columns: tuple[str, ...] | None = None
    window: Window | None = None
    since: int | None = None
    """For a stream: only rows that were inserted after this version."""


def versions_read(connection: duckdb.DuckDBPyConnection, products: Iterable[DataProduct]) -> dict[str, int]:
    """The published version of each product, by id, without unpublished products."""
    found = {product.id: published_version(connection, product) for product in products}
    return {name: version for name, version in sorted(found.items()) if version is not None}


def pinned(inputs: Mapping[str, BoundInput], versions: Mapping[str, int]) -> dict[str, BoundInput]:
    """The inputs pinned to the versions of a run."""
    return {name: replace(bound, version=versions.get(bound.product.id)) for name, bound in inputs.items()}


def version_reads(
    consumer: DataProduct,
    inputs: Mapping[str, BoundInput],
    window: Window | None,
    used: Mapping[str, tuple[str, ...]],
) -> tuple[VersionRead, ...]:
    """The reads of a run's pinned inputs; ``used`` are the columns that its SQL uses, by input."""
    return tuple(
        VersionRead(
            bound.product,
            bound.version,
            # A query that only counts rows reads one column.
            bound.declared.columns
            or ((bound.product.columns[0].name,) if used.get(name) == () else used.get(name)),
            window_read(consumer.partitions, bound.declared.partitions, bound.product.partitions, window),
            bound.since,
        )
        for name, bound in inputs.items()
        if bound.version is not None
    )


def inputs_metadata(
    connection: duckdb.DuckDBPyConnection,
    version_reads: Iterable[VersionRead],
    references: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """``mesh/inputs`` and ``mesh/bytes_read`` of a run. The bytes are those of the columns that the
    product's function sees, in the files of the partitions that it reads, without the reads of the audit."""
    # Imported here, because evaluate needs no Dagster.
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
    # A merged file counts as an earlier batch, so the result may be too small, but not too large.
    return max(0, found - bytes_of_columns(connection, reading.product, reading.since, reading.columns))
