"""Read-only queries over granted data products by name; the engine can open no other data."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from platform_core.access.granted_tables import granted_tables
from platform_core.access.grants import require_grant, require_principal
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import AccessDenied, Diagnostic, RunError, UsageError
from platform_core.lake.connect import connect
from platform_core.lake.damage import damaged_file, report_damage
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation
from platform_core.lake.reading import version_at
from platform_core.lake.spill import spill_room
from platform_core.lake.versions import published_version
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import unknown_product
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.query_process import DAMAGED, QueryEnded, SealedQuery, sealed_query
from platform_core.sealed.shapes import Shape
from platform_core.sealed.version import VersionFiles, product_files
from platform_core.settings import MEMORY
from platform_core.sql.allowed import NotAllowed, TableName, moment, tables_read
from platform_core.sql.forms import of_information_schema
from platform_core.sql.quoting import fold
from platform_core.words import listed

K = TypeVar("K")


@dataclass(frozen=True)
class Answer:
    """The result of a query. ``rows`` fetches it from the engine in batches."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    products: tuple[str, ...]
    """Ids of the products that the engine's plan reads."""
    walled: bool
    """Whether the kernel also denies the query every other file."""
    _query: SealedQuery

    def rows(self, count: int) -> Any:
        """Up to ``count`` more rows: a list of tuples, for Arrow and Parquet a table of Arrow; none at the
        end. Raises UsageError U040, U044 or U045, as ``granted_query`` does."""
        with _query_faults():
            return self._query.rows(count)


@contextmanager
def granted_query(
    sql: str,
    principal: str,
    registry: Registry,
    location: LakeLocation,
    root: Path,
    *,
    seconds: float | None = None,
    as_of: str | None = None,
    shape: Shape = "values",
) -> Iterator[Answer]:
    """Run one query as ``principal`` (``domain:<name>``, or a group such as ``analysts``).

    The query names products as ``domain.product`` or ``"domain/product"``, and an older version with
    ``AT (VERSION => 12)`` or ``AT (TIMESTAMP => '2026-01-31')``. ``as_of`` is the version or time for names
    without AT. The query runs in its own process, which can open only the files of these versions and is
    killed at the end of the block, or after ``seconds``.
    ``shape`` is the form of the rows.

    Raises AccessDenied (A001, A002, A010, A012, A013), RunError (R020, R023), UsageError (U040 to U046) and
    LakeError.
    """
    require_principal(principal, registry.domains())
    MEMORY.memory()
    with sealed_query(sql, seconds) as query, _query_faults():
        with _refusals():
            named = query.tables()
        shown = [t for t in named if of_information_schema(t.schema, t.name) and not (t.catalog or t.at)]
        named = [table for table in named if table not in shown]
        products = _granted(named, principal, registry, root)
        wanted = {(_product_id(table, registry), table.at): table.at or as_of or "" for table in named}
        _require_one_lake(as_of, {products[name].lake for name, at in wanted if not at})
        with opened_files(products, location) as (files, room):
            asked = {key: (products[key[0]], at) for key, at in wanted.items()}
            versions = files_of_versions(asked, location, files, room) if asked else {}
            versions |= granted_tables(principal, registry) if shown else {}
            try:
                result = query.run(versions, files, room, shape)
            except QueryEnded as ended:
                if ended.kind == DAMAGED and ended.words in products:
                    words = "it does not hold the columns that were published"
                    raise damaged_file(products[ended.words], words) from None
                # A UsageError, since `opened_files` checks the files only after an error of ours.
                raise UsageError(query_fault(ended.kind, ended.words)) from None
            read = sorted(products if result.read is None else products.keys() & result.read)
            yield Answer(tuple(result.columns), tuple(result.types), tuple(read), result.walled, query)


def granted_products(sql: str, principal: str, registry: Registry, root: Path) -> dict[str, DataProduct]:
    """The products that a query names, all granted to ``principal``; raises what ``granted_query`` does."""
    require_principal(principal, registry.domains())
    with _refusals():
        named = tables_read(sql)
    return _granted(named, principal, registry, root)


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
    found: dict[K, VersionFiles] = {}
    for product, _ in asked.values():
        if not location.exists(product.lake):
            raise _never_published(product)
    with connect(location, read={product.lake for product, _ in asked.values()}) as connection:
        for key, (product, at) in asked.items():
            with lake_faults(location, product.lake):
                if at:
                    version = version_at(connection, product, moment(at))
                else:
                    version = published_version(connection, product)
                if version is None:
                    raise _not_kept(product, at) if at else _never_published(product)
                rows = product_files(connection, product, room, version)
                found[key] = rows.opened(files, f"{product.id}/{version}")
    return found


@contextmanager
def opened_files(
    products: Mapping[str, DataProduct], location: LakeLocation
) -> Iterator[tuple[SealedFiles, Path | None]]:
    """Files to open of some products, and a folder for copies. Errors in the block name a damaged file."""
    private = next((p.lake for p in products.values() if location.is_private(p.lake)), None)
    with (
        spill_room(location, private) as room,
        closing(SealedFiles()) as files,
        report_damage(
            (product, path)
            for id, product in products.items()
            for name, path in files.paths.items()  # at the end of the block, when all files are open
            if name.startswith(f"{id}/")
        ),
    ):
        yield files, room


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NotAllowed as refused:
        match refused.what:
            case "syntax":
                raise UsageError.of("U040", f"the query does not run: {refused.reason}") from None
            case "statement":
                expected = "one SELECT (or FROM, WITH, VALUES, PIVOT, DESCRIBE, SUMMARIZE, EXPLAIN, SHOW TABLES)"
                fix = "Remove everything except one SELECT. For PIVOT, list the values: ON column IN (...)."
                raise AccessDenied.of("A010", "only one query can run here", None, expected, fix) from None
        code = "A012" if refused.what == "function" else "A013"
        expected = "data products by name, as in FROM sales.transactions, and plain functions"
        fix = "`mesh products` lists the products to read."
        raise AccessDenied.of(code, refused.reason, None, expected, fix) from None


def _granted(
    named: Iterable[TableName], principal: str, registry: Registry, root: Path
) -> dict[str, DataProduct]:
    products: dict[str, DataProduct] = {}
    for table in named:
        product = registry.get(_product_id(table, registry))
        require_grant(product, principal, root)
        products[product.id] = product
    return products


def _product_id(table: TableName, registry: Registry) -> str:
    names = {fold(name): name for name in registry.names()}
    written = f"{table.schema}/{table.name}" if table.schema else table.name
    if not table.catalog and (known := names.get(fold(written))) is not None:
        return known
    raise UsageError(unknown_product(str(table), list(names.values())))


def _require_one_lake(as_of: str | None, lakes: Collection[str]) -> None:
    if as_of and isinstance(moment(as_of), int) and len(lakes) > 1:
        message = f"version {as_of} is ambiguous: the query reads the lakes {listed(sorted(lakes))}"
        expected = "a time, or products of one lake: each lake counts its own versions"
        fix = f"Write a time, or a version per product: `FROM domain.product AT (VERSION => {as_of})`"
        raise UsageError.of("U046", message, None, expected, fix)


def _not_kept(product: DataProduct, at: str) -> RunError:
    message = f"{product.id} cannot be read as of {'version ' if at.isdigit() else ''}{at}"
    expected = "a version or time at which the product was published, and which its lake still keeps"
    return RunError.of("R023", message, None, expected, f"`mesh history {product.id}` lists the versions.")


def _never_published(product: DataProduct) -> RunError:
    expected = "a published version of every product in the query"
    fix = f"`mesh run {product.id}`"
    return RunError.of("R020", f"{product.id} was never published", None, expected, fix)


@contextmanager
def _query_faults() -> Iterator[None]:
    try:
        yield
    except QueryEnded as ended:
        raise UsageError(query_fault(ended.kind, ended.words)) from None


def query_fault(kind: str, words: str) -> Diagnostic:
    """The engine's message with its caret, without names that are not the reader's own. ``kind`` is the class
    of DuckDB's error, ``timeout`` or ``death``."""
    match kind:
        case "timeout":
            fix = "Read less, or allow more time: --timeout SECONDS."
            return Diagnostic("U044", "the query took too long and was stopped", fix=fix)
        case "death" | "OutOfMemoryException" | "MemoryError":
            message = "the query took too much memory, or ended its engine"
            fix = f"Read less, or set {MEMORY.name} higher, such as {MEMORY.name}=4GB."
            return Diagnostic("U045", message, fix=fix)
        # These messages quote a value, which may be personal, into a terminal or a log.
        case "ConversionException":
            first, line, rest = words.partition("\n")
            words = re.sub(r"(['\"]).*\1", "'...'", first) + line + rest
        case "InvalidInputException" if "statement parameters" in words:
            words = "a value is missing for a parameter (? or $name) of the query"
        case "InvalidInputException":
            words = "Invalid Input Error: a function does not accept a value of the data"
    words = re.sub(r"mesh://([^/\s\"]+)/([^/\s\"]+)/\d+/\d+", r"\1.\2", words.split("\n\nAt:")[0])
    return Diagnostic("U040", f"the query does not run: {words}")
