"""How far a stream has read another one: from where its next run goes on, or why it cannot."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import DefinitionError, LakeError, Place
from platform_core.lake.publication.streams import Position
from platform_core.lake.reading import changes_between, has_version, table_identity
from platform_core.products.inputs.resolve import BoundInput


def require_streams(product: DataProduct, inputs: Mapping[str, BoundInput], place: Place) -> None:
    """Changes are read by a stream, which keeps what it made of them, of a stream, which keeps its rows.

    Raises:
        DefinitionError: D050 where the reader is no stream, D051 where what it reads is none.
    """
    for name, bound in inputs.items():
        if not bound.declared.changes:
            continue
        if product.kind != "stream":
            message = f'{product.id} reads the changes of {bound.product.id} as "{name}" and is no stream'
            expected = "a stream, which keeps what it made of earlier changes"
            fix = "set physicalType: stream in its contract, or read the whole product: changes=False"
            raise DefinitionError.of("D050", message, place, expected, fix)
        if bound.product.kind != "stream":
            message = f"{bound.product.id} is a {bound.product.kind}, whose rows are replaced: "
            message += f'{product.id} cannot read its changes as "{name}"'
            expected = "an input that is a stream, to which rows are only added"
            fix = "read the whole product: changes=False"
            raise DefinitionError.of("D051", message, place, expected, fix)


def position_now(connection: duckdb.DuckDBPyConnection, producer: DataProduct, version: int) -> Position:
    """What a reader has to remember of a producer that it has read up to a version."""
    return {"version": version, "table": table_identity(connection, producer)}


def since(
    connection: duckdb.DuckDBPyConnection,
    reader: DataProduct,
    producer: DataProduct,
    position: Position | None,
    version: int,
    place: Place,
) -> int | None:
    """The version after which to read on; None for everything, before the first run.

    Raises:
        LakeError: L042 where that version is not kept any more, L043 where the producer is not the table
            that was read before, or where rows of it were changed or deleted.
    """
    if position is None:
        return None
    before = int(position["version"])
    rebuild = f"give {reader.id} a new name, or drop its table and its ledger, so that it reads all again"
    if position["table"] != table_identity(connection, producer) or version < before:
        message = (
            f"{producer.id} was made anew since {reader.id} read it up to version {before}: "
            "which of its rows are new cannot be told"
        )
        raise LakeError.of("L043", message, place, "a stream to which rows were only added", rebuild)
    if version == before:
        return before
    if not has_version(connection, producer, before + 1):
        message = (
            f"version {before + 1} of the lake of {producer.id} is not kept any more, "
            f"and {reader.id} has read it up to version {before} only"
        )
        expected = "versions that are kept until every reader of changes has read them"
        raise LakeError.of("L042", message, place, expected, rebuild)
    if changes_between(connection, producer, before + 1, version) - {"inserted_into_table"}:
        message = (
            f"rows of {producer.id} were changed or deleted after version {before}, "
            f"up to which {reader.id} has read it"
        )
        raise LakeError.of("L043", message, place, "a stream to which rows were only added", rebuild)
    return before
