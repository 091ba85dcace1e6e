"""A function's own reads of its inputs: with a sealed engine, not with the writing connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from platform_core.lake.location import LakeLocation
from platform_core.products.declare import ProductFunction
from platform_core.products.inputs.bind import bind
from platform_core.products.inputs.resolve import BoundInput
from platform_core.products.inputs.rows import LakeRows
from platform_core.sealed.engine import sealed_engine, shut
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.version import copied, product_files
from platform_core.sources.source import Source
from platform_core.sources.staging import Staging


@dataclass(frozen=True, kw_only=True)
class SealedRows(LakeRows):
    """``LakeRows`` from files on ``connection``, a sealed engine."""

    writer: duckdb.DuckDBPyConnection
    """The connection with the lakes."""
    location: LakeLocation
    files: SealedFiles
    copies: Path

    def relation(self, name: str, bound: BoundInput) -> str:
        if bound.version is not None and bound.since is None:
            rows = product_files(self.location, self.writer, bound.product, self.copies, bound.version)
        else:
            rows = copied(self.writer, super().relation(name, bound), self.copies)
        return f"({rows.opened(self.files, name).query})"

    def staged(self, name: str, source: Source, staging: Staging) -> str | Path:
        staging.read()
        file = staging.orders[name].out
        return f"({staging.query(name, self.files.add(file, name))})" if source.tabular else Path(file)

    def file(self, name: str, source: Source) -> str:
        return source.query(self.files.add(str(source.locate()), name))


@contextmanager
def sealed_inputs(
    location: LakeLocation,
    writer: duckdb.DuckDBPyConnection,
    function: ProductFunction,
    inputs: Mapping[str, BoundInput],
    rows: LakeRows,
    room: Path,
) -> Iterator[Callable[[], duckdb.DuckDBPyConnection]]:
    """A function that opens, at its first call, an engine with the function's inputs as views. The rows
    are those of ``rows`` on ``writer``, which may write into ``room``. The engine is closed at the end."""
    with ExitStack() as stack:

        @cache
        def engine() -> duckdb.DuckDBPyConnection:
            files = stack.enter_context(closing(SealedFiles(location.open)))
            connection = stack.enter_context(sealed_engine())
            files.show(connection)
            shown = SealedRows(
                connection,
                rows.consumer,
                rows.window,
                rows.staging,
                writer=writer,
                location=location,
                files=files,
                copies=room,
            )
            bind(connection, function, inputs, shown)
            shut(connection, room / "spill")
            return connection

        yield engine
