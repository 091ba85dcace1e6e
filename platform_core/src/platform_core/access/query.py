"""Read-only queries over granted data products by name; the engine can open no other data.

``granted_query`` runs SQL in its own process. ``granted_rows`` runs it in the caller's, whose Python is
stopped by nothing: it can open every file that its user may read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import RLock
from typing import Any
from weakref import finalize

import duckdb

from platform_core.access.granted_tables import granted_tables
from platform_core.access.grants import require_grant, require_principal
from platform_core.access.versions import files_of_versions, naming_damage, opened_files
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import AccessDenied, Diagnostic, UsageError
from platform_core.lake.damage import damaged_file
from platform_core.lake.location import LakeLocation
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import unknown_product
from platform_core.sealed.engine import new_engine, products_read, show_version, shut
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.query_process import DAMAGED, QueryEnded, SealedQuery, sealed_query
from platform_core.sealed.shapes import Shape
from platform_core.sealed.version import VersionFiles
from platform_core.settings import MEMORY
from platform_core.sql.allowed import NotAllowed, TableName, moment, statements_read_at, tables_read
from platform_core.sql.forms import of_information_schema
from platform_core.sql.quoting import fold
from platform_core.words import listed

Opened = Mapping[tuple[str, str], VersionFiles]
"""Versions with open files, by product id and the text after AT in the names of their views."""


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
        with query_faults():
            return self._query.rows(count)


@dataclass(frozen=True)
class GrantedRows:
    """Rows that are read when they are asked for. Their files stay open, so every read gets the same
    versions."""

    products: tuple[str, ...]
    """Ids of the products that the engine's plan reads."""
    sql: str
    opened: Opened
    _connection: duckdb.DuckDBPyConnection
    _shown: Mapping[str, DataProduct]
    _files: SealedFiles
    _location: LakeLocation
    # Two threads on one connection wait for each other.
    _lock: RLock = field(default_factory=RLock)

    def relation(self) -> duckdb.DuckDBPyRelation:
        """The rows in the engine, which lives as long as a relation of it."""
        with self.faults():
            return self._connection.sql(self.sql)

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Raise errors of the engine in the block as UsageError U040 or U045, or LakeError L004."""
        with self._lock, naming_damage(self._shown, self._location, self._files), query_faults():
            yield


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
    with sealed_query(sql, seconds) as query, query_faults():
        with _refusals():
            named = query.tables()
        asked, described = _asked(named, principal, registry, root, as_of)
        products: dict[str, DataProduct] = {product.id: product for product, _ in asked.values()}
        with opened_files(products, location) as (files, room):
            versions = {**files_of_versions(asked, location, files, room), **described}
            try:
                result = query.run(versions, files, room, shape)
            except QueryEnded as ended:
                if ended.kind == DAMAGED and ended.words in products:
                    raise damaged_file(products[ended.words]) from None
                # A UsageError, since `opened_files` checks the files only after an error of ours.
                raise UsageError(query_fault(ended.kind, ended.words)) from None
            read = sorted(products if result.read is None else products.keys() & result.read)
            yield Answer(tuple(result.columns), tuple(result.types), tuple(read), result.walled, query)


def granted_rows(
    sql: str, principal: str, registry: Registry, location: LakeLocation, root: Path, as_of: str | None = None
) -> GrantedRows:
    """The rows of a query, judged as ``granted_query`` does. Raises what it raises, without U044."""
    require_principal(principal, registry.domains())
    with _refusals():
        named, (*before, sql) = statements_read_at(sql)
    asked, described = _asked(named, principal, registry, root, as_of)
    products = [product for product, _ in asked.values()]

    def opened(files: SealedFiles, room: Path | None) -> Opened:
        return {**files_of_versions(asked, location, files, room), **described}

    return rows_of(products, location, opened, lambda _: sql, before)


def rows_of(
    products: Iterable[DataProduct],
    location: LakeLocation,
    opened: Callable[[SealedFiles, Path | None], Opened],
    sql: Callable[[Opened], str],
    before: Iterable[str] = (),
) -> GrantedRows:
    """The rows of SQL over versions of products, which the caller has judged, after the statements
    ``before``. ``opened`` opens the versions, and may write copies into the folder."""
    MEMORY.memory()
    shown: dict[str, DataProduct] = {product.id: product for product in products}
    with opened_files(shown, location) as (files, room), query_faults():
        versions = opened(files, room)
        connection = new_engine()
        files.show(connection)
        for (product, at), version in versions.items():
            try:
                show_version(connection, product, version, at)
            except duckdb.Error:
                raise damaged_file(shown[product]) from None
        spill = room and Path(mkdtemp(dir=room.parent))
        finalize(files, rmtree, spill or "", ignore_errors=True)
        shut(connection, spill)
        for statement in before:
            connection.execute(statement)
        text = sql(versions)
        read = products_read(connection, text)
        names = tuple(sorted(shown) if read is None else read)
        rows = GrantedRows(names, text, versions, connection, shown, files, location)
        rows.relation()
        return rows


def _asked(
    named: Iterable[TableName], principal: str, registry: Registry, root: Path, as_of: str | None
) -> tuple[dict[tuple[str, str], tuple[DataProduct, str]], Opened]:
    """The products of the tables that a query names, all granted to ``principal``, with the version or time
    to read, empty for the published one; by product id and the text after AT. And the tables of
    ``information_schema``, if it names one."""
    every = tuple(named)
    schema = {t for t in every if of_information_schema(t.schema, t.name) and not (t.catalog or t.at)}
    named = [table for table in every if table not in schema]
    products = _granted(named, principal, registry, root)
    wanted = {(_product_id(table, registry), table.at): table.at or as_of or "" for table in named}
    _require_one_lake(as_of, {products[name].lake for name, at in wanted if not at})
    described = granted_tables(principal, registry) if schema else {}
    return {key: (products[key[0]], at) for key, at in wanted.items()}, described


def granted_products(sql: str, principal: str, registry: Registry, root: Path) -> dict[str, DataProduct]:
    """The products that a query names, all granted to ``principal``; raises what ``granted_query`` does."""
    require_principal(principal, registry.domains())
    with _refusals():
        named = tables_read(sql)
    return _granted(named, principal, registry, root)


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise UsageError U040 or AccessDenied A010, A012 or A013 for SQL that is not allowed."""
    try:
        yield
    except NotAllowed as refused:
        match refused.what:
            case "syntax":
                raise UsageError.of("U040", f"the query does not run: {refused.reason}") from None
            case "statement":
                expected = (
                    "one SELECT (or FROM, WITH, VALUES, PIVOT, DESCRIBE, SUMMARIZE, EXPLAIN, SHOW TABLES)"
                )
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


@contextmanager
def query_faults() -> Iterator[None]:
    """Raise errors of the engine as UsageError U040 or U045."""
    try:
        yield
    except QueryEnded as ended:
        raise UsageError(query_fault(ended.kind, ended.words)) from None
    except duckdb.Error as error:
        raise UsageError(query_fault(type(error).__name__, str(error).strip())) from None


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
            words = re.sub(r"(['\"]).*\1|-?\d[\d.]{9,}", "'...'", first) + line + rest
        case "InvalidInputException" if "statement parameters" in words:
            words = "a value is missing for a parameter (? or $name) of the query"
        case "InvalidInputException":
            words = "Invalid Input Error: a function does not accept a value of the data"
    words = re.sub(r"mesh://([^/\s\"]+)/([^/\s\"]+)/\d+/\d+", r"\1.\2", words.split("\n\nAt:")[0])
    return Diagnostic("U040", f"the query does not run: {words}")
