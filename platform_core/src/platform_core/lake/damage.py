"""Damaged catalogs and data files: finding them and reporting them (L004)."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final, TypeVar

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import Diagnostic, LakeError, PlatformError, shown
from platform_core.lake.connect import read_catalog
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.lake.versions import Catalog, DataFile, Version, files_of, latest_of, stamps, table_behind

T = TypeVar("T")
_OF_SQL: Final = re.compile(
    r"\b(Parser|Syntax|Binder|Catalog|Conversion|Constraint|implemented|Permission|Memory|Interrupt) Error",
    re.I,
)
"""Errors that a damaged file does not cause. After every other error the files are checked."""
_OF_THE_ENGINE: Final = frozenset({"L009", "L010", "R021", "U040"})


def whole_files(
    location: LakeLocation, connection: Catalog, product: DataProduct, version: int | None = None
) -> tuple[str, ...]:
    """The files that hold the rows of a published version, by default the newest. Raises LakeError L004
    if a file is missing or has another size."""
    for number, _, facts in stamps(connection, product.lake, product.id, version=version, limit=1):
        [files] = files_of(connection, product.lake, [table_behind(product.name, number, facts)])
        return _whole(location, product, files or ())
    return ()


def _whole(location: LakeLocation, product: DataProduct, files: Sequence[DataFile]) -> tuple[str, ...]:
    wanted = dict(pair for file in files for pair in file.paths)
    for path, size in location.sizes(wanted).items():
        if size != wanted[path]:
            has = "is gone" if size is None else f"has {size:,} bytes instead of {wanted[path]:,}"
            raise damaged_file(product, f"{_shown(path)} {has}")
    return tuple(file.path for file in files)


@contextmanager
def report_damage(location: LakeLocation, files: Iterable[tuple[DataProduct, str]]) -> Iterator[None]:
    """Replace an error of the engine inside by LakeError L004 if one of ``files`` cannot be read.
    ``files`` is iterated only after an error."""
    try:
        yield
    except (duckdb.Error, PlatformError) as error:
        codes = set() if isinstance(error, duckdb.Error) else {each.code for each in error.diagnostics}
        engine = isinstance(error, duckdb.Error) or _OF_THE_ENGINE & codes
        # The errors of dbt also name errors of its own code.
        if engine and ("R021" in codes or not _OF_SQL.search(f"{error} {error.__cause__}")):
            for product, path in files:
                if reason := location.unreadable(path):
                    raise damaged_file(product, f"{_shown(path)} cannot be read: {reason}") from error
        raise


def _shown(path: str) -> str:
    return path if "://" in path else shown(Path(path))


def damaged_file(
    product: DataProduct, how: str = "it does not hold the columns that were published"
) -> LakeError:
    """L004: a data file is missing, changed or unreadable."""
    message = f'a file of {product.id} in the lake "{product.lake}" is damaged: {how}'
    again = "" if product.kind == "stream" else f", or run `mesh run {product.id}` to make it again"
    fix = f"Restore the file from a backup{again}."
    return LakeError.of("L004", message, product.place, "the file as it was published", fix, plain=True)


def from_each_lake(
    location: LakeLocation, lakes: Collection[str], ask: Callable[[Catalog, str], T]
) -> tuple[dict[str, T], tuple[Diagnostic, ...]]:
    """The answers by lake, and the faults of the lakes that cannot be read."""
    found: dict[str, T] = {}
    faults: tuple[Diagnostic, ...] = ()

    def answer(lake: str) -> T:
        return read_catalog(location, lake, lambda catalog: ask(catalog, lake))

    for lake in sorted(filter(location.exists, lakes)):
        try:
            found[lake] = answer(lake)
        except LakeError as error:
            faults += error.diagnostics
    return found, faults


def newest_versions(
    location: LakeLocation, products: Sequence[DataProduct]
) -> tuple[dict[str, Version], dict[str, tuple[Diagnostic, ...]]]:
    """The published version of each product that has one, and the faults of damaged products, both by id.

    A product is damaged if its lake is unreadable, a data file has another size, or its own file other
    content.
    """
    lakes = {product.lake for product in products if location.exists(product.lake)}
    damaged: dict[str, tuple[Diagnostic, ...]] = {}

    def ask(connection: Catalog, lake: str) -> dict[str, Version]:
        found: dict[str, Version] = {}
        for product, version, files in latest_of(connection, lake, products):
            found[product.id] = version
            try:
                _whole(location, product, files)
                if product.file is not None:
                    ProductFiles(location, product).read(version)
            except LakeError as error:
                damaged[product.id] = error.diagnostics
        return found

    found, faults = from_each_lake(location, lakes, ask)
    for product in products:
        if product.lake in lakes - set(found):
            damaged[product.id] = faults
    return dict(ChainMap(*found.values())), damaged


def each_once(damaged: Mapping[str, tuple[Diagnostic, ...]]) -> tuple[Diagnostic, ...]:
    """The faults without duplicates: all products of a damaged lake share its fault."""
    return tuple(dict.fromkeys(chain(*damaged.values())))
