"""``information_schema`` for a reader: only products that the reader may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from platform_core.access.grants import is_granted
from platform_core.registry.lookup import Registry
from platform_core.sealed.version import VersionFiles
from platform_core.sql.forms import GRANTED
from platform_core.sql.quoting import literal
from platform_core.sql.types import duckdb_type

TABLES = "table_schema, table_name, table_type, table_comment"
COLUMNS = "table_schema, table_name, column_name, ordinal_position, is_nullable, data_type, column_comment"


@dataclass(frozen=True, slots=True)
class GrantedTable(VersionFiles):
    """Rows that the query itself has."""

    query: str = ""


def granted_tables(principal: str, registry: Registry) -> dict[tuple[str, str], VersionFiles]:
    """Its tables, as versions to show in an engine."""
    granted = [product for product in registry.scan()[0] if is_granted(product, principal)]
    tables = [(p.domain, p.name, "VIEW", p.purpose.strip()) for p in granted]
    columns = [
        (p.domain, p.name, c.name, n, "NO" if c.required else "YES", duckdb_type(c), c.description.strip())
        for p in granted
        for n, c in enumerate(p.columns, 1)
    ]
    return {
        (f"{GRANTED}/tables", ""): _table(TABLES, tables),
        (f"{GRANTED}/columns", ""): _table(COLUMNS, columns),
    }


def _table(names: str, rows: Sequence[Sequence[str | int]]) -> GrantedTable:
    values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows or [[""] * len(names.split())])
    return GrantedTable((), (), query=f"FROM (VALUES {values}) t({names}){'' if rows else ' LIMIT 0'}")
