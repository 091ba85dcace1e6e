"""Hard links to the files of published versions, for one reader outside of the platform.

<folder>/<reader>/<lake>/<product>/v<version>/   the links, and ``version.json``, the record of the version
<folder>/<reader>/attached.json                  the BI files that read them

A version's folder appears whole. It outlives the lake's own files: retention and erasure find it by ``held``.
"""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from platform_core.contracts.model import DataProduct
from platform_core.files import draft_beside, file_lock, link_new, move_folder, write_whole
from platform_core.lake.location import LakeLocation

GRACE: Final = 24 * 3600
"""Seconds for which a replaced version stays for clients that have not opened the new BI file yet."""
_RECORD: Final = "version.json"


@dataclass(frozen=True, slots=True)
class Held:
    """A version that a reader's links keep. ``facts`` is its record."""

    reader: str
    product: str
    version: int
    folder: Path
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReaderFiles:
    """The links of one reader."""

    folder: Path
    reader: str

    @classmethod
    def of(cls, home: Path, reader: str) -> ReaderFiles:
        # A reader may have any letters; a leading dot marks drafts.
        return cls(home / "bi" / quote(reader, safe="").replace(".", "%2E"), reader)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time change the links; removes what a killed one left. Raises OSError."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with file_lock(self.folder / "links.lock"):
            for left in self.folder.glob("*/*/.*"):
                shutil.rmtree(left)
            yield

    def attached(self) -> dict[str, bool]:
        """The BI files of the reader, and whether runs refresh them."""
        record = self.folder / "attached.json"
        return dict(json.loads(record.read_bytes())) if record.exists() else {}

    def record(self, attached: Mapping[str, bool]) -> None:
        write_whole(self.folder / "attached.json", json.dumps(attached, indent=2))

    def find(self, product: DataProduct, version: int) -> Held | None:
        """The version, if it has links."""
        record = self._folder(product, version) / _RECORD
        return _held(record) if record.exists() else None

    def path(self, product: DataProduct, version: int, number: int) -> Path:
        """The link to one of a version's files."""
        return self._folder(product, version) / f"{number}.parquet"

    def hold(
        self, product: DataProduct, version: int, files: Collection[str], facts: Mapping[str, Any]
    ) -> Held:
        """Link the files of a version. Files of another filesystem are copied. Raises OSError."""
        target = self._folder(product, version)
        private = LakeLocation(self.folder).is_private(product.lake)
        (self.folder / product.lake).mkdir(mode=0o700 if private else 0o750, exist_ok=True)
        draft = draft_beside(target)
        draft.mkdir(parents=True)
        try:
            for number, file in enumerate(files):
                _link_or_copy(Path(file), draft / f"{number}.parquet", private)
            record = {"reader": self.reader, "product": product.id, "version": version, **facts}
            write_whole(draft / _RECORD, json.dumps(record, indent=2))
            move_folder(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return _held(target / _RECORD)

    def release(self, current: Collection[Held]) -> None:
        """Remove the links of products that are not among ``current``, at once, and those of other versions
        GRACE seconds after a newer one was linked."""
        shown = {held.folder.parent: held.folder for held in current}
        for product in {held.folder.parent for held in _held_in(self.folder)}:
            folders = sorted((folder.stat().st_mtime, folder) for folder in product.glob("v*"))
            replaced = [*(when for when, _ in folders[1:]), time.time()]
            for (_, folder), since in zip(folders, replaced, strict=True):
                if product not in shown or (folder != shown[product] and since < time.time() - GRACE):
                    shutil.rmtree(folder)

    def _folder(self, product: DataProduct, version: int) -> Path:
        return self.folder / product.lake / product.name / f"v{version}"


def held(home: Path) -> Iterator[Held]:
    """All versions that links keep, of all readers."""
    for folder in sorted((home / "bi").glob("*")):
        yield from _held_in(folder)


def readers(home: Path) -> Iterator[ReaderFiles]:
    """The readers that have a BI file."""
    for record in sorted((home / "bi").glob("*/attached.json")):
        yield ReaderFiles(record.parent, unquote(record.parent.name))


def _held_in(folder: Path) -> Iterator[Held]:
    yield from map(_held, sorted(folder.glob(f"*/*/v*/{_RECORD}")))


def _held(record: Path) -> Held:
    facts = json.loads(record.read_bytes())
    return Held(facts["reader"], facts["product"], facts["version"], record.parent, facts)


def _link_or_copy(file: Path, link: Path, private: bool) -> None:
    try:
        link_new(file, link)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        shutil.copyfile(file, link)
        link.chmod(0o600 if private else 0o644)
