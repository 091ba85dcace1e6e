"""The columns of its inputs that a query uses, for the views of inputs and for lineage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from platform_core.diagnostics import DefinitionError, Place


def columns_used(
    sql: str, tables: Mapping[str, Sequence[str]], *, place: Place | None = None
) -> dict[str, tuple[str, ...]]:
    """The columns of each table that a DuckDB query reads, in the table's own order.

    ``tables`` has the columns of each table by its name in the query (``lines``, ``sales.transactions``).
    Each table is in the result; an empty tuple means that the query only counts its rows or does not name it.

    With only these columns the query still runs and returns the same rows. ``SELECT *`` in a CTE or subquery
    counts only the columns that the outer query takes. If the columns depend on more than names, the result
    has all columns of the table: PIVOT and UNPIVOT, ``COLUMNS(...)``, a whole row (``SELECT t FROM t``),
    positions (``#1``), stars under DISTINCT, GROUP BY ALL or a set operation, ``query_table(...)``, and
    statements that DuckDB does not parse as one query.

    Raises DefinitionError: D020 for an unknown column, D021 for a text that is not SQL.
    """
    import duckdb

    from platform_core.sql.binder import Binder
    from platform_core.sql.names import Names
    from platform_core.sql.parser import parse

    try:
        queries = parse(sql)
    except duckdb.Error as error:
        message, expected = "the SQL does not parse", "a query in DuckDB's SQL"
        raise DefinitionError.of("D021", message, place, expected, str(error).strip()) from None
    names = Names(sql, tables, place)
    if queries is None:
        names.use_tables_named_in(sql)
    else:
        try:
            for query in queries:
                Binder(names).query(query).use_all()
        except RecursionError:
            names.use_tables_named_in(sql)
    return {
        table: tuple(column for column in columns if column in names.used[table])
        for table, columns in tables.items()
    }
