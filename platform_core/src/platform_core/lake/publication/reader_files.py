"""Hard links to the files of published versions, for a reader outside of the platform.

<home>/bi/<reader>/<lake>/<product>/v<version>/   the links, and ``version.json``, the record of the version
<home>/bi/<reader>/attached.json                  the BI files that read them, and whether runs refresh each

A version's folder appears whole. It outlives the lake's own files: retention and erasure find it by ``held``.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.files import draft_beside, file_lock, link_new, move_folder, write_whole
from platform_core.lake.location import RESTRICTED
from platform_core.lake.versions import Version

GRACE: Final = 24 * 3600
"""Seconds for which a replaced version stays, for clients that still have the earlier BI file open."""
RECORD: Final = "version.json"
Record = Mapping[str, Any]
"""``product``, ``version``, ``reader``, ``folder``, names of links in ``files``, and further facts."""


@dataclass(frozen=True, slots=True)
class ReaderFiles:
    """The links of one reader, in a folder of their own."""

    folder: Path
    reader: str

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time change the links, and remove what a killed one left. Raises OSError."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with file_lock(self.folder / "links.lock"):
            for draft in self.folder.glob("*/*/.*"):
                shutil.rmtree(draft)
            yield

    def attached(self) -> dict[str, bool]:
        record = self.folder / "attached.json"
        return dict(json.loads(record.read_bytes())) if record.exists() else {}

    def attach(self, file: Path, refreshed: bool) -> None:
        write_whole(self.folder / "attached.json", json.dumps({**self.attached(), str(file): refreshed}))

    def hold(
        self, product: DataProduct, version: Version, make: Callable[[], tuple[Collection[str], Record]]
    ) -> Record:
        """The record of a version with links. Without any, ``make`` returns the files to link, or to copy
        from another filesystem, and further facts. Raises OSError."""
        lake = self.folder / product.lake
        lake.mkdir(mode=0o700 if product.lake.endswith(RESTRICTED) else 0o750, exist_ok=True)
        target = lake / product.name / f"v{version.version}"
        at = f"{version.published_at:%Y-%m-%d %H:%M:%S.%f}"
        if not target.exists() or _record(target)["at"] != at:  # of a lake that was made again
            shutil.rmtree(target, ignore_errors=True)
            files, facts = make()
            own = {"product": product.id, "version": version.version, "reader": self.reader, "at": at}
            links = {f"{number}.parquet": Path(file) for number, file in enumerate(files)}
            draft = draft_beside(target)
            try:
                content = {**own, "rows": version.rows, "files": list(links), **facts}
                write_whole(draft / RECORD, json.dumps(content, indent=2))
                for name, file in links.items():
                    try:
                        link_new(file, draft / name)
                    except OSError:  # on another filesystem, or of another user
                        shutil.copy(file, draft / name)
                move_folder(draft, target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return _record(target)

    def release(self, current: Collection[Record], unknown: Collection[str]) -> None:
        """Remove the links of products that are neither among ``current`` nor ``unknown`` at once, and those
        of other versions GRACE seconds after a newer one was linked. ``unknown`` products may be granted."""
        shown = {record["folder"] for record in current}
        products = {folder.parent for folder in shown}
        for domain, name in (ProductId(each).path for each in unknown):
            products |= {self.folder / lake / name for lake in (domain, domain + RESTRICTED)}
        for product in self.folder.glob("*/*/"):
            linked = sorted((folder.stat().st_mtime, folder) for folder in product.glob("v*"))
            replaced = [*(when for when, _ in linked[1:]), time.time()]
            for (_, folder), since in zip(linked, replaced, strict=False):
                if folder not in shown and (product not in products or since < time.time() - GRACE):
                    shutil.rmtree(folder)
            if not any(product.iterdir()):
                product.rmdir()


def links_of(home: Path, reader: str) -> ReaderFiles:
    # A reader may have any letters; a leading dot marks drafts.
    return ReaderFiles(home / "bi" / quote(reader, safe="").replace(".", "%2E"), reader)


def readers(home: Path) -> Iterator[ReaderFiles]:
    """The readers that have a BI file."""
    for record in sorted((home / "bi").glob("*/attached.json")):
        yield ReaderFiles(record.parent, unquote(record.parent.name))


def held(home: Path) -> Iterator[Record]:
    """The records of all versions with links, of all readers."""
    return map(_record, sorted((home / "bi").glob("*/*/*/v*")))


def linked(home: Path, lake: str, product: str) -> list[Path]:
    """The folders of all readers with links to a product's files in a lake."""
    return sorted((home / "bi").glob(f"*/{lake}/{product}"))


def remove_links(home: Path, lake: str, product: str) -> None:
    for folder in linked(home, lake, product):
        shutil.rmtree(folder)


def _record(folder: Path) -> Record:
    return {**json.loads((folder / RECORD).read_bytes()), "folder": folder}
