"""Reading data products in Python, without Dagster: ``import platform_core.client as mesh``.

Grants, judgement and record are those of ``mesh query``. The engine runs in your own process and shows only
the granted versions; your Python is stopped by nothing: it can open every file that your user may read.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from platform_core.access.grants import ANALYSTS, is_granted, reader_of, require_grant
from platform_core.access.query import GrantedRows, Opened, granted_rows, rows_of
from platform_core.access.query_log import record_query
from platform_core.access.versions import files_of_versions, not_kept
from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import chosen_keys, partition_windows
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import UsageError, render
from platform_core.extras import missing
from platform_core.lake.connect import connect, read_catalog
from platform_core.lake.errors import lake_faults
from platform_core.lake.lakes import current_lakes
from platform_core.lake.location import LakeLocation, table_of
from platform_core.lake.partition_filter import window_predicate
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.lake.reading import at_version, insertions, table_identity, version_at
from platform_core.lake.versions import history
from platform_core.registry.lookup import Registry
from platform_core.registry.search import index_of
from platform_core.registry.search import search as found
from platform_core.registry.typed_names import require_known
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.shapes import stored
from platform_core.sealed.version import copied
from platform_core.settings import mesh_home, mesh_root
from platform_core.sql.allowed import moment_text
from platform_core.sql.quoting import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation
    from pandas import DataFrame
    from polars import DataFrame as PolarsFrame
    from pyarrow import Table

    from platform_core.products.artifact import Artifact

__all__ = ["ProductRows", "Rows", "products", "query", "read"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False, repr=False)
class Rows:
    """Rows of granted versions. Every call reads them again, of the same versions, even if new ones were
    published or these were removed from the lake. Times are in UTC. Threads wait for each other, except with
    a relation of ``duckdb``, which is for one thread. Frames have text for types that Arrow does not have.

    The methods raise UsageError: U040 if a value cannot be computed, U045 if the memory is exceeded, U110
    if their library is not installed; and LakeError L004 for a damaged file.
    """

    _rows: GrantedRows

    @property
    def products(self) -> tuple[str, ...]:
        """The ids of the products whose rows these are."""
        return self._rows.products

    def duckdb(self) -> DuckDBPyRelation:
        """A relation of an engine that sees only these versions."""
        return self._rows.relation()

    def arrow(self) -> Table:
        return self._read("pyarrow", lambda rows: rows.to_arrow_table())

    def polars(self) -> PolarsFrame:
        return self._read("polars", lambda rows: rows.pl())

    def pandas(self) -> DataFrame:
        return self._read("pandas", lambda rows: rows.df())

    def __repr__(self) -> str:
        return f"<rows of {', '.join(self.products)}: {', '.join(self.duckdb().columns)}>"

    def _read(self, library: str, read: Callable[[DuckDBPyRelation], T]) -> T:
        try:
            __import__(library)
            with self._rows.faults():
                return read(stored(self._rows.relation()))
        except ModuleNotFoundError as error:
            raise missing(error) from None


@dataclass(frozen=True, eq=False, repr=False)
class ProductRows(Rows):
    """The rows of one version of a product."""

    _product: DataProduct
    _location: LakeLocation

    @property
    def version(self) -> int:
        """The version of the product's lake at which these rows were published."""
        [opened] = self._rows.opened.values()
        return opened.version

    def path(self) -> Path:
        """The file of a file product or a model; it never changes. Raises UsageError U111 for other products,
        LakeError L030 to L032."""
        product = self._of_kind("file", "file", self._product.file)
        versions = read_catalog(self._location, product.lake, lambda found: history(found, product))
        [version] = [each for each in versions if each.version == self.version]
        return ProductFiles(self._location, product).read(version).path

    def model(self) -> Artifact:
        """The model of a model product. Raises UsageError U111 for other products, DefinitionError D044 and
        D045, LakeError L030 to L032."""
        from platform_core.products.artifact import read_artifact

        return read_artifact(
            self._of_kind("model", "model", self._product.signature), self._location, self.version
        )

    def changes(self, since: int) -> Rows:
        """The rows of a stream that were published after version ``since``, up to this version, with all
        columns. Raises UsageError U111 for other products, RunError R023 for a version that is not kept,
        LakeError L042 or L043 if a version in between expired, or rows were changed or removed since."""
        from platform_core.products.inputs.changes import since as require_whole

        product = self._of_kind("stream", "changes", self._product.kind == "stream")

        def opened(files: SealedFiles, room: Path | None) -> Opened:
            lake = product.lake
            with connect(self._location, read=[lake]) as connection, lake_faults(self._location, lake):
                if since > self.version or version_at(connection, product, since) is None:
                    raise not_kept(product, str(since))
                position = {"version": since, "table": table_identity(connection, product, since)}
                require_whole(connection, None, product, position, self.version, product.place)
                new = f"(FROM {at_version(table_of(product), since)} LIMIT 0)"
                if since < self.version:
                    new = insertions(product, since, self.version)
                rows = copied(connection, new, room)
            return {(product.id, ""): rows.opened(files, f"{product.id}/{self.version}")}

        return Rows(rows_of([product], self._location, opened, lambda _: f"FROM {product.id.in_sql}"))

    def _of_kind(self, kind: str, what: str, has: object) -> DataProduct:
        if has:
            return self._product
        message = f"{self._product.id} is a {self._product.kind} and has no {what}"
        expected, fix = f"a product with physicalType: {kind}", "Read its rows, with arrow() for example."
        raise UsageError.of("U111", message, self._product.place, expected, fix)


Moment = int | str | datetime
"""A version of the lake, or a time, in UTC if it has no zone."""


def read(
    product: str,
    *,
    columns: str | Sequence[str] | None = None,
    partitions: str | Iterable[str] | None = None,
    version: int | None = None,
    as_of: Moment | None = None,
    reader: str = ANALYSTS,
    root: str | os.PathLike[str] | None = None,
) -> ProductRows:
    """The rows of a product, such as ``"sales/transactions"``: of the published version, of a ``version``, or
    of the one that was published ``as_of`` a version or time.

    ``columns`` are all by default. ``partitions`` are keys, or one text ``first..last``. ``reader`` is a
    group or ``domain:<name>``. The mesh is the one at ``root``, MESH_ROOT or around the working directory.

    Raises UsageError: U001 outside of a mesh, U011 for an unknown column, U024 and U025 for unknown
    partitions, U041 and U042 for an unknown reader, U094 for a wrong ``as_of``; DefinitionError D001 for an
    unknown product; AccessDenied A001 without a grant, A002 for a restricted product; RunError R020 if it was
    never published, or was removed, R023 for a version that is not kept; LakeError; ContractError.
    """
    folder, registry, location = _mesh(root)
    reader = _known(reader, registry, location)
    found = registry.get(ProductId.written(product))
    require_grant(found, reader, folder)
    if version is not None and as_of is not None:
        raise UsageError.of("U094", "version and as_of are two versions", fix="Leave one out.")
    name, moment = ("as_of", as_of) if version is None else ("version", version)
    asked = {(str(found.id), ""): (found, "" if moment is None else moment_text(name, moment))}
    sql = partial(_select, found, columns, partitions)
    rows = rows_of([found], location, partial(files_of_versions, asked, location), sql)
    _record(folder, reader, [found.id])
    return ProductRows(rows, found, location)


def query(
    sql: str,
    *,
    as_of: Moment | None = None,
    reader: str = ANALYSTS,
    root: str | os.PathLike[str] | None = None,
) -> Rows:
    """The rows of one SELECT over products, named ``domain.product``, as in ``mesh query``.

    Raises UsageError U001, U040 to U046 and U094; AccessDenied A001 and A002 without a grant, A010, A012 and
    A013 for anything but a query over products; RunError, LakeError and ContractError as ``read``.
    """
    folder, registry, location = _mesh(root)
    text = None if as_of is None else moment_text("as_of", as_of)
    reader = _known(reader, registry, location)
    rows = granted_rows(sql, reader, registry, location, folder, text)
    _record(folder, reader, rows.products)
    return Rows(rows)


def products(
    search: str | None = None, *, reader: str = ANALYSTS, root: str | os.PathLike[str] | None = None
) -> tuple[DataProduct, ...]:
    """The products that ``reader`` may read, as their contracts describe them; broken ones are a warning.
    With ``search`` those of the best 20 that match the text, the best first.

    Raises UsageError: U001 outside of a mesh, U041 and U042 for an unknown reader.
    """
    folder, registry, location = _mesh(root)
    reader = _known(reader, registry, location)
    if search is None:
        every, faults = registry.scan()
    else:
        every, faults = registry.each(found(registry, search, index_of(folder)))
    if faults:
        warnings.warn(render(faults), stacklevel=2)
    return tuple(product for product in every if is_granted(product, reader))


def _mesh(root: str | os.PathLike[str] | None) -> tuple[Path, Registry, LakeLocation]:
    found = mesh_root() if root is None else mesh_root(Path(root))
    return found, Registry.open(found), current_lakes(found)


def _known(reader: str, registry: Registry, location: LakeLocation) -> str:
    return reader_of(None if reader == ANALYSTS else reader, ANALYSTS, location.reader, registry.domains())


def _record(root: Path, reader: str, read: Iterable[str]) -> None:
    if not record_query(mesh_home(root), reader, tuple(read)):
        warnings.warn("the query is not recorded: data_product_usage will not include it", stacklevel=3)


def _select(
    product: DataProduct,
    columns: str | Sequence[str] | None,
    partitions: str | Iterable[str] | None,
    opened: Opened,
) -> str:
    [version] = opened.values()
    columns = [columns] if isinstance(columns, str) else columns
    types = {column.name: column.type for column in version.columns}
    require_known("column", columns or (), list(types), product.id, product.place)
    chosen = ", ".join(map(quoted, types if columns is None else columns)) or "NULL"
    rows = f"SELECT {chosen} FROM {quoted(product.domain)}.{quoted(product.name)}"
    if partitions is None:
        return rows
    if product.partitions is None:
        raise UsageError.of("U025", f"{product.id} has no partitions", product.place, fix="Leave them out.")
    windows = {window.key: window for window in partition_windows(product.partitions)}
    asked = [partitions] if isinstance(partitions, str) else partitions
    keys = dict.fromkeys(key for each in asked for key in chosen_keys(each, list(windows), product.id))
    wanted = " OR ".join(window_predicate(product, types, windows[key]) for key in keys)
    return f"{rows} WHERE {wanted or 'false'}"
