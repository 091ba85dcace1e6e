"""Publishing a version as a view: one SELECT over a version of another product, without a copy of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.lake.location import VIEW_OF, LakeLocation, table_of
from platform_core.lake.publication.column_fit import fitted
from platform_core.lake.publication.content_hash import content_of
from platform_core.lake.publication.tables import Publication, query_faults
from platform_core.lake.transaction import Stamp, number, transaction
from platform_core.lake.versions import relation_kind
from platform_core.sql.plan import require_reads
from platform_core.sql.quoting import quoted

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PinnedSelect:
    """One SELECT that reads the version ``pinned`` of the product ``of`` under the name ``argument``;
    ``rows`` is SQL that reads that version."""

    select: str
    argument: str
    rows: str
    of: str
    pinned: int


def publish_view(
    connection: duckdb.DuckDBPyConnection,
    location: LakeLocation,
    product: DataProduct,
    made: PinnedSelect,
    *,
    stamp: Stamp,
    audit: Callable[[str], T],
    reads: Iterable[str],
) -> Publication[T]:
    """Publish a SELECT as the product's view. The audit and the content hash read all its rows; no file is
    written.

    Raises what ``publish_table`` does.
    """
    relation = table_of(product)
    with transaction(connection, location, product.lake, holder=stamp.holder) as commit:
        kind = relation_kind(connection, product.lake, product.name)
        # The argument is a view of this connection alone; in the lake the text must stand for itself.
        text = f"WITH {quoted(made.argument)} AS ({made.rows}) SELECT * FROM ({made.select}\n)"
        with query_faults(location, product):
            require_reads(connection, made.select, map(quoted, reads))
            fit = fitted(connection, product, text)
        if kind is not None:
            connection.execute(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} {relation}")
        with query_faults(location, product), fit.refusals():
            connection.execute(f"CREATE VIEW {relation} AS {fit.query}")
            rows = number(connection, f"SELECT count(*) FROM {relation}")
            content = content_of(connection, product, relation)
        audited = audit(relation)
        facts = {"rows": rows, "rows_written": 0, "partition": None, "content": content}
        pin = {VIEW_OF: made.of, "pinned": made.pinned, "select": made.select}
        commit.sign(stamp, {"kind": "view", **pin, **facts, **stamp.audit_facts(audited)})
    return Publication(commit.version, rows, 0, 0, audited)
