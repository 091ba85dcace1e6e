"""Compressed files, and files of web servers and object stores: fetched whole, then read as local files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from platform_core.diagnostics import SourceError
from platform_core.lake.errors import sentence
from platform_core.sources.fetched_files import download, s3_file, whole
from platform_core.sources.order import Order
from platform_core.sources.secrets import Secret, secret_parts, secret_text
from platform_core.sources.source import COMPRESSED, READERS, rows_of, suffix_of
from platform_core.sql.quoting import literal, quoted
from platform_core.sql.types import describe

_KEYS: Final = {"access_key": "", "secret_key": "", "region": "us-east-1", "endpoint": "-"}


@contextmanager
def opened(orders: Sequence[Order], who: str, seconds: float) -> Iterator[FileReader]:
    """A reader of one file, which is fetched once."""
    first = orders[0]
    above = Path(first.out).parent if first.out else None
    with (
        tempfile.TemporaryDirectory(dir=above) as folder,
        closing(duckdb.connect(config={"allow_persistent_secrets": "false"})) as connection,
    ):
        connection.execute("SET TimeZone = 'UTC'")
        yield FileReader(connection, fetched(first.path, first.secret, Path(folder)))


def fetched(path: str, secret: Secret | None, folder: Path) -> Path:
    """The plain local file of a path or URL, in ``folder`` if it was fetched. Raises SourceError S020, and as
    the functions of ``fetched_files``."""
    file = Path(path)
    if path.startswith("s3://"):
        keys = secret_parts(secret, _KEYS) if secret is not None else {}
        file = s3_file(path, folder, keys={name: value for name, value in keys.items() if value != "-"})
    elif "://" in path:
        file = download(path, folder, token=secret_text(secret) if secret is not None else None)
    return whole(file, folder) if file.name.lower().endswith(COMPRESSED) else file


@dataclass(frozen=True)
class FileReader:
    """Reads one file; text is read in the declared types."""

    connection: duckdb.DuckDBPyConnection
    file: Path

    def types(self, order: Order) -> dict[str, str]:
        if suffix_of(self.file.name) not in READERS:
            return {}
        with self._faults(order):
            found = describe(self.connection, rows_of(self.file))
        if self.file.suffix.lower() == ".parquet":
            return found
        declared = order.columns or {}
        return {name: declared.get(name, kind) for name, kind in found.items()}

    def write(self, order: Order, columns: Mapping[str, str]) -> int:
        if suffix_of(self.file.name) not in READERS:
            shutil.move(self.file, order.out)
            return 0
        part = order.range
        where = ""
        if part is not None:
            column = quoted(part.column)
            where = f" WHERE {column} >= {literal(part.start)} AND {column} < {literal(part.end)}"
        selected = ", ".join(f"{quoted(name)}::{kind} AS {quoted(name)}" for name, kind in columns.items())
        copy = f"COPY (SELECT {selected} FROM ({rows_of(self.file)}){where}) TO {literal(order.out)}"
        with self._faults(order):
            [(rows,)] = self.connection.execute(f"{copy} (FORMAT parquet)").fetchall()
        return int(rows)

    def version(self, order: Order) -> int | None:
        return None

    def newest(self, order: Order) -> str | None:
        query = f"SELECT max({quoted(order.time_column or '')})::VARCHAR FROM ({rows_of(self.file)})"
        [(newest,)] = self.connection.execute(query).fetchall()
        return None if newest is None else str(newest)

    @contextmanager
    def _faults(self, order: Order) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            message = f"the file of the source {order.name} cannot be read: {sentence(error)}"
            fix = "Correct the file, or its columns in the source."
            raise SourceError.of(
                "S025", message, None, f"a file in the format of {order.origin}", fix
            ) from None
