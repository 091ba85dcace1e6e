"""What a new version would take from those who read the published one, and what a version took before.

Every door publishes through here: a run, the UI and the automation.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from platform_core.contracts.compare import breaking_after, raised
from platform_core.contracts.model import DataProduct
from platform_core.errors import Diagnostic, PlatformError, PublicationRefused
from platform_core.lake.connect import connect
from platform_core.lake.location import LakeLocation, table_of
from platform_core.lake.publish import lost_columns
from platform_core.lake.versions import columns_gone, relation_kind, stamps
from platform_core.product_id import ProductId
from platform_core.settings import ROOT, environment
from platform_core.sql.types import describe
from platform_core.words import listed

ASKED: Final = "platform_core.workspace.readers"
"""Answers who reads a product, in a process of its own: to find out may start other locations."""


def unbroken(con: duckdb.DuckDBPyConnection, product: DataProduct, root: Path) -> Callable[[], None]:
    """What to call before the COMMIT of a version, given what is published now.

    It raises PublicationRefused (Q040) where the version lacks a column that somebody reads, or has it with
    another type, and the contract's version does not say so.
    """
    before = _columns(con, product)

    def require() -> None:
        if not (lost := lost_columns(before, _columns(con, product))):
            return
        version, contract = _published(con, product)
        if not raised(contract, product.version) and (hurt := list(_hurt(product, lost, root))):
            said, next_one = listed(list(lost.values())), breaking_after(contract)
            message = f"{product.id} {product.version} breaks who reads version {version}: {said}"
            fix = f"Bring it back, or write version: {next_one}. Until then readers keep version {version}."
            place = product.places.get("/version") or product.place
            raise PublicationRefused.of("Q040", message, place, "; ".join(hurt), fix, plain=True)

    return require


@contextmanager
def telling_what_went(con: duckdb.DuckDBPyConnection, reads: Iterable[DataProduct]) -> Iterator[None]:
    """What fails within it over a column that an input had before says since when it is gone (D057)."""
    try:
        yield
    except Exception as error:
        words = str(error)
        for read in reads:
            for name, how in columns_gone(con, read).items():
                if not re.search(rf"\b{re.escape(name)}\b", words):
                    continue
                message = f'the column "{name}" of {read.id} {how}'
                fix = f"Do without it, or ask {read.owned_by or read.domain} for it."
                told = Diagnostic("D057", message, read.place, None, fix, "info", plain=True)
                if isinstance(error, PlatformError):
                    error.diagnostics += (told,)
                else:
                    error.add_note(message)
        raise


def _columns(con: duckdb.DuckDBPyConnection, product: DataProduct) -> dict[str, str]:
    published = relation_kind(con, product.lake, product.name) is not None
    return describe(con, f"FROM {table_of(product)}") if published else {}


def _published(con: duckdb.DuckDBPyConnection, product: DataProduct) -> tuple[int, str]:
    """The published version and that of its contract: one without facts has that of the version before, and
    where none has any, the first that a contract can have."""
    found = list(stamps(con, product.lake, product.id))
    known = (facts["contract_version"] for *_, facts in found if facts.get("contract_version"))
    first = "0.1.0" if product.version.startswith("0.") else "1.0.0"
    return (found[0][0] if found else 0), next(known, first)


def _hurt(product: DataProduct, lost: Mapping[str, str], root: Path) -> Iterator[str]:
    """Who reads what is lost, in words: of the product, and of a masked twin, which loses what is gone."""
    twin = ProductId.of(product.domain, product.masking.name) if product.masking is not None else None
    gone = {name for name in lost if lost[name].endswith("gone")}
    for reader in _readers([product.id, *([twin] if twin else [])], root):
        taken = lost if reader["source"] == product.id else gone
        used = sorted(taken if reader["columns"] is None else {*reader["columns"]} & {*taken})
        if used and reader["reader"] not in (product.id, twin):
            through = f" of {twin}" if reader["source"] == twin else ""
            yield f"{reader['reader']} reads {listed(used)}{through} ({reader['place']})"


def _readers(products: list[str], root: Path) -> list[dict[str, Any]]:
    variables = {**environment(), ROOT.name: str(root)}
    command = [sys.executable, "-m", ASKED, *products]
    done = subprocess.run(command, env=variables, cwd=root, capture_output=True, text=True)
    if done.returncode:
        message = f"who reads {listed(products)} cannot be found out: {done.stderr.strip()[-1000:]}"
        raise PublicationRefused.of("Q041", message, fix="Mend that; `mesh validate` tells more.", plain=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def went(product: DataProduct, column: str) -> str:
    """When a column went that a product had, to follow a message; nothing where its lake does not tell."""
    try:
        with connect(LakeLocation.current(), read=[product.lake]) as con:
            how = columns_gone(con, product).get(column)
    except PlatformError:
        return ""  # what is wrong with a lake is told where it is read
    return f": it {how}" if how else ""
