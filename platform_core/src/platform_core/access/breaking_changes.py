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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, PlatformError, PublicationRefused
from platform_core.lake.connect import connect
from platform_core.lake.location import LakeLocation, table_of
from platform_core.lake.publication.tables import lost_columns
from platform_core.lake.reclassified import has_left, left_lake
from platform_core.lake.versions import columns_gone, relation_kind, stamps
from platform_core.registry.compatibility import breaking_after, raised
from platform_core.settings import ROOT, environment
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe
from platform_core.words import listed

ASKED: Final = "platform_core.workspace.introspection.readers"
"""Answers who reads a product, in a process of its own: to find out may start other locations."""


@dataclass(frozen=True, slots=True)
class PublishedShape:
    """What readers have now: its columns with their types, its version and that of its contract."""

    columns: Mapping[str, str]
    version: int
    contract: str


def published_shape(
    connection: duckdb.DuckDBPyConnection, product: DataProduct, lake: str
) -> PublishedShape | None:
    """The published version that a lake holds. One without facts has the contract's version of the one
    before, and where none has any, the first that a contract can have."""
    if relation_kind(connection, lake, product.name) is None:
        return None
    found = list(stamps(connection, lake, product.id))
    known = (facts["contract_version"] for *_, facts in found if facts.get("contract_version"))
    first = "0.1.0" if product.version.startswith("0.") else "1.0.0"
    columns = describe(connection, f"FROM {quoted(lake)}.products.{quoted(product.name)}")
    return PublishedShape(columns, found[0][0] if found else 0, next(known, first))


def shape_left_behind(location: LakeLocation, product: DataProduct, root: Path) -> PublishedShape | None:
    """The version in the lake that a product has left, since a column became restricted or is not any more.

    Raises PublicationRefused (Q040) where it is to be taken from the readers of other domains, and the
    contract's version does not say so.
    """
    if not has_left(location, product):
        return None
    lake = left_lake(product)
    with connect(location, read=[lake]) as connection:
        found = published_shape(connection, product, lake)
    if found is not None and product.restricted:
        others = {name: f'"{name}" is restricted to {product.domain}' for name in found.columns}
        _require(product, found, others, root, within=False)
    return found


def break_guard(
    connection: duckdb.DuckDBPyConnection, product: DataProduct, root: Path, moved: PublishedShape | None
) -> Callable[[], None]:
    """What to call before the COMMIT of a version, given what is published now, or was before it ``moved``.

    It raises PublicationRefused (Q040) where the version lacks a column that somebody reads, or has it with
    another type, and the contract's version does not say so.
    """
    found = published_shape(connection, product, product.lake) or moved

    def require() -> None:
        if found is not None:
            new = describe(connection, f"FROM {table_of(product)}")
            _require(product, found, lost_columns(found.columns, new), root)

    return require


def _require(
    product: DataProduct, found: PublishedShape, lost: Mapping[str, str], root: Path, *, within: bool = True
) -> None:
    if not lost or raised(found.contract, product.version):
        return
    if hurt := list(_affected_readers(product, lost, root, within)):
        said, next_one = listed(list(lost.values()), 6), breaking_after(found.contract)
        message = f"{product.id} {product.version} breaks who reads version {found.version}: {said}"
        fix = f"Bring it back, or write version: {next_one}. Until then readers keep version {found.version}."
        place = product.places.get("/version") or product.place
        raise PublicationRefused.of("Q040", message, place, "; ".join(hurt), fix, plain=True)


@contextmanager
def explaining_lost_columns(
    connection: duckdb.DuckDBPyConnection, reads: Iterable[DataProduct]
) -> Iterator[None]:
    """What fails within it over a column that an input had before says since when it is gone (D057)."""
    try:
        yield
    except Exception as error:
        words = str(error)
        for read in reads:
            for name, how in columns_gone(connection, read).items():
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


def _affected_readers(
    product: DataProduct, lost: Mapping[str, str], root: Path, within: bool
) -> Iterator[str]:
    """Who reads what is lost, in words: of the product, and of a masked twin, which loses what is gone.
    ``within`` the own domain too."""
    twin = ProductId.of(product.domain, product.masking.name) if product.masking is not None else None
    gone = {name for name in lost if lost[name].endswith("gone")}
    for reader in _readers([product.id, *([twin] if twin else [])], root):
        taken = lost if reader["source"] == product.id else gone
        used = sorted(taken if reader["columns"] is None else {*reader["columns"]} & {*taken})
        of_domain = reader["reader"].startswith(f"{product.domain}/")
        if used and reader["reader"] not in (product.id, twin) and (within or not of_domain):
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


def when_lost(product: DataProduct, column: str) -> str:
    """When a column went that a product had, to follow a message; nothing where its lake does not tell."""
    try:
        with connect(LakeLocation.current(), read=[product.lake]) as connection:
            how = columns_gone(connection, product).get(column)
    except PlatformError:
        return ""  # what is wrong with a lake is told where it is read
    return f": it {how}" if how else ""
