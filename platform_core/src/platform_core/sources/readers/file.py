"""Compressed files, and files of web servers and object stores: fetched whole, then read as local files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from platform_core.diagnostics import SourceError
from platform_core.files import link_over
from platform_core.secrets import Secret, secret_parts, secret_text
from platform_core.sources.order import Order
from platform_core.sources.readers.fetched_files import download, s3_file, whole
from platform_core.sources.readers.relation import RelationReader, engine, limit
from platform_core.sources.source import COMPRESSED, READERS, rows_of, suffix_of

_KEYS: Final = {"access_key": "", "secret_key": "", "region": "us-east-1", "endpoint": "-"}


@contextmanager
def opened(orders: Sequence[Order], who: str, seconds: float) -> Iterator[FileReader]:
    """A reader of one file, which is fetched once."""
    first, out = orders[0].source, orders[0].out
    above = Path(out).parent if out else None
    with tempfile.TemporaryDirectory(dir=above) as folder, engine() as connection:
        file = fetched(first.path, first.secret, Path(folder))
        limit(connection, orders, file.parent)
        yield FileReader(connection, lambda order: f"({rows_of(file, types=order.columns)})", file=file)


def fetched(path: str, secret: Secret | None, folder: Path) -> Path:
    """The plain local file of a path or URL, in ``folder`` if it was fetched. Raises SourceError S020, and as
    the functions of ``fetched_files``."""
    file = Path(path)
    if path.startswith("s3://"):
        keys = secret_parts(secret, _KEYS) if secret is not None else {}
        file = s3_file(path, folder, keys={name: value for name, value in keys.items() if value != "-"})
    elif "://" in path:
        file = download(path, folder, token=secret_text(secret) if secret is not None else None)
    if "://" in path and file.suffix.lower() in (".csv", ".json"):
        with file.open("rb") as content:
            begin = content.read(512).lstrip()
        if not begin or begin.startswith(b"<"):
            message = (
                f"the answer of the server for {urlsplit(path).path} is {'empty' if not begin else 'a page'}"
            )
            fix = "Ask the server's owner: it may want a login, or have moved the file."
            raise SourceError.of("S032", message, None, f"a {file.suffix} file", fix)
    return whole(file, folder) if file.name.lower().endswith(COMPRESSED) else file


@dataclass(frozen=True)
class FileReader(RelationReader):
    """Reads one file; text is read in the declared types."""

    file: Path = Path()

    def types(self, order: Order) -> dict[str, str]:
        if suffix_of(self.file.name) not in READERS:
            return {}
        found, declared = RelationReader.types(self, replace(order, columns=None)), order.columns or {}
        if self.file.suffix.lower() == ".parquet":
            return found
        return {name: declared.get(name, kind) for name, kind in found.items()}

    def write(self, order: Order, columns: Mapping[str, str]) -> int:
        if suffix_of(self.file.name) in READERS:
            return RelationReader.write(self, order, columns)
        link_over(self.file, Path(order.out))
        return 0
