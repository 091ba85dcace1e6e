"""A DuckDB file for BI tools: views over the published versions that a reader is granted.

The views name hard links by absolute paths, so that any DuckDB from 1.0 on reads them without an extension.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import Final

import duckdb

from platform_core.access.grants import require_grant, require_principal
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import AccessDenied, Diagnostic, PlatformError, UsageError, shown
from platform_core.files import write_files
from platform_core.lake.connect import connect
from platform_core.lake.errors import lake_faults, sentence
from platform_core.lake.location import LakeLocation
from platform_core.lake.reader_files import Held, ReaderFiles, readers
from platform_core.lake.spill import spill_folder
from platform_core.lake.versions import Version, latest_of
from platform_core.registry.lookup import Registry
from platform_core.sealed.version import product_files
from platform_core.settings import mesh_home
from platform_core.sql.quoting import literal, quoted

_WRITABLE: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_COLUMNS: Final = (
    "product VARCHAR, domain VARCHAR, name VARCHAR, version BIGINT, published_at TIMESTAMP,"
    " row_count BIGINT, owner VARCHAR, purpose VARCHAR"
)


@dataclass(frozen=True, slots=True)
class Attached:
    """A written BI file. ``views`` are its versions by product; ``left_out`` counts all other products."""

    file: Path
    reader: str
    views: dict[str, int]
    left_out: int
    links: Path
    """The folder that the views read, which the users of the file must be able to read."""
    faults: tuple[Diagnostic, ...]
    """Contracts that cannot be read, so that their grants are unknown."""


def attach(file: Path, reader: str, root: Path, *, after_runs: bool | None = None) -> Attached:
    """Write the BI file of a reader, or replace it in one step: open clients keep the old one.

    ``after_runs`` is whether runs refresh it; None leaves that as it is. Raises UsageError (U041, U042, U068,
    U095), LakeError.
    """
    registry, location = Registry.open(root), LakeLocation.current(root)
    require_principal(reader, registry.domains())
    links = ReaderFiles.of(mesh_home(root), reader)
    try:
        with links.locked():
            attached = links.attached()
            _require_own(file, attached)
            products, faults = registry.scan()
            granted: dict[str, DataProduct] = {
                product.id: product for product in products if _is_granted(product, reader, root)
            }
            held, content = _views(granted, links, location)
            refreshed = attached.get(str(file), False) if after_runs is None else after_runs
            links.record({**attached, str(file): refreshed})
            # A client that died leaves a log, which DuckDB would apply to the new file.
            log = file.with_name(f"{file.name}.wal")
            write_files({log: None, file: content})
            log.unlink(missing_ok=True)
            file.chmod(0o444)
            links.release(held)
    except (OSError, duckdb.Error) as error:
        message = f"{shown(file)} or its links in {shown(links.folder)} cannot be written: {sentence(error)}"
        expected, fix = "a writable folder with free space", "Repair the folder, then call again."
        raise UsageError.of("U095", message, None, expected, fix) from error
    views = {each.product: each.version for each in held}
    left_out = len(products) + len(faults) - len(held)
    return Attached(file, reader, views, left_out, links.folder, faults)


def refresh_attached(root: Path) -> tuple[Diagnostic, ...]:
    """Refresh the BI files that runs refresh, unless they were removed; returns the faults as warnings."""
    faults: list[Diagnostic] = []
    for links in readers(mesh_home(root)):
        for name, refreshed in links.attached().items():
            try:
                if refreshed and Path(name).exists():
                    attach(Path(name), links.reader, root)
            except PlatformError as error:
                faults += [replace(each, severity="warning") for each in error.diagnostics]
    return tuple(faults)


def _is_granted(product: DataProduct, reader: str, root: Path) -> bool:
    try:
        require_grant(product, reader, root)
    except AccessDenied:
        return False
    return True


def _require_own(file: Path, attached: Collection[str]) -> None:
    if not file.parent.is_dir():
        expected, fix = "a file in a folder that exists", "Make the folder, or choose another one."
        raise UsageError.of("U095", f"{shown(file.parent)} is not a folder", None, expected, fix)
    # `attach` leaves its files unwritable, unlike those of any other program.
    if file.exists() and (str(file) not in attached or not file.is_file() or file.stat().st_mode & _WRITABLE):
        message = f"{shown(file)} exists, and is not the BI file of this reader"
        expected = "a new file, or one that `mesh attach` wrote for this reader"
        raise UsageError.of("U095", message, None, expected, "Choose another name, or remove the file.")


def _views(
    granted: Mapping[str, DataProduct], links: ReaderFiles, location: LakeLocation
) -> tuple[list[Held], bytes]:
    """The versions to show, all with links, and the content of the BI file."""
    lakes = sorted({product.lake for product in granted.values() if location.exists(product.lake)})
    private = next(filter(location.is_private, lakes), None)
    held = []
    with connect(location, read=lakes) as connection, spill_folder(location, private) as room:
        for lake in lakes:
            with lake_faults(location, lake):
                for product, version, _ in list(latest_of(connection, lake, granted.values())):
                    known = links.find(product, version.version)
                    held.append(known or _hold(connection, product, version, links, room))
        draft = room / "mesh.duckdb"
        connection.execute(f"ATTACH {literal(str(draft))} AS bi (STORAGE_VERSION 'v1.0.0')")
        connection.execute(f"CREATE TABLE bi.main.mesh_products ({_COLUMNS})")
        for each in held:
            for statement in _statements(granted[each.product], each):
                connection.execute(statement)
        connection.execute("DETACH bi")
        return held, draft.read_bytes()


def _hold(
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    version: Version,
    links: ReaderFiles,
    room: Path,
) -> Held:
    rows = product_files(connection, product, room, version.version)
    paths = [links.path(product, version.version, number) for number in range(len(rows.files))]
    query = replace(rows, files=tuple(escape(str(path)) for path in paths)).query
    at, columns = f"{version.published_at:%Y-%m-%d %H:%M:%S}", [column.name for column in rows.columns]
    facts = {"query": query, "columns": columns, "published_at": at, "rows": version.rows}
    return links.hold(product, version.version, rows.files, facts)


def _statements(product: DataProduct, held: Held) -> Iterator[str]:
    at, rows, columns = (held.facts[name] for name in ("published_at", "rows", "columns"))
    view, purpose = f"bi.{quoted(product.domain)}.{quoted(product.name)}", product.purpose.strip()
    yield f"CREATE SCHEMA IF NOT EXISTS bi.{quoted(product.domain)}"
    yield f"CREATE VIEW {view} AS {held.facts['query']}"
    text = f"{product.id}, version {held.version}, published {at} UTC. {purpose}"
    yield f"COMMENT ON VIEW {view} IS {literal(text)}"
    for column in product.columns:
        if column.description and column.name in columns:
            yield f"COMMENT ON COLUMN {view}.{quoted(column.name)} IS {literal(column.description)}"
    values = (product.id, product.domain, product.name, held.version, at, rows, product.owner or "", purpose)
    yield f"INSERT INTO bi.main.mesh_products VALUES ({', '.join(map(literal, values))})"
