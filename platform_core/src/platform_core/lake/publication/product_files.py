"""The files of a product: one folder per version, and one stable name.

<lake>/files/<product>/<file>               a link to the published version's file
<lake>/files/<product>/<version>/<file>     a version's file; it never changes
<lake>/files/<product>/<version>/card.json  facts about the file
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
STATISTICS = "statistics.json"
_UNFINISHED = "."
"""The first letter of unfinished drafts and links."""


def folder_of(product: DataProduct) -> str:
    """The folder of a product's files, relative to the folder of all lakes."""
    return f"{product.lake}/files/{product.name}"


@dataclass(frozen=True, slots=True)
class ProductFile:
    """A version's file. ``stable`` is the name that leads to the published version's file."""

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
    location: LakeLocation
    product: DataProduct

    @property
    def folder(self) -> Path:
        return self.location.root / folder_of(self.product)

    def bytes_kept(self) -> int:
        """The bytes of the files of all versions."""
        return self.location.bytes_kept(self.folder)

    @property
    def stable(self) -> Path:
        return self.folder / self._name

    def path(self, version: int) -> Path:
        return self.folder / str(version) / self._name

    def fetch(self, version: int) -> None:
        """Bring the files of a version to this machine. Raises LakeError."""
        for name in filter(None, (self.product.file, CARD, STATISTICS, self.product.path.name)):
            self.location.fetch(self.folder / str(version) / name)

    def contract(self, version: int) -> Path:
        """Where the text of the contract that a version was published with is kept."""
        return self.folder / str(version) / self.product.path.name

    def statistics(self, version: int) -> Path:
        """Where the statistics of a version's columns are kept, for every kind of product."""
        return self.folder / str(version) / STATISTICS

    def card(self, version: int) -> Path:
        return self.folder / str(version) / CARD

    @property
    def _name(self) -> str:
        assert self.product.file is not None
        return self.product.file

    def read(self, version: Version) -> ProductFile:
        """The file of a version, with the published bytes. Raises LakeError: L030 if it is missing, L031
        if it was changed, L032 if the version has no file."""
        if version.file is None:
            message = f"version {version.version} of {self.product.id} was published without a file"
            expected = f"a version that was published as a {self.product.kind}"
            fix = f"Run `mesh run {self.product.id}`."
            raise LakeError.of("L032", message, self.product.place, expected, fix)
        path = self.path(version.version)
        self.fetch(version.version)
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            message = f"the file of {self.product.id}, version {version.version}, is gone: {error.strerror}"
            fix = f"Run `mesh run {self.product.id}`, which writes it again. Its table is not affected."
            raise LakeError.of("L030", message, self.product.place, shown(path), fix) from error
        how = "" if sha256 == version.file.sha256 else "has other content than the published one"
        if size != version.file.bytes:
            how = f"has {size:,} bytes instead of {version.file.bytes:,}"
        if how:
            message = f"the file of version {version.version} of {self.product.id} was changed: it {how}"
            expected = f"{shown(path)} with the sha256 that the lake stores"
            fix = f"Run `mesh run {self.product.id}`, which writes it again."
            raise LakeError.of("L031", message, self.product.place, expected, fix)
        return ProductFile(path, self.stable, size, sha256)

    def repair(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Remove the drafts and restore the stable name that a killed process left. Takes the lake's lock
        only if needed."""
        if self._left_over(connection) or self._stale_link(connection):
            with lake_lock(self.location, self.product.lake, holder=f"{self.product.id}, its files"):
                with lake_faults(self.location, self.product.lake):
                    for left in self._left_over(connection):
                        self.location.discard(left)
                        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
                if (version := self._stale_link(connection)) is not None:
                    self.point(version)

    def _left_over(self, connection: duckdb.DuckDBPyConnection) -> list[Path]:
        """Drafts, and versions newer than the published one."""
        names = self.location.kept(self.folder)
        last = (names and published_version(connection, self.product)) or 0
        left = (n for n in names if n.startswith(_UNFINISHED) or (n.isdigit() and int(n) > last))
        return [self.folder / name for name in left]

    def _stale_link(self, connection: duckdb.DuckDBPyConnection) -> int | None:
        """The published version, if it has a file to which the stable name does not lead."""
        version = published_version(connection, self.product)
        if version is None or not self.path(version).is_file():
            return None
        return None if ProductFile(self.path(version), self.stable, 0, "").in_place else version

    def point(self, version: int) -> None:
        """Let the stable name lead to a version, in one step. Raises LakeError L033."""
        try:
            # A hard link is a file for every tool, also in a copy of the folder.
            link_over(self.path(version), self.stable)
        except OSError as error:
            message = f"version {version} of {self.product.id} is published, but {shown(self.stable)} "
            message += f"cannot be linked to its file: {error.strerror or error}"
            expected = f"a link to {shown(self.path(version))}"
            fix = f"Repair the folder. The next run of {self.product.id} creates the link."
            raise LakeError.of("L033", message, self.product.place, expected, fix) from error


class FileDraft:
    """The file of one version: written before COMMIT, under its stable name after it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, files: ProductFiles) -> None:
        self._connection = connection
        self._files = files
        self._folder: Path | None = None
        self._published = False
        files.repair(connection)

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A path to write the file to. It is removed unless ``keep`` was called."""
        folder = self._files.folder / f"{_UNFINISHED}draft-{uuid.uuid4().hex}"
        folder.mkdir(parents=True)
        try:
            yield folder / self._files.stable.name
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, written: Path, card: Mapping[str, Any], stamp: Stamp) -> ProductFile:
        """Make a draft the file of the version that the open transaction publishes; adds its facts to
        ``stamp``."""
        with written.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = written.stat().st_size
        # The lake's lock keeps every other writer out, so COMMIT makes the next version.
        lake = quoted(self._files.product.lake)
        version = number(self._connection, f"SELECT max(snapshot_id) + 1 FROM {lake}.snapshots()")
        stamp.facts["file"] = {"name": written.name, "bytes": size, "sha256": sha256}
        facts = {"product": self._files.product.id, "version": version, "run_id": stamp.run_id}
        text = json.dumps({**facts, **stamp.facts["file"], **card}, indent=2, ensure_ascii=False)
        note = written.with_name(CARD)
        note.write_text(f"{text}\n", encoding="utf-8")
        for path in (written, note):
            # A write through the stable name would change the version.
            path.chmod(0o400 if self._files.product.restricted else 0o444)
            sync(path)
        target = self._files.folder / str(version)
        if target.exists():
            shutil.rmtree(target)  # of a run that was killed before its COMMIT
        move_folder(written.parent, target)
        self._folder = target
        self._files.location.keep(target)
        return ProductFile(target / written.name, self._files.stable, size, sha256)

    def committed(self, version: int) -> None:
        """Move the file to the version that was committed, and link it. Called under the lake's lock."""
        self._published = True
        if self._folder is None:
            return
        target = self._files.folder / str(version)
        if self._folder != target:
            move_folder(self._folder, target)
            self._files.location.keep(target)
            self._files.location.discard(self._folder)
        self._files.point(version)

    def discard(self) -> None:
        """Remove the file of a version that was not published."""
        if self._folder is None or self._published:
            return
        # Ctrl-C may have come between COMMIT and ``committed``.
        if published_version(self._connection, self._files.product) != int(self._folder.name):
            self._files.location.discard(self._folder)
            shutil.rmtree(self._folder, ignore_errors=True)
