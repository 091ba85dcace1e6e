"""``python -m benchmarks.source_reads copy|staged whole|day FOLDER``: one read of the table ``orders``."""

from __future__ import annotations

import sys
from pathlib import Path

COLUMNS = {
    "id": "BIGINT",
    "day": "DATE",
    "store": "INTEGER",
    "amount": "DECIMAL(12,2)",
    "note": "VARCHAR",
    "at": "TIMESTAMP WITH TIME ZONE",
}
DAY = ("day", "2024-03-01", "2024-03-02")


def main(way: str, part: str, folder: Path) -> None:
    if way == "staged":
        # The process that a run starts, without the run: DuckDB is not imported before it.
        _stage(part, folder)
    else:
        _copy(part, folder)


def _stage(part: str, folder: Path) -> None:
    from platform_core.sources import stage_process
    from platform_core.sources.order import Order, Range
    from platform_core.sources.source import Source

    source = Source.postgres("till/orders", table="public.orders", secret="SHOP_DB")
    range_ = Range(*DAY) if part == "day" else None
    order = Order("orders", source, COLUMNS, range_, str(folder / "orders.parquet"))
    stage_process.stage([order], "mesh/benchmark", 3600)


def _copy(part: str, folder: Path) -> None:
    import duckdb

    from platform_core.lake.engine import extension_path
    from platform_core.settings import environment

    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension_path('postgres_scanner')}'")
        connection.execute(
            f"ATTACH '{environment()['MESH_SECRET_SHOP_DB']}' AS db (TYPE postgres, READ_ONLY)"
        )
        column, start, end = DAY
        where = f" WHERE {column} >= '{start}' AND {column} < '{end}'" if part == "day" else ""
        # Without an index it would read the whole table.
        connection.execute(f"SET pg_use_ctid_scan = {'false' if where else 'true'}")
        copy = f"COPY (SELECT * FROM db.public.orders{where}) TO '{folder}/orders.parquet'"
        connection.execute(copy)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
