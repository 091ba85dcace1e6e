"""Breaking changes: the columns that a new version takes from the readers of the published one.

Runs, the UI and the automation all publish through this module.
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
from typing import Any

from duckdb import DuckDBPyConnection

from platform_core.compatibility.change import Grade
from platform_core.compatibility.columns import widens
from platform_core.compatibility.versions import demanded, enough
from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, PlatformError, PublicationRefused
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.location import LakeLocation, table_of
from platform_core.lake.publication.tables import lost_columns
from platform_core.lake.reclassified import has_left, left_lake
from platform_core.lake.versions import columns_gone, relation_kind, stamps
from platform_core.settings import ROOT, environment
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe
from platform_core.words import listed


@dataclass(frozen=True, slots=True)
class PublishedShape:
    """A published version: its columns with their types, its number and the version of its contract."""

    columns: Mapping[str, str]
    version: int
    contract: str


def published_shape(connection: DuckDBPyConnection, product: DataProduct, lake: str) -> PublishedShape | None:
    """The published version in a lake. A version without facts takes the contract version of the one before
    it; without any, the first version that a contract can have."""
    if relation_kind(connection, lake, product.name) is None:
        return None
    found = list(stamps(connection, lake, product.id))
    known = (facts["contract_version"] for *_, facts in found if facts.get("contract_version"))
    first = "0.1.0" if product.version.startswith("0.") else "1.0.0"
    columns = describe(connection, f"FROM {quoted(lake)}.products.{quoted(product.name)}")
    return PublishedShape(columns, found[0][0] if found else 0, next(known, first))


def shape_left_behind(location: LakeLocation, product: DataProduct, root: Path) -> PublishedShape | None:
    """The version in the lake that a product has left because it became restricted, or no longer is.

    Raises PublicationRefused Q040 if readers of other domains lose it and the contract has no new major
    version.
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
    connection: DuckDBPyConnection, product: DataProduct, root: Path, moved: PublishedShape | None
) -> Callable[[], None]:
    """A function to call before the COMMIT of a version. ``moved`` is the version in the lake that it left.

    It raises PublicationRefused Q040 if the version removes or retypes a column that a product reads and the
    contract has no new major version, or, where types are only wider, no new minor version.
    """
    found = published_shape(connection, product, product.lake) or moved

    def require() -> None:
        if found is not None:
            new = describe(connection, f"FROM {table_of(product)}")
            lost = lost_columns(found.columns, new)
            wider = all(widens(found.columns[name], new.get(name, "")) for name in lost)
            _require(product, found, lost, root, Grade.RISKY if wider else Grade.BREAKING)

    return require


def _require(
    product: DataProduct,
    found: PublishedShape,
    lost: Mapping[str, str],
    root: Path,
    grade: Grade = Grade.BREAKING,
    *,
    within: bool = True,
) -> None:
    if not lost or enough(found.contract, product.version, grade):
        return
    if hurt := list(_affected(product, lost, root, within)):
        changes, next_one = listed(list(lost.values()), 6), demanded(found.contract, grade)
        message = f"{product.id} {product.version} breaks readers of version {found.version}: {changes}"
        fix = f"Restore it, or write version: {next_one}. Until then readers keep version {found.version}."
        place = product.places.get("/version") or product.place
        raise PublicationRefused.of("Q040", message, place, "; ".join(hurt), fix, plain=True)


@contextmanager
def explaining_lost_columns(connection: DuckDBPyConnection, reads: Iterable[DataProduct]) -> Iterator[None]:
    """Add D057 to an error inside the block that names a column that an input no longer has."""
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
                gone = Diagnostic("D057", message, read.place, None, fix, "info", plain=True)
                if isinstance(error, PlatformError):
                    error.diagnostics += (gone,)
                else:
                    error.add_note(message)
        raise


def _affected(product: DataProduct, lost: Mapping[str, str], root: Path, within: bool) -> Iterator[str]:
    """Sentences about readers of lost columns, of the product or of its masked twin, which loses only removed
    columns. ``within``: also readers in the same domain."""
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
    # In its own process, because it may start other locations.
    command = [sys.executable, "-m", "platform_core.workspace.introspection.readers", *products]
    done = subprocess.run(command, env=variables, cwd=root, capture_output=True, text=True)
    if done.returncode:
        message = f"the readers of {listed(products)} cannot be determined: {done.stderr.strip()[-1000:]}"
        fix = "Fix that fault; `mesh validate` shows its place."
        raise PublicationRefused.of("Q041", message, fix=fix, plain=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def when_lost(product: DataProduct, column: str) -> str:
    """The end of a message: when a product lost a column; empty if its lake cannot be read."""
    try:
        with connect(current_lakes(), read=[product.lake]) as connection:
            how = columns_gone(connection, product).get(column)
    except PlatformError:
        return ""  # reading the product reports the fault
    return f": it {how}" if how else ""
