"""A writer or a reader of the ledgers of four domains, in one of two kinds of store.

python -m benchmarks.ledgers lakes | file   write DOMAIN | read STOPFILE   START DEADLINE
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Protocol

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import PlatformError
from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.odcs.reader import load_contract
from platform_core.quality.gate import gate

COMMITS: Final = 20
DOMAINS: Final = ("north", "east", "south", "west")
ROWS: Final = 100_000
PATIENCE: Final = 60.0  # seconds for which a writer retries one commit

FIRST: Final = f"SELECT range AS id, 0 AS commits FROM range({ROWS})"
CONTRACT: Final = """\
apiVersion: v3.2.0
kind: DataContract
id: {domain}/ledger
version: 1.0.0
status: active
description: {{purpose: Counts how often it was committed.}}
team: {{name: {domain}}}
schema:
  - name: ledger
    properties:
      - {{name: id, logicalType: integer, required: true, unique: true, classification: internal}}
      - name: commits
        logicalType: integer
        required: true
        classification: internal
        description: Commits so far.
        logicalTypeOptions: {{minimum: 0}}
    quality:
      - {{metric: rowCount, mustBe: {rows}}}
"""
# The checks of the contract, written by hand.
CHECKS: Final = """\
SELECT count(*) = {rows} AND count(DISTINCT id) = {rows} AND count(commits) = {rows} AND min(commits) >= 0
FROM {domain}.ledger
"""


class Refused(Exception):
    """Another process used the store; the commit or the read may be retried."""


class Store(Protocol):
    """Ledgers of four domains in a folder under ``home``."""

    name: str
    home: Path

    def create(self) -> None: ...
    def commit(self, domain: str) -> None: ...
    def read(self) -> None: ...
    def commits(self) -> int: ...


class Lakes:
    """A lake per domain, written by the platform with its audit."""

    name = "lakes"

    def __init__(self, home: Path) -> None:
        self.home = home
        self._location = LocalLakes(home / "lakes")

    def create(self) -> None:
        for domain in DOMAINS:
            path = self.home / domain / "ledger.odcs.yaml"
            path.parent.mkdir()
            path.write_text(CONTRACT.format(domain=domain, rows=ROWS), encoding="utf-8")
            self._publish(self._product(domain), FIRST)

    def commit(self, domain: str) -> None:
        self._publish(
            self._product(domain), f"SELECT id, commits + 1 AS commits FROM {domain}.products.ledger"
        )

    def read(self) -> None:
        self._sum()

    def commits(self) -> int:
        return self._sum() // ROWS

    def _product(self, domain: str) -> DataProduct:
        return load_contract(self.home / domain / "ledger.odcs.yaml", domain)

    def _publish(self, product: DataProduct, select: str) -> None:
        with connect(self._location, write=[product.lake]) as connection:
            publish_table(
                connection,
                self._location,
                product,
                select,
                stamp=Stamp(run_id="benchmark", asset=product.id),
                audit=gate(connection, product, resolve=lambda _: None),
            )

    def _sum(self) -> int:
        with connect(self._location, read=DOMAINS) as connection:
            return _total(connection, "products.ledger")


class OneFile:
    """One DuckDB file with a schema per domain, written by hand with the same checks."""

    name = "file"

    def __init__(self, home: Path) -> None:
        self.home = home
        self._path = home / "mesh.duckdb"

    def create(self) -> None:
        with self._open() as connection:
            for domain in DOMAINS:
                connection.execute(f"CREATE SCHEMA {domain}")
                connection.execute(f"CREATE TABLE {domain}.ledger AS {FIRST}")

    def commit(self, domain: str) -> None:
        with self._open() as connection:
            connection.execute("BEGIN TRANSACTION")
            new = f"SELECT id, commits + 1 AS commits FROM {domain}.ledger"
            connection.execute(f"CREATE OR REPLACE TABLE {domain}.ledger AS {new}")
            row = connection.execute(CHECKS.format(domain=domain, rows=ROWS)).fetchone()
            assert row == (True,)
            connection.execute("COMMIT")

    def read(self) -> None:
        with self._open(read_only=True) as connection:
            _total(connection, "ledger")

    def commits(self) -> int:
        with self._open(read_only=True) as connection:
            return _total(connection, "ledger") // ROWS

    @contextmanager
    def _open(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            opened = duckdb.connect(str(self._path), read_only=read_only)
        except duckdb.IOException as error:
            raise Refused from error
        with closing(opened) as connection:
            yield connection


def _total(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """The commits of all rows of all ledgers, by a join across all domains."""
    first, *others = (f"{domain}.{table} AS {domain}" for domain in DOMAINS)
    joined = " ".join([first, *(f"JOIN {other} USING (id)" for other in others)])
    total = " + ".join(f"{domain}.commits" for domain in DOMAINS)
    row = connection.execute(f"SELECT count(*), sum({total})::BIGINT FROM {joined}").fetchone()
    assert row is not None
    assert row[0] == ROWS
    return int(row[1])


STORES: Final[dict[str, type[Lakes] | type[OneFile]]] = {store.name: store for store in (Lakes, OneFile)}


def write(store: Store, domain: str, deadline: float) -> dict[str, object]:
    """Commit ``COMMITS`` times; returns the seconds of each commit, and the number of refused attempts."""
    took: list[float] = []
    refused = 0
    for _ in range(COMMITS):
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE and time.time() < deadline:
            try:
                store.commit(domain)
            except (Refused, PlatformError):
                refused += 1
                time.sleep(random.uniform(0.005, 0.05))
            else:
                took.append(time.monotonic() - began)
                break
    return {"seconds": took, "refused": refused}


def read(store: Store, stop: Path, deadline: float) -> dict[str, object]:
    """Join all ledgers repeatedly until a file appears."""
    reads = failed = 0
    while not stop.exists() and time.time() < deadline:
        try:
            store.read()
            reads += 1
        except (Refused, PlatformError, duckdb.Error):
            failed += 1
        time.sleep(0.1)
    return {"reads": reads, "failed": failed}


def main(name: str, role: str, subject: str, start: str, deadline: str) -> None:
    """Run one process from ``start`` until it is done or until ``deadline``; prints its result."""
    store: Store = STORES[name](Path(os.environ["MESH_HOME"]))
    time.sleep(max(0.0, float(start) - time.time()))
    until = float(deadline)
    said = write(store, subject, until) if role == "write" else read(store, Path(subject), until)
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
