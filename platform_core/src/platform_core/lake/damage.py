"""Damage, told as damage: catalogs and data files that are not what was published."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.errors import Diagnostic, LakeError, PlatformError, shown
from platform_core.lake.connect import connect
from platform_core.lake.faults import sentence
from platform_core.lake.kept import Shelf
from platform_core.lake.location import LakeLocation
from platform_core.lake.versions import Version, files_of, latest, stamps, table_behind
from platform_core.sql.quoting import literal

T = TypeVar("T")
Newest = tuple[DataProduct, Version | None, tuple[Diagnostic, ...]]
_OF_SQL: Final = re.compile(
    r"\b(Parser|Syntax|Binder|Catalog|Conversion|Constraint|implemented|Permission|Memory|Interrupt) Error",
    re.I,
)
"""Errors of the engine that no file is to blame for: whoever meets another looks at the files."""
_OF_THE_ENGINE: Final = frozenset({"L009", "L010", "R021", "U040"})


def whole_files(
    con: duckdb.DuckDBPyConnection, product: DataProduct, version: int | None = None
) -> tuple[Path, ...]:
    """The files that hold the rows of a published version, by default the newest.

    Raises LakeError L004 where one is gone or has another size.
    """
    for number, _, facts in stamps(con, product.lake, product.id, version=version, limit=1):
        files = files_of(con, product.lake, *table_behind(product, number, facts)) or ()
        for file in files:
            if how := file.damage():
                raise damaged_file(product, how)
        return tuple(file.path for file in files)
    return ()


def damage(
    con: duckdb.DuckDBPyConnection, location: LakeLocation, product: DataProduct, version: Version | None
) -> tuple[Diagnostic, ...]:
    """What a version lacks of what was published: files of its rows, and the file beside them."""
    try:
        if version is not None:
            whole_files(con, product, version.version)
            if product.file is not None:
                Shelf(location, product).read(version)
    except LakeError as error:
        return error.diagnostics
    return ()


@contextmanager
def damage_told(files: Iterable[tuple[DataProduct, Path]]) -> Iterator[None]:
    """Says that a file which is read inside cannot be read, where that is why the engine fails.

    Raises LakeError L004, and what is raised inside. ``files`` are asked for only after a failure.
    """
    try:
        yield
    except (duckdb.Error, PlatformError) as error:
        engine = isinstance(error, duckdb.Error) or _OF_THE_ENGINE & {each.code for each in error.diagnostics}
        if engine and not _OF_SQL.search(f"{error} {error.__cause__}"):
            for product, path in files:
                if reason := _unreadable(path):
                    raise damaged_file(product, f"{shown(path)} cannot be read: {reason}") from error
        raise


def damaged_file(product: DataProduct, how: str) -> LakeError:
    message = f'a file of {product.id} in the lake "{product.lake}" is damaged: {how}'
    again = "" if product.kind == "stream" else f", or make the product again: mesh run {product.id}"
    fix = f"restore the file from a backup{again}"
    return LakeError.of("L004", message, product.place, "the file as it was published", fix)


def from_each_lake(
    location: LakeLocation, lakes: Collection[str], ask: Callable[[duckdb.DuckDBPyConnection, str], T]
) -> tuple[dict[str, T], tuple[Diagnostic, ...]]:
    """What each lake answers, and why some do not: a damaged one keeps no other back."""
    if not lakes:
        return {}, ()
    try:
        with connect(location, read=lakes) as con:
            return {lake: ask(con, lake) for lake in sorted(lakes)}, ()
    except LakeError as error:
        if len(lakes) == 1:
            return {}, error.diagnostics
    found: dict[str, T] = {}
    faults: tuple[Diagnostic, ...] = ()
    for lake in sorted(lakes):
        answer, why = from_each_lake(location, [lake], ask)
        found, faults = found | answer, faults + why
    return found, faults


def newest_versions(
    location: LakeLocation, products: Sequence[DataProduct]
) -> tuple[dict[str, Version], dict[str, tuple[Diagnostic, ...]]]:
    """The published version of each product that has one, and what is damaged of which product, by id."""

    def ask(con: duckdb.DuckDBPyConnection, lake: str) -> list[Newest]:
        found = [(product, latest(con, product)) for product in products if product.lake == lake]
        return [(product, version, damage(con, location, product, version)) for product, version in found]

    lakes = {product.lake for product in products if location.exists(product.lake)}
    asked, faults = from_each_lake(location, lakes, ask)
    found = [each for answers in asked.values() for each in answers]
    damaged: dict[str, tuple[Diagnostic, ...]] = {product.id: why for product, _, why in found if why}
    damaged |= {product.id: faults for product in products if product.lake in lakes - set(asked)}
    return {product.id: version for product, version, _ in found if version is not None}, damaged


def each_fault(damaged: Mapping[str, tuple[Diagnostic, ...]]) -> tuple[Diagnostic, ...]:
    """What is damaged, once each: all products of a lake have its fault."""
    return tuple(dict.fromkeys(fault for faults in damaged.values() for fault in faults))


def _unreadable(path: Path) -> str:
    """Why a file of rows cannot be read; empty where it can."""
    try:
        with closing(duckdb.connect()) as engine:
            engine.execute(f"SELECT bit_xor(hash(COLUMNS(*))) FROM read_parquet({literal(str(path))})")
    except duckdb.Error as error:
        return sentence(error)
    return ""
