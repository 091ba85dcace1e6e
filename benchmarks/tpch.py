"""TPC-H's 22 queries by `mesh query`, next to plain DuckDB over the same Parquet files.

python -m benchmarks.tpch [--scale 5] [--rounds 3]
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from benchmarks.measure import Measured, environ, fresh_home, module, run
from benchmarks.report import Aim, Section, processor, seconds, text
from platform_core.lake.connect import connect
from platform_core.lake.engine import extension_path
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.registry.lookup import Registry
from platform_core.sql.parser import nodes, parse, written
from platform_core.sql.quoting import literal

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")
SLOWEST = 5
CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: tpch/{name}
version: 1.0.0
status: active
team: {{name: tpch-team}}
roles: [{{role: analysts, access: read}}]
schema:
  - name: {name}
    properties:
{columns}
"""


def measure(rounds: int, scale: float = 5) -> Section:
    """Run every query ``rounds`` times in turn, each in a process of its own, and compare the rows."""
    runs: dict[tuple[str, str], list[Measured]] = {}
    differ: set[int] = set()
    with fresh_home() as home, _published(home, scale) as (files, queries):
        listed = home / "files.json"
        listed.write_text(json.dumps(files))
        around = environ(home) | {"MESH_ROOT": str(home)}
        for _ in range(rounds):
            for number, sql in enumerate(queries, start=1):
                shown: dict[str, list[list[str]]] = {}
                for way in ("plain", "mesh"):
                    # Up to ten thousand rows are passed without loading Arrow.
                    limit = str(9_999 if len(shown.get("plain", ())) < 9_999 else 0)
                    out = home / f"{way}.csv"
                    command = module("tpch_ways", way, sql, str(out), str(listed), limit)
                    runs.setdefault((f"Q{number}", way), []).append(run(command, around))
                    shown[way] = sorted(csv.reader(out.open(newline="")))
                if shown["mesh"] != shown["plain"]:
                    differ.add(number)
    names = [f"Q{number}" for number in range(1, len(queries) + 1)]
    plain, mesh = ({n: seconds(runs[n, way]) for n in names} for way in ("plain", "mesh"))
    slowest = sorted(names, key=lambda n: -plain[n])[:SLOWEST]
    ratio = sum(mesh[n] for n in slowest) / sum(plain[n] for n in slowest)
    used = {way: sum(processor(runs[n, way]) for n in slowest) for way in ("plain", "mesh")}
    return Section(
        title=f"TPC-H at scale factor {scale:g}, whole processes ({rounds} runs each, medians)",
        aims=[
            Aim(f"the {SLOWEST} slowest ({', '.join(slowest)}), mesh query / plain", ratio, at_most=1.3),
            Aim("the same in processor seconds", used["mesh"] / used["plain"], at_most=1.3),
            Aim("queries with other rows", len(differ), at_most=0),
        ],
        columns=("query", "plain, s", "mesh query, s", "plain, processor s", "mesh query, processor s"),
        rows=[(n, plain[n], mesh[n], processor(runs[n, "plain"]), processor(runs[n, "mesh"])) for n in names],
    )


@contextmanager
def _published(home: Path, scale: float) -> Iterator[tuple[dict[str, list[str]], list[str]]]:
    """A mesh with TPC-H's tables: the files of the lake by table, and the queries over ``tpch.<table>``."""
    (home / "workspace.yaml").write_text("load_from: []\n")
    contracts = home / "domains" / "tpch" / "contracts"
    contracts.mkdir(parents=True)
    location = LocalLakes(home / "lake")
    made = home / "tpch.duckdb"
    with duckdb.connect(made) as source:
        source.execute(f"LOAD {literal(str(extension_path('tpch')))}")
        source.execute(f"CALL dbgen(sf = {scale})")
        queries = [_in_schema(sql) for _, sql in source.execute("FROM tpch_queries()").fetchall()]
        for table in TABLES:
            columns = source.execute(f"DESCRIBE {table}").fetchall()
            lines = (f'      - {{name: {name}, physicalType: "{kind}"}}' for name, kind, *_ in columns)
            contract = CONTRACT.format(name=table, columns="\n".join(lines))
            (contracts / f"{table}.odcs.yaml").write_text(contract)
    registry = Registry(home / "domains", "contracts")
    with connect(location, write=["tpch"]) as connection:
        connection.execute(f"ATTACH {literal(str(made))} AS made (READ_ONLY)")
        for table in TABLES:
            product = registry.get(f"tpch/{table}")
            stamp = Stamp("benchmark", product.id)
            rows = f"FROM made.{table}"
            publish_table(connection, location, product, rows, stamp=stamp, audit=lambda _: None)
        connection.execute("DETACH made")
    made.unlink()
    data = location.data_folder("tpch") / "products"
    yield {table: sorted(map(str, (data / table).glob("*.parquet"))) for table in TABLES}, queries


def _in_schema(sql: str) -> str:
    [query] = parse(sql) or ()
    for node in nodes(query):
        if node.get("type") == "BASE_TABLE" and node["table_name"] in TABLES:
            node["schema_name"] = "tpch"
    return written(query)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tpch")
    parser.add_argument("--scale", type=float, default=5, help="TPC-H's scale factor (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each query (default 3)")
    options = parser.parse_args()
    print(text(measure(options.rounds, options.scale)))
