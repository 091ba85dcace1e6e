"""Files that a product keeps beside its table: one folder per version, and one stable name.

    <lake>/files/<product>/<file>               the published version's, by a link
    <lake>/files/<product>/<version>/<file>     each version's; never changed
    <lake>/files/<product>/<version>/card.json  what the file is

L030 a file that is gone       L032 a version that kept no file
L031 a file that was changed   L033 a version that is published, but not its file's stable name
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import LakeError, shown
from platform_core.files import link_over, move_folder, sync
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation
from platform_core.lake.lock import lake_lock
from platform_core.lake.transaction import Stamp, number
from platform_core.lake.versions import Version, published_version
from platform_core.sql.quoting import quoted

CARD = "card.json"
_UNFINISHED = "."
"""First letter of what nobody reads: drafts and links on their way."""


def folder_of(product: DataProduct) -> str:
    """Where a product's files are within the folder of all lakes."""
    return f"{product.lake}/files/{product.name}"


@dataclass(frozen=True, slots=True)
class ProductFile:
    """A version's file: ``path`` is its own, ``stable`` the name that leads to the published version."""

    path: Path
    stable: Path
    bytes: int
    sha256: str

    @property
    def in_place(self) -> bool:
        """Whether the stable name leads to this version; not after a crash, until the next run."""
        return self.stable.is_file() and self.stable.samefile(self.path)


@dataclass(frozen=True, slots=True)
class ProductFiles:
    """Where a product's files are."""

    location: LakeLocation
    product: DataProduct

    @property
    def folder(self) -> Path:
        return self.location.root / folder_of(self.product)

    def bytes_kept(self) -> int:
        """The bytes of the files of all versions."""
        kept = [path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink()]
        # The stable name may be a link to a version; it is counted once.
        return sum({path.stat().st_ino: path.stat().st_size for path in kept}.values())

    @property
    def stable(self) -> Path:
        return self.folder / self._name

    def path(self, version: int) -> Path:
        return self.folder / str(version) / self._name

    def card(self, version: int) -> Path:
        return self.folder / str(version) / CARD

    @property
    def _name(self) -> str:
        assert self.product.file is not None  # who asks has looked
        return self.product.file

    def read(self, version: Version) -> ProductFile:
        """The file of a version, which is the one that was published.

        Raises:
            LakeError: L030 where it is gone, L031 where it has other bytes, L032 where there was none.
        """
        if version.file is None:
            message = f"version {version.version} of {self.product.id} was published without a file"
            expected = f"a version that was published as a {self.product.kind}"
            raise LakeError.of("L032", message, self.product.place, expected, f"mesh run {self.product.id}")
        path = self.path(version.version)
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            message = f"the file of {self.product.id}, version {version.version}, is gone: {error.strerror}"
            fix = f"mesh run {self.product.id}, which writes it anew; its table is not affected"
            raise LakeError.of("L030", message, self.product.place, shown(path), fix) from error
        if size != version.file.bytes:
            raise self._changed(version, f"has {size:,} bytes instead of {version.file.bytes:,}")
        if sha256 != version.file.sha256:
            raise self._changed(version, "has other bytes than were published")
        return ProductFile(path, self.stable, size, sha256)

    def _changed(self, version: Version, how: str) -> LakeError:
        message = f"the file of {self.product.id}, version {version.version}, was changed: it {how}"
        expected = f"{shown(self.path(version.version))} with the sha256 that the lake remembers"
        fix = f"mesh run {self.product.id}, which writes it anew"
        return LakeError.of("L031", message, self.product.place, expected, fix)

    def repair(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Finish what a process that died left: its stable name after COMMIT, its drafts before.

        Without the lake's lock only where there is nothing to mend.
        """
        if self._left_over(connection) or self._stale_link(connection):
            with lake_lock(self.location, self.product.lake, holder=f"{self.product.id}, its files"):
                with lake_faults(self.location, self.product.lake):
                    for left in self._left_over(connection):
                        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
                if (version := self._stale_link(connection)) is not None:
                    self.point(version)

    def _left_over(self, connection: duckdb.DuckDBPyConnection) -> list[Path]:
        """Drafts, and versions that were never published: newer than the last one that was."""
        if not self.folder.is_dir():
            return []
        last = published_version(connection, self.product) or 0
        entries = list(self.folder.iterdir())
        return [
            entry
            for entry in entries
            if entry.name.startswith(_UNFINISHED) or (entry.name.isdigit() and int(entry.name) > last)
        ]

    def _stale_link(self, connection: duckdb.DuckDBPyConnection) -> int | None:
        """The published version, where it has a file and the stable name does not lead to it."""
        version = published_version(connection, self.product)
        if version is None or not self.path(version).is_file():
            return None
        there = ProductFile(self.path(version), self.stable, 0, "")
        return None if there.in_place else version

    def point(self, version: int) -> None:
        """Let the stable name lead to a version, for every reader at once. Raises LakeError L033."""
        try:
            # A hard link: it is a file for every tool, and stays whole when the folder is copied.
            link_over(self.path(version), self.stable)
        except OSError as error:
            message = f"version {version} of {self.product.id} is published, but {shown(self.stable)} "
            message += f"could not be put in place: {error.strerror or error}"
            expected = f"a link to {shown(self.path(version))}"
            fix = f"mend the folder; the next run of {self.product.id} puts it in place"
            raise LakeError.of("L033", message, self.product.place, expected, fix) from error


class FileDraft:
    """The file of one version on its way: written before COMMIT, under its stable name after it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, shelf: ProductFiles) -> None:
        self._connection = connection
        self._shelf = shelf
        self._folder: Path | None = None
        self._published = False
        shelf.repair(connection)

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A path to write the file to; gone again unless ``keep`` was called."""
        folder = self._shelf.folder / f"{_UNFINISHED}draft-{uuid.uuid4().hex}"
        folder.mkdir(parents=True)
        try:
            yield folder / self._shelf.stable.name
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, written: Path, card: Mapping[str, Any], stamp: Stamp) -> ProductFile:
        """Make a written draft the file of the version that the open transaction will publish.

        The snapshot is to remember its name, bytes and sha256; they are added to ``stamp``.
        """
        with written.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = written.stat().st_size
        version = self._next()
        stamp.facts["file"] = {"name": written.name, "bytes": size, "sha256": sha256}
        said = {"product": self._shelf.product.id, "version": version, "run_id": stamp.run_id}
        words = json.dumps({**said, **stamp.facts["file"], **card}, indent=2, ensure_ascii=False)
        note = written.with_name(CARD)
        note.write_text(f"{words}\n", encoding="utf-8")
        for path in (written, note):
            # The stable name is a link to it: who wrote through that would change the version.
            path.chmod(0o400 if self._shelf.product.restricted else 0o444)
            sync(path)
        target = self._shelf.folder / str(version)
        if target.exists():
            shutil.rmtree(target)  # of a run that died before its COMMIT
        move_folder(written.parent, target)
        self._folder = target
        return ProductFile(target / written.name, self._shelf.stable, size, sha256)

    def committed(self, version: int) -> None:
        """After COMMIT, under the lake's lock."""
        self._published = True
        if self._folder is None:
            return
        target = self._shelf.folder / str(version)
        if self._folder != target:
            move_folder(self._folder, target)
        self._shelf.point(version)

    def discard(self) -> None:
        """Leave nothing of a version that was not published."""
        if self._folder is None or self._published:
            return
        # Ctrl-C may have come between COMMIT and ``committed``.
        if published_version(self._connection, self._shelf.product) != int(self._folder.name):
            shutil.rmtree(self._folder, ignore_errors=True)

    def _next(self) -> int:
        """The version that COMMIT will make: the lake's lock keeps every other writer out."""
        lake = quoted(self._shelf.product.lake)
        return number(self._connection, f"SELECT max(snapshot_id) + 1 FROM {lake}.snapshots()")
