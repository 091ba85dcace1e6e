"""How far a stream has read another stream: where its next run continues, or why it cannot."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, LakeError, Place
from platform_core.lake.publication.streams import Position
from platform_core.lake.reading import changes_between, has_version, table_identity
from platform_core.products.inputs.resolve import BoundInput


def require_streams(product: DataProduct, inputs: Mapping[str, BoundInput], place: Place) -> None:
    """Only a stream can read changes, and only of a stream. Raises DefinitionError: D050 for another
    reader, D051 for another input."""
    for name, bound in inputs.items():
        if not bound.declared.changes:
            continue
        if product.kind != "stream":
            message = f'{product.id} reads the changes of {bound.product.id} as "{name}", but is not a stream'
            expected = "a stream, which keeps its earlier rows"
            fix = "Write physicalType: stream in its contract, or changes=False for the input."
            raise DefinitionError.of("D050", message, place, expected, fix)
        if bound.product.kind != "stream":
            kind = bound.product.kind
            message = f'{product.id} reads the changes of {bound.product.id} as "{name}", which is a {kind}'
            expected, fix = "an input that is a stream", "Write changes=False to read the whole product."
            raise DefinitionError.of("D051", message, place, expected, fix)


def position_now(connection: duckdb.DuckDBPyConnection, producer: DataProduct, version: int) -> Position:
    """The position of a reader that has read a producer up to a version."""
    return {"version": version, "table": table_identity(connection, producer)}


def since(
    connection: duckdb.DuckDBPyConnection,
    reader: DataProduct | None,
    producer: DataProduct,
    position: Position | None,
    version: int,
    place: Place,
) -> int | None:
    """The version after which to read; None to read everything in the first run. ``reader`` is None for a
    caller in Python. Raises LakeError: L042 if that version expired, L043 if the producer's table was
    replaced, or its rows were changed or deleted."""
    if position is None:
        return None
    before = int(position["version"])
    name, rebuild = "the caller", f'Read all its rows: mesh.read("{producer.id}").'
    if reader is not None:
        name = reader.id
        rebuild = f"Rename {name}, or drop its table and its ledger, so that it reads everything again."
    if position["table"] != table_identity(connection, producer) or version < before:
        message = f"{producer.id} was replaced after {name} had read it up to version {before}"
        raise LakeError.of("L043", message, place, "a stream to which rows were only added", rebuild)
    if version == before:
        return before
    if not has_version(connection, producer, before + 1):
        message = f"version {before + 1} of the lake of {producer.id} expired before {name} had read it"
        expected = "versions that are kept until all readers of changes have read them"
        raise LakeError.of("L042", message, place, expected, rebuild)
    if changes_between(connection, producer, before + 1, version) - {"inserted_into_table"}:
        message = f"rows of {producer.id}, which {name} reads, were changed after version {before}"
        raise LakeError.of("L043", message, place, "a stream to which rows were only added", rebuild)
    return before
