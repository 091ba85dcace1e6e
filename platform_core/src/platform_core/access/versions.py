"""Published versions of products as open files, for an engine without the lake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import RunError
from platform_core.lake.connect import read_catalog
from platform_core.lake.damage import report_damage
from platform_core.lake.errors import lake_faults
from platform_core.lake.local.spill import spill_room
from platform_core.lake.location import LakeLocation
from platform_core.lake.reading import version_at
from platform_core.lake.versions import Catalog, published_version
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.version import VersionFiles, product_files
from platform_core.sql.allowed import moment

K = TypeVar("K")


def published_files(
    products: Iterable[DataProduct], location: LakeLocation, files: SealedFiles, room: Path | None
) -> dict[str, VersionFiles]:
    """The published versions of products by id, as ``files_of_versions``."""
    return files_of_versions({product.id: (product, "") for product in products}, location, files, room)


def files_of_versions(
    asked: Mapping[K, tuple[DataProduct, str]], location: LakeLocation, files: SealedFiles, room: Path | None
) -> dict[K, VersionFiles]:
    """Open the files of versions: the published one, or the one at a moment (``allowed.moment``). ``room`` is
    the folder for copies. Raises RunError (R020, R023) and LakeError."""
    for product, _ in asked.values():
        if not location.exists(product.lake):
            raise never_published(product, location)
    found: dict[K, VersionFiles] = {}
    for lake in sorted({product.lake for product, _ in asked.values()}):
        of_lake = {key: each for key, each in asked.items() if each[0].lake == lake}
        for key, rows in read_catalog(location, lake, partial(_versions, location, of_lake, room)).items():
            with lake_faults(location, lake):
                found[key] = rows.opened(files, f"{of_lake[key][0].id}/{rows.version}")
    return found


def _versions(
    location: LakeLocation, asked: Mapping[K, tuple[DataProduct, str]], room: Path | None, catalog: Catalog
) -> dict[K, VersionFiles]:
    found = {}
    for key, (product, at) in asked.items():
        version = version_at(catalog, product, moment(at)) if at else published_version(catalog, product)
        if version is None:
            raise not_kept(product, at) if at else never_published(product, location)
        found[key] = product_files(location, catalog, product, room, version)
    return found


@contextmanager
def opened_files(
    products: Mapping[str, DataProduct], location: LakeLocation
) -> Iterator[tuple[SealedFiles, Path | None]]:
    """Files to open of some products, and a folder for copies. Errors in the block name a damaged file."""
    private = next((p.lake for p in products.values() if location.is_private(p.lake)), None)
    files = SealedFiles(location.open)
    with spill_room(location, private) as room, naming_damage(products, location, files):
        yield files, room


def naming_damage(
    products: Mapping[str, DataProduct], location: LakeLocation, files: SealedFiles
) -> AbstractContextManager[None]:
    """Errors in the block name a damaged one of the files, which may be opened in it."""
    return report_damage(
        location,
        (
            (product, path)
            for id, product in products.items()
            for name, path in files.paths.items()
            if name.startswith(f"{id}/")
        ),
    )


def not_kept(product: DataProduct, at: str) -> RunError:
    message = f"{product.id} cannot be read as of {'version ' if at.isdigit() else ''}{at}"
    expected = "a version or time at which the product was published, and which its lake still keeps"
    return RunError.of("R023", message, None, expected, f"`mesh history {product.id}` lists the versions.")


def never_published(product: DataProduct, location: LakeLocation) -> RunError:
    expected = "a published version of every product in the query"
    fix = f"`mesh run {product.id}`"
    if location.reader is not None:
        fix += "; if it was published, `mesh grant check` shows rights that are missing on the servers"
    return RunError.of("R020", f"{product.id} was never published", None, expected, fix)
