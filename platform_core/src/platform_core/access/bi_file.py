"""A DuckDB file for BI tools: views over the published versions that a reader is granted.

The views name hard links by absolute paths, so that any DuckDB from 1.0 on reads them without an extension.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from glob import escape
from pathlib import Path

import duckdb

from platform_core.access.grants import is_granted, require_principal
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import Diagnostic, PlatformError, UsageError, shown
from platform_core.files import write_files
from platform_core.lake.connect import connect
from platform_core.lake.errors import lake_faults, sentence
from platform_core.lake.lakes import current_lakes
from platform_core.lake.local.spill import spill_folder
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.reader_files import ReaderFiles, Record, links_of, readers
from platform_core.lake.versions import latest_of
from platform_core.registry.lookup import Registry
from platform_core.sealed.version import VersionColumn, VersionFiles, product_files
from platform_core.settings import mesh_home
from platform_core.sql.quoting import literal, quoted


def attach(
    file: Path, reader: str, root: Path, *, after_runs: bool
) -> tuple[dict[str, int], int, tuple[Diagnostic, ...]]:
    """Write the BI file of a reader, or replace it in one step: open clients keep the old one. ``after_runs``
    is whether runs refresh it. Returns its versions by product, the number of all other products, and the
    faults of broken contracts: their products are left out, and their links stay.

    Raises UsageError (U041, U042, U066, U068), LakeError.
    """
    registry, location = Registry.open(root), current_lakes(root)
    if location.reader is not None:
        message = "a BI file links the data files of this machine, and the lakes are on servers"
        fix = "Write the rows, with `mesh query -o FILE`; or let the tool attach the lake: docs/deploy.md."
        raise UsageError.of("E017", message, None, "lakes of this machine", fix)
    require_principal(reader, registry.domains())
    links = links_of(mesh_home(root), reader)
    try:
        with links.locked():
            _require_own(file, links.attached(), registry.domains())
            products, faults = registry.scan()
            granted: dict[str, DataProduct] = {p.id: p for p in products if is_granted(p, reader)}
            held, content = _views(granted, links, location)
            links.attach(file, after_runs)
            # A client that died leaves a log, which DuckDB would apply to the new file.
            log = file.with_name(f"{file.name}.wal")
            write_files({log: None, file: content})
            log.unlink(missing_ok=True)
            file.chmod(0o444)
            links.release(held, {*registry.names()} - {product.id for product in products})
    except (OSError, ValueError, KeyError, duckdb.Error) as error:  # also of a damaged record
        message = f"{shown(file)} or its links in {shown(links.folder)} cannot be written: {sentence(error)}"
        expected, fix = "writable folders with free space", "Repair the folder, then call again."
        raise UsageError.of("U068", message, None, expected, fix) from error
    views = {each["product"]: each["version"] for each in held}
    return views, len(registry.names()) - len(held), faults


def refresh_attached(root: Path) -> tuple[Diagnostic, ...]:
    """Refresh the BI files that runs refresh, unless they were removed; returns the faults as warnings."""
    faults: list[Diagnostic] = []
    for links in readers(mesh_home(root)):
        for name, refreshed in links.attached().items():
            try:
                if refreshed and Path(name).exists():
                    faults += attach(Path(name), links.reader, root, after_runs=True)[2]
            except PlatformError as error:
                faults += error.diagnostics
    return tuple(replace(each, severity="warning") for each in faults)


def _require_own(file: Path, attached: Collection[str], domains: Collection[str]) -> None:
    if file.stem in domains:  # DuckDB would not know whether a name begins with the file or the schema
        message = f"{shown(file)} has the name of the domain {file.stem}"
        raise UsageError.of("U066", message, None, "another name", "Choose another name.")
    if not file.parent.is_dir():
        expected, fix = "a folder that exists", "Make the folder, or choose another one."
        raise UsageError.of("U068", f"{shown(file)} is not in a folder", None, expected, fix)
    # `attach` leaves its files unwritable, unlike those of any other program.
    if file.exists() and (str(file) not in attached or not file.is_file() or file.stat().st_mode & 0o222):
        message, expected = f"{shown(file)} exists", "a new file, or one of `mesh attach` for this reader"
        raise UsageError.of("U066", message, None, expected, "Choose another name.")


def _views(
    granted: Mapping[str, DataProduct], links: ReaderFiles, location: LakeLocation
) -> tuple[list[Record], bytes]:
    """The records of the versions to show, all with links, and the content of the BI file."""
    lakes = sorted({product.lake for product in granted.values() if location.exists(product.lake)})
    private, held = next(filter(location.is_private, lakes), None), []
    with connect(location, read=lakes) as connection, spill_folder(location, private) as room:
        for lake in lakes:
            with lake_faults(location, lake):
                for product, version, _ in list(latest_of(connection, lake, granted.values())):
                    make = partial(_files, location, connection, product, version.version, room)
                    held.append(links.hold(product, version, make))
        draft = room / "mesh.duckdb"
        connection.execute(f"ATTACH {literal(str(draft))} AS bi (STORAGE_VERSION 'v1.0.0')")
        connection.execute(
            "CREATE TABLE bi.main.mesh_products (product VARCHAR, version BIGINT, published_at TIMESTAMP,"
            " row_count BIGINT, owner VARCHAR, purpose VARCHAR)"
        )
        for each in held:
            for statement in _statements(granted[each["product"]], each):
                connection.execute(statement)
        connection.execute("DETACH bi")
        return held, draft.read_bytes()


def _files(
    location: LakeLocation,
    connection: duckdb.DuckDBPyConnection,
    product: DataProduct,
    version: int,
    room: Path,
) -> tuple[Collection[str], Record]:
    """The files of a version, and the facts that its view needs."""
    rows = product_files(location, connection, product, room, version)
    return rows.files, {"columns": rows.columns, "evolved": rows.evolved}


def _statements(product: DataProduct, record: Record) -> Iterator[str]:
    columns = tuple(VersionColumn(*column) for column in record["columns"])
    files = tuple(escape(str(record["folder"] / name)) for name in record["files"])
    rows = VersionFiles(columns, files, record["evolved"])
    view, purpose = f"bi.{quoted(product.domain)}.{quoted(product.name)}", product.purpose.strip()
    yield f"CREATE SCHEMA IF NOT EXISTS bi.{quoted(product.domain)}"
    yield f"CREATE VIEW {view} AS {rows.query}"
    text = f"{product.id}, version {record['version']}, published {record['at'][:19]} UTC. {purpose}"
    yield f"COMMENT ON VIEW {view} IS {literal(text)}"
    names = [column.name for column in columns]
    for column in product.columns:
        if column.description and column.name in names:
            yield f"COMMENT ON COLUMN {view}.{quoted(column.name)} IS {literal(column.description)}"
    values = (product.id, record["version"], record["at"], record["rows"], product.owner or "", purpose)
    yield f"INSERT INTO bi.main.mesh_products VALUES ({', '.join(map(literal, values))})"
