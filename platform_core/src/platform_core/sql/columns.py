"""Which columns of its inputs a query uses: decides what an input shows, and what lineage records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from platform_core.diagnostics import DefinitionError, Place


def columns_used(
    sql: str, tables: Mapping[str, Sequence[str]], *, place: Place | None = None
) -> dict[str, tuple[str, ...]]:
    """The columns of each table that a DuckDB query reads, in the table's own order.

    ``tables`` holds the columns of each table by the name that the query uses for it (``lines``,
    ``sales.transactions``). Each of them is in the result; an empty tuple means that no column is
    read: the query only counts its rows, or does not name it.

    The answer is exact in this sense: reduced to these columns the query still runs and yields the
    same. ``SELECT *`` in a CTE or subquery counts only what the outer query takes from it. Where the
    columns depend on more than names, all columns of that table are reported: PIVOT and UNPIVOT,
    ``COLUMNS(...)``, a row as a whole (``SELECT t FROM t``), positions (``#1``), stars under DISTINCT,
    GROUP BY ALL or a set operation, ``query_table(...)``, and statements that DuckDB's parser does
    not spell out as one query.

    Raises:
        DefinitionError: D020 a column that no table has, D021 text that is no SQL.
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
