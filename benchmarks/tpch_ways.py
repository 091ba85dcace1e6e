"""One of TPC-H's queries into a CSV file, in a process that loads nothing else.

python -m benchmarks.tpch_ways mesh|plain SQL OUT FILES LIMIT
"""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path


def plain(sql: str, out: str, files: str) -> None:
    """By DuckDB alone, over the files of each table as ``tpch.<table>``."""
    import duckdb

    with duckdb.connect() as connection, Path(out).open("w", newline="") as file:
        connection.execute("SET enable_progress_bar = false; CREATE SCHEMA tpch")
        for table, paths in json.loads(Path(files).read_text()).items():
            connection.execute(f"CREATE VIEW tpch.{table} AS FROM read_parquet({paths})")
        found = connection.execute(sql)
        names = [name for name, *_ in found.description or ()]
        csv.writer(file, lineterminator="\n").writerows([names, *found.fetchall()])


def mesh(sql: str, out: str, limit: str) -> int:
    """By the command."""
    from platform_core.cli import main

    os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    sys.argv[1:] = ["query", sql, "--limit", limit, "--format", "csv"]
    return main()


if __name__ == "__main__":
    way, sql, out, files, limit = sys.argv[1:]
    if way == "plain":
        plain(sql, out, files)
    else:
        sys.exit(mesh(sql, out, limit))
