"""A folder that batches are delivered into: one file, one batch, under the file's name."""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platform_core.errors import SourceError, shown
from platform_core.products.batch import Delivered
from platform_core.products.source import READERS, Source, require_foreign
from platform_core.sql.quoting import literal

_PARQUET: Final = b"PAR1"


@dataclass(frozen=True)
class Delivery:
    """A file of an inbox. ``stamp`` changes when the file does."""

    path: Path
    stamp: str

    @property
    def id(self) -> str:
        return self.path.name

    def batch(self, argument: str) -> Delivered:
        """It, as a function sees it that calls its inbox so."""
        query = f"SELECT * FROM {READERS[self.path.suffix]}({literal(str(self.path))})"
        return Delivered.of(self.id, f"{argument}/{self.id}", query, self.stamp)

    def require_whole(self, source: Source) -> None:
        """Refuse a file that its sender has not finished (S010), which would lose or spoil rows."""
        if (reason := _half_written(self.path)) is not None:
            raise SourceError.of(
                "S010",
                f"the batch {self.id} of {source.name} is half-written: {reason}",
                expected=f"a whole file in {shown(self.path.parent)}, renamed into it once it is written",
                fix="deliver it again, or wait: it stays where it is and is taken when it is whole",
            )


def deliveries(source: Source) -> dict[str, Delivery]:
    """The files of an inbox by batch id, in the order of their names.

    Raises:
        SourceError: S001 where the package is not installed, S003 for a file of the mesh's own state, S011
            where the folder is missing, S012 for a file of a kind that is not read.
    """
    pattern = str(source.folder() / source.path)
    # The part of the path before the first wildcard has to be there, or a typo would be an empty inbox.
    folder = Path(pattern)
    while glob.has_magic(str(folder)):
        folder = folder.parent
    if not folder.is_dir():
        raise SourceError.of(
            "S011",
            f"the inbox of the source {source.name} is missing",
            expected=f"the folder {shown(folder)}",
            fix="make the folder, or correct the path of the source",
        )
    found: dict[str, Delivery] = {}
    for path in sorted(folder.glob(str(Path(pattern).relative_to(folder)))):
        if not path.is_file():
            continue
        if path.suffix not in READERS:
            raise SourceError.of(
                "S012",
                f"the file {path.name} in the inbox of {source.name} is of no kind that is read",
                expected=f"files ending in {', '.join(READERS)}",
                fix="narrow the pattern, such as inbox/*.parquet, or move the file away",
            )
        require_foreign(path, source.name)
        state = path.stat()
        found[path.name] = Delivery(path, f"{state.st_size}:{state.st_mtime_ns}")
    return found


def files_of(sources: Iterable[Source]) -> list[Path]:
    """The files of some sources; of one that is missing none, which whoever reads it is told."""
    found: list[Path] = []
    for source in sources:
        with contextlib.suppress(SourceError):
            inbox = deliveries(source).values() if source.inbox else ()
            found += [each.path for each in inbox] if source.inbox else [source.locate()]
    return found


def _half_written(path: Path) -> str | None:
    size = path.stat().st_size
    if size == 0:
        return "it is empty"
    with path.open("rb") as file:
        if path.suffix == ".parquet":
            start = file.read(len(_PARQUET))
            file.seek(max(0, size - 8))
            end = file.read()
            if start != _PARQUET or end[-4:] != _PARQUET:
                return f"its {'end' if start == _PARQUET else 'beginning'} is missing"
            footer = int.from_bytes(end[:4], "little")
            return "it is shorter than its own footer says" if footer + 12 > size else None
        file.seek(-1, 2)
        return None if file.read() == b"\n" else "its last line does not end"
