"""Queries over granted data products by their names: read-only, and nothing else within reach."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from platform_core.access.grants import require_grant, require_principal
from platform_core.contracts.model import DataProduct
from platform_core.contracts.named import unknown_product
from platform_core.contracts.registry import Registry
from platform_core.errors import AccessDenied, Diagnostic, RunError, UsageError
from platform_core.lake.connect import configure
from platform_core.lake.extensions import opened
from platform_core.lake.faults import lake_faults
from platform_core.lake.location import LakeLocation, attach, seal
from platform_core.sql.allowed import NotAllowed, TableName, tables_read
from platform_core.sql.quoting import fold, quoted

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """The result of a query, read in batches: rows leave DuckDB as they are asked for."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    _connection: duckdb.DuckDBPyConnection
    _hidden: Mapping[str, str]
    products: tuple[str, ...] = ()
    """Ids of the products that were read."""

    def rows(self, count: int) -> list[tuple[Any, ...]]:
        """Up to ``count`` further rows; UsageError U040 where a value cannot be computed."""
        with query_faults(self._hidden):
            return _interruptible(self._connection, lambda: self._connection.fetchmany(count))


@contextmanager
def granted_query(
    sql: str, principal: str, registry: Registry, location: LakeLocation, root: Path
) -> Iterator[Answer]:
    """Run one query as ``principal`` (``domain:<name>``, or a group such as ``analysts``).

    The query names products as ``domain.product`` or ``"domain/product"``. Only the lakes of those
    that it names are attached, READ_ONLY.

    Raises:
        AccessDenied: A001 not granted, A002 restricted, A010 anything but one query, A012 a function that
            reaches beyond the data, A013 a construct that is not known to be harmless.
        RunError: R020 a product that was never published.
        UsageError: U040 SQL that does not run, U041 an unknown reader, U042 an unknown domain, U043 an
            unknown product.
        LakeError: a lake that cannot be read.
    """
    products = granted_products(sql, principal, registry, root)
    with closing(opened()) as connection:
        with query_faults({}):
            configure(connection, location)
        hidden = show_products(connection, location, products)
        seal(connection, location, (product.lake for product in products.values()))
        with query_faults(hidden):
            _interruptible(connection, lambda: connection.execute(sql))
            described = connection.description or ()
        yield Answer(
            tuple(name for name, *_ in described),
            tuple(str(kind) for _, kind, *_ in described),
            connection,
            hidden,
            tuple(sorted(products)),
        )


def _interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Let DuckDB compute in a thread: it does not look at signals while it makes rows to be fetched."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            return done.result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise


def granted_products(sql: str, principal: str, registry: Registry, root: Path) -> dict[str, DataProduct]:
    """The products that a query names, all granted to ``principal``; raises what ``granted_query`` does."""
    require_principal(principal, registry.domains())
    products: dict[str, DataProduct] = {}
    for table in _tables(sql):
        product = registry.get(_product_id(table, registry))
        require_grant(product, principal, root)
        products[product.id] = product
    return products


def _tables(sql: str) -> tuple[TableName, ...]:
    try:
        return tables_read(sql)
    except NotAllowed as refused:
        if refused.what == "syntax":
            raise UsageError(Diagnostic("U040", f"the query does not run: {refused.reason}")) from None
        raise AccessDenied(_refusal(refused)) from None


def _refusal(refused: NotAllowed) -> Diagnostic:
    if refused.what == "statement":
        return Diagnostic(
            "A010",
            "only a single query is run here",
            expected="one SELECT (or FROM, WITH, VALUES, DESCRIBE, SUMMARIZE) over data products",
            fix="Remove everything except one SELECT. For PIVOT, write SELECT ... FROM ... PIVOT (...).",
        )
    return Diagnostic(
        {"function": "A012", "construct": "A013"}[refused.what],
        refused.reason,
        expected="data products by name, as in FROM sales.transactions, and plain functions",
        fix="`mesh products` lists the products that can be read",
    )


def _product_id(table: TableName, registry: Registry) -> str:
    names = {fold(name): name for name in registry.names()}
    written = f"{table.schema}/{table.name}" if table.schema else table.name
    if not table.catalog and (known := names.get(fold(written))) is not None:
        return known
    raise UsageError(unknown_product(str(table), list(names.values())))


def show_products(
    connection: duckdb.DuckDBPyConnection,
    location: LakeLocation,
    products: Mapping[str, DataProduct],
    aliases: dict[str, str] | None = None,
) -> dict[str, str]:
    """Attach the lakes and make a view per product; returns what messages must not show of it.

    ``aliases`` of the lakes that the connection has attached already; those attached here are added.
    """
    hidden: dict[str, str] = {}
    aliases = {} if aliases is None else aliases
    for product in products.values():
        if not location.exists(product.lake):
            raise _never_published(product)
        if product.lake not in aliases:
            # The lake's own name would hide the schema of the same name; nobody needs to know this one.
            alias = aliases[product.lake] = f"lake_{secrets.token_hex(8)}"
            hidden[alias] = product.domain
            with lake_faults(location, product.lake):
                attach(connection, location, product.lake, read_only=True, alias=alias)
        table = f'{aliases[product.lake]}."products".{quoted(product.name)}'
        with lake_faults(location, product.lake):
            try:
                for schema, name in ((product.domain, product.name), ("main", product.id)):
                    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
                    connection.execute(
                        f"CREATE VIEW {quoted(schema)}.{quoted(name)} AS SELECT * FROM {table}"
                    )
            except duckdb.CatalogException:
                raise _never_published(product) from None
    return hidden | location.hidden()


def _never_published(product: DataProduct) -> RunError:
    return RunError(
        Diagnostic(
            "R020",
            f"{product.id} was never published",
            expected="a published version of every product in the query",
            fix=f"mesh run {product.id}",
        )
    )


@contextmanager
def query_faults(hidden: Mapping[str, str]) -> Iterator[None]:
    """DuckDB's complaints about the query, with its caret and without the platform's own names."""
    try:
        yield
    except duckdb.Error as error:
        words = str(error).strip()
        # These quote the value that does not fit, which may be anybody's, into a terminal or a log.
        if isinstance(error, duckdb.ConversionException):
            first, line, rest = words.partition("\n")
            words = re.sub(r"(['\"]).*\1", "'...'", first) + line + rest
        elif "statement parameters" in words:
            words = "a value is missing for a parameter (? or $name) of the query"
        elif isinstance(error, duckdb.InvalidInputException):
            words = "Invalid Input Error: a function refuses a value of the data"
        for name, shown in hidden.items():
            words = re.sub(rf'"?{re.escape(name)}"?(\."?products"?)?', shown, words)
        raise UsageError(Diagnostic("U040", f"the query does not run: {words}")) from None
