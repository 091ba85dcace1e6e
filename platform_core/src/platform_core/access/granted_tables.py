"""The tables of ``information_schema`` for a reader: only products that the reader may read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from platform_core.access.grants import is_granted
from platform_core.registry.lookup import Registry
from platform_core.sealed.version import VersionFiles
from platform_core.sql.forms import GRANTED
from platform_core.sql.quoting import literal
from platform_core.sql.types import duckdb_type

TABLES = ("table_schema", "table_name", "table_type", "table_comment")
COLUMNS = (
    *("table_schema", "table_name", "column_name", "ordinal_position"),
    *("is_nullable", "data_type", "column_comment"),
)


@dataclass(frozen=True, slots=True)
class MadeRows(VersionFiles):
    """Rows that are in a query themselves."""

    made: str = ""

    @property
    def query(self) -> str:
        return self.made


def granted_tables(principal: str, registry: Registry) -> dict[tuple[str, str], VersionFiles]:
    """The two tables as versions to show in an engine, from the contracts that can be read."""
    tables, columns = [], []
    for product in registry.scan()[0]:
        if not is_granted(product, principal):
            continue
        tables.append((product.domain, product.name, "VIEW", product.purpose.strip()))
        for number, column in enumerate(product.columns, 1):
            nullable = "NO" if column.required else "YES"
            facts = (column.name, number, nullable, duckdb_type(column), column.description.strip())
            columns.append((product.domain, product.name, *facts))
    made = {"tables": _rows(TABLES, tables), "columns": _rows(COLUMNS, columns)}
    return {(f"{GRANTED}/{name}", ""): rows for name, rows in made.items()}


def _rows(names: Iterable[str], rows: Iterable[tuple[str | int, ...]]) -> MadeRows:
    # The first row gives types, also if it is the only one.
    values = [f"({', '.join(map(literal, row))})" for row in rows]
    nothing = ", ".join(f"0 AS {name}" if name == "ordinal_position" else f"'' AS {name}" for name in names)
    union = f" UNION ALL VALUES {', '.join(values)}" if values else ""
    return MadeRows((), (), made=f"FROM (SELECT {nothing} LIMIT 0){union}")
