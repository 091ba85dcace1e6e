"""An inbox: a folder of files, each of which is a batch with the file's name."""

from __future__ import annotations

import contextlib
import glob
import time
from codecs import BOM_UTF8
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platform_core.diagnostics import Diagnostic, Place, SourceError, shown
from platform_core.products.batch import Delivered
from platform_core.sources.source import READERS, Source, is_pattern, require_foreign, rows_of

_PARQUET: Final = b"PAR1"
_CLOSED_BY: Final = {b"[": b"]", b"{": b"}"}
_EDGE: Final = 4096
"""Bytes at the beginning and the end of a text file that are searched for its brackets."""

SETTLED: Final = 60
"""Seconds without a change after which a file is complete."""


@dataclass(frozen=True)
class Delivery:
    """A file of an inbox. ``stamp`` changes with the file."""

    id: str
    """Its path in the inbox."""
    path: Path
    stamp: str

    def require_whole(self, source: Source) -> None:
        """Refuse a file that is not complete (S010), which would lose rows."""
        if (reason := _incomplete(self.path)) is not None:
            message = f"the batch {self.id} of {source.name} is half-written: {reason}"
            expected = f"a complete file, renamed into {shown(self.path.parent)} after it is written"
            fix = "Deliver it again, or wait. The next run reads it if it is complete."
            raise SourceError.of("S010", message, None, expected, fix)


def batches(source: Source, argument: str) -> list[Delivered]:
    """The files of an inbox as batches for the function's argument. Raises as ``deliveries`` does."""
    return [
        # The number separates ids that differ only by case.
        Delivered.of(file.id, f"{argument}/{number}/{file.id}", rows_of(file.path), file.stamp)
        for number, file in enumerate(deliveries(source).values(), start=1)
    ]


def deliveries(source: Source) -> dict[str, Delivery]:
    """The files of an inbox by batch id, sorted. Raises SourceError: S001 if the package is not
    installed, S003 for a file of the mesh's own state, S011 if the folder is missing, S012 for a file of
    another type."""
    folder, pattern = _split(source)
    if not folder.is_dir():
        message = f"the inbox of the source {source.name} is missing"
        fix = "Create the folder, or correct the path of the source."
        raise SourceError.of("S011", message, None, f"the folder {shown(folder)}", fix)
    found: dict[str, Delivery] = {}
    for path in sorted(folder.glob(pattern)):
        if not path.is_file():
            continue
        if path.suffix.lower() not in READERS:
            message = f"the file {path.name} in the inbox of {source.name} has an unsupported type"
            fix = "Narrow the pattern, such as inbox/*.parquet, or move the file away."
            raise SourceError.of("S012", message, None, f"files ending in {', '.join(READERS)}", fix)
        require_foreign(path, source.name)
        state, id = path.stat(), path.relative_to(folder).as_posix()
        found[id] = Delivery(id, path, f"{state.st_size}:{state.st_mtime_ns}")
    return found


def unmatched(sources: Iterable[Source]) -> list[str]:
    """Files below the inboxes that none of them contains, except hidden and incomplete ones."""
    inboxes = [source for source in sources if source.inbox]
    taken = {file.path for source in inboxes for file in deliveries(source).values()}
    return sorted(
        {
            shown(path)
            for folder, _ in map(_split, inboxes)
            for path in folder.rglob("*")
            if path not in taken and path.is_file() and _settled(path.stat().st_mtime)
            if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        }
    )


def unmatched_files(names: str, product: str, place: Place) -> Diagnostic:
    """S013 for files that no inbox of a product contains."""
    fix = "Widen the pattern (`**` matches any folders), or move the files away."
    return Diagnostic("S013", f"no inbox of {product} contains {names}", place, fix=fix, severity="warning")


def files_of(sources: Iterable[Source]) -> list[Path]:
    """The files of some sources. A missing source is reported where it is read."""
    found: list[Path] = []
    for source in sources:
        with contextlib.suppress(SourceError):
            if source.inbox:
                found += [each.path for each in deliveries(source).values()]
            elif not source.asked:
                found.append(source.locate())
    return found


def _split(source: Source) -> tuple[Path, str]:
    """The folder of an inbox, which must exist, and the pattern of its files."""
    parts = Path(source.path).parts
    first = next(number for number, part in enumerate(parts) if is_pattern(part))
    pattern = [part if is_pattern(part) else glob.escape(part) for part in parts[first:]]
    return source.folder().joinpath(*parts[:first]), str(Path(*pattern))


def _settled(changed: float) -> bool:
    return time.time() - changed >= SETTLED


def _incomplete(path: Path) -> str | None:
    state = path.stat()
    size = state.st_size
    if size == 0:
        return "it is empty"
    with path.open("rb") as file:
        if path.suffix.lower() == ".parquet":
            start = file.read(len(_PARQUET))
            file.seek(max(0, size - 8))
            end = file.read()
            if start != _PARQUET or end[-4:] != _PARQUET:
                return f"its {'end' if start == _PARQUET else 'beginning'} is missing"
            footer = int.from_bytes(end[:4], "little")
            return "it is shorter than its footer" if footer + 12 > size else None
        begins = file.read(_EDGE).removeprefix(BOM_UTF8).lstrip()[:1]
        file.seek(max(0, size - _EDGE))
        end = file.read()
    if path.suffix.lower() == ".json" and begins in _CLOSED_BY:
        # A document and each line end with the closing bracket.
        return None if end.rstrip()[-1:] == _CLOSED_BY[begins] else "its first bracket is not closed"
    if end.endswith(b"\n") or _settled(state.st_mtime):
        return None
    return f"its last line does not end, and it has changed in the last {SETTLED} seconds"
