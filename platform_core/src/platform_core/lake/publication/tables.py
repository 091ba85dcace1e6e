"""Write, audit and publish in one transaction: readers see the old version or one that passed the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import Window
from platform_core.diagnostics import DefinitionError
from platform_core.lake.errors import beyond_inputs, sentence
from platform_core.lake.location import LakeLocation, table_of
from platform_core.lake.partition_filter import window_predicate
from platform_core.lake.publication.column_fit import MANY, fitted, nan_apart
from platform_core.lake.publication.content_hash import added, content_of, published_content
from platform_core.lake.transaction import Stamp, number, transaction
from platform_core.lake.versions import bytes_of, relation_kind
from platform_core.sql.allowed import NotAllowed
from platform_core.sql.plan import require_reads
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe
from platform_core.words import listed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Publication(Generic[T]):
    """A published version. ``audited`` is what the audit returned, ``bytes`` is the size of its files."""

    version: int
    rows: int
    rows_written: int
    bytes: int
    audited: T


def publish_table(
    connection: duckdb.DuckDBPyConnection,
    location: LakeLocation,
    product: DataProduct,
    select: str,
    *,
    window: Window | None = None,
    replace: bool = False,
    pin: Mapping[str, Any] | None = None,
    stamp: Stamp,
    audit: Callable[[str], T],
    reads: Iterable[str] | None = None,
    committed: Callable[[int], None] | None = None,
) -> Publication[T]:
    """Publish the rows of a query as the product's table.

    Without a window the table is replaced; with one only its rows are, unless ``replace`` is set because the
    window covers all partitions. With ``pin``, facts for the stamp, the query itself is published as a view,
    which writes no file. ``reads`` are the relations that the query may read. ``audit`` takes the
    uncommitted relation and raises to refuse the version; after any exception and Ctrl-C the published
    version and the lock are as before. ``committed`` is called with the version before the lock is released.

    Raises what ``audit`` raises; LakeLocked; DefinitionError D027 (it reads more), L006 (columns differ, all
    partitions must be rebuilt), L007 (rows outside of the window), L008, L010 (the query fails), L012;
    LakeError.
    """
    relation = table_of(product)
    with transaction(connection, location, product.lake, holder=stamp.holder) as commit:
        commit.committed = committed
        kind = relation_kind(connection, product.lake, product.name)
        into = kind == "BASE TABLE" and window is not None and not replace
        with query_faults(location, product):
            if reads is not None:
                require_reads(connection, select, map(quoted, reads))
            old = describe(connection, f"FROM {relation}") if into else {}
            fit = fitted(connection, product, select, old)
        select, new = fit.query, fit.types
        inside = window_predicate(product, new, window) if window else None
        rest = None
        of_window = f"(FROM {relation} WHERE {inside})"
        if kind is not None and (kind == "VIEW" or pin):
            connection.execute(f"DROP {kind.removeprefix('BASE ')} {relation}")
        if into:
            _same_columns(product, old, new)
            if (rest := published_content(connection, product)) is not None:
                rest = added(rest, content_of(connection, product, of_window), -1)
            connection.execute(f"DELETE FROM {relation} WHERE {inside}")
            write = f"INSERT INTO {relation} BY NAME {select}"
        else:
            write = f"CREATE OR REPLACE TABLE {relation} AS {select}"
        if pin:
            connection.execute(f"CREATE VIEW {relation} AS {select}")
            write = f"SELECT 0, bit_xor(hash(COLUMNS(*))) FROM {relation}"  # so that it computes every value
        with query_faults(location, product), fit.refusals():
            written = number(connection, write)
            if written > MANY:
                nan_apart(connection, relation, inside if into else None)
        if window and inside:
            _all_inside(connection, product, window, inside, written)
        rows = number(connection, f"SELECT count(*) FROM {relation}")
        audited = audit(relation)
        content = added(rest, content_of(connection, product, of_window)) if rest else None
        if content is None or content["rows"] != rows:
            content = content_of(connection, product, relation)
        facts = {"rows": rows, "rows_written": written, "partition": window.key if window else None}
        facts |= {"kind": "view", **pin} if pin else {"kind": "table"}
        commit.sign(stamp, {**facts, "content": content, **stamp.audit_facts(audited)})
    [size] = bytes_of(connection, product.lake, [("products", product.name, commit.version)])
    return Publication(commit.version, rows, written, size or 0, audited)


@contextmanager
def query_faults(location: LakeLocation, product: DataProduct) -> Iterator[None]:
    try:
        yield
    except NotAllowed as refused:
        raise beyond_inputs(product.id, product.place, refused) from None
    except duckdb.Error as error:
        fault = location.fault(error, product.lake)
        # The error may also be about a file of the product's sources.
        if fault and (fault.diagnostics[0].code in ("L003", "L011") or str(location.root) in str(error)):
            raise fault from error
        message = f"the query of {product.id} fails: {sentence(error)}"
        fix = "Fix the product's function or model. Nothing was published."
        raise DefinitionError.of("L010", message, product.place, fix=fix) from error


def _same_columns(product: DataProduct, old: dict[str, str], new: dict[str, str]) -> None:
    if old == new:
        return
    changes = [*(f'"{name}" is new' for name in new if name not in old), *lost_columns(old, new).values()]
    message = f"{product.id} has other columns than its published partitions: {listed(changes)}"
    fix = f"Run `mesh run {product.id} --partitions all` to rebuild all partitions."
    raise DefinitionError.of("L006", message, product.place, "the same columns in every partition", fix)


def lost_columns(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The columns that are missing or have another type, each in words."""
    changes = {n: f'"{n}" was {old[n]} and is {new[n]}' for n in new if n in old and old[n] != new[n]}
    return changes | {name: f'"{name}" is gone' for name in old if name not in new}


def _all_inside(
    connection: duckdb.DuckDBPyConnection, product: DataProduct, window: Window, inside: str, written: int
) -> None:
    relation = table_of(product)
    kept = number(connection, f"SELECT count(*) FROM {relation} WHERE {inside}")
    if kept == written:
        return
    assert product.partitions is not None  # window_predicate requires them
    message = f"{written - kept:,} of {written:,} rows of {product.id} lie outside of partition {window.key}"
    column, start, end = product.partitions.column, window.start.isoformat(), window.end.isoformat()
    fix = "Filter the rows by the run's partition. Nothing was published."
    expected = f'"{column}" from {start}, before {end}'
    raise DefinitionError.of("L007", message, product.partitions.place, expected, fix, plain=True)
