"""What a reader calls: ``read``, ``query`` and ``products``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from platform_core.access.grants import ANALYSTS, require_grant, require_principal
from platform_core.access.in_process import Opened, granted_rows, rows_of
from platform_core.access.query_log import record_query
from platform_core.access.versions import files_of_versions
from platform_core.client.product import ProductRows
from platform_core.client.rows import Rows
from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import chosen_keys, partition_windows
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import AccessDenied, LakeError, UsageError, render
from platform_core.lake.catalog import read_catalog
from platform_core.lake.location import LakeLocation
from platform_core.lake.partition_filter import window_predicate
from platform_core.lake.versions import Catalog, Version, latest_of
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import require_known
from platform_core.settings import mesh_home, mesh_root
from platform_core.sql.allowed import moment_text
from platform_core.sql.quoting import quoted

Moment = int | str | datetime
"""A version of the lake, or a time, in UTC if it has no zone."""


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """A product that the reader may read. The last three are None if it was never published."""

    id: str
    kind: str
    purpose: str
    owner: str | None
    columns: tuple[str, ...]
    version: int | None
    rows: int | None
    published_at: datetime | None


def read(
    product: str,
    *,
    columns: Sequence[str] | None = None,
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

    Raises:
        UsageError: U001 outside of a mesh; U011 for an unknown column, U024 and U025 for unknown partitions,
            U041 and U042 for an unknown reader, U094 for a wrong ``as_of``.
        DefinitionError: D001 for an unknown product.
        AccessDenied: A001 without a grant, A002 for a restricted product.
        RunError: R020 if it was never published, or its versions were removed; R023 for a version or time
            that the lake does not keep.
        LakeError, ContractError: the lake or the contract cannot be read.
    """
    mesh = _Mesh.at(root)
    require_principal(reader, mesh.registry.domains())
    found = mesh.registry.get(ProductId.written(product))
    require_grant(found, reader, mesh.root)
    if version is not None and as_of is not None:
        raise UsageError.of("U094", "version and as_of are both given", expected="one of them")
    moment = as_of if version is None else version
    asked = {(str(found.id), ""): (found, "" if moment is None else moment_text("as_of", moment))}
    sql = partial(_select, found, columns, partitions)
    opened = partial(files_of_versions, asked, mesh.location)
    rows = rows_of([found], mesh.location, opened, sql)
    mesh.record(reader, [found.id])
    return ProductRows(rows, found, mesh.location)


def query(
    sql: str,
    *,
    as_of: Moment | None = None,
    reader: str = ANALYSTS,
    root: str | os.PathLike[str] | None = None,
) -> Rows:
    """The rows of one SELECT over products, named ``domain.product``, as in ``mesh query``.

    Raises:
        UsageError: U040 to U046 as ``mesh query``; U001, U094.
        AccessDenied: A001, A002 without a grant; A010, A012, A013 for anything but a query over products.
        RunError: R020, R023 as in ``read``.
        LakeError, ContractError: the lake or a contract cannot be read.
    """
    mesh = _Mesh.at(root)
    text = None if as_of is None else moment_text("as_of", as_of)
    rows = granted_rows(sql, reader, mesh.registry, mesh.location, mesh.root, text)
    mesh.record(reader, rows.products)
    return Rows(rows)


def products(
    *, reader: str = ANALYSTS, root: str | os.PathLike[str] | None = None
) -> tuple[ProductFacts, ...]:
    """The products that ``reader`` may read, by id. Broken contracts and lakes are warnings.

    Raises UsageError: U001 outside of a mesh, U041 and U042 for an unknown reader.
    """
    mesh = _Mesh.at(root)
    require_principal(reader, mesh.registry.domains())
    every, faults = mesh.registry.scan()
    granted = []
    for product in every:
        with suppress(AccessDenied):
            require_grant(product, reader, mesh.root)
            granted.append(product)
    found: dict[str, Version] = {}
    for lake in sorted({product.lake for product in granted if mesh.location.exists(product.lake)}):
        try:
            found |= read_catalog(mesh.location, lake, partial(_latest, lake, granted))
        except LakeError as error:
            faults += error.diagnostics
    if faults:
        warnings.warn(render(faults), stacklevel=2)
    return tuple(_facts(product, found.get(product.id)) for product in sorted(granted, key=lambda p: p.id))


@dataclass(frozen=True, slots=True)
class _Mesh:
    root: Path
    registry: Registry
    location: LakeLocation

    @classmethod
    def at(cls, root: str | os.PathLike[str] | None) -> _Mesh:
        found = mesh_root() if root is None else mesh_root(Path(root))
        return cls(found, Registry.open(found), LakeLocation.current(found))

    def record(self, reader: str, read: Iterable[str]) -> None:
        if not record_query(mesh_home(self.root), reader, tuple(read)):
            warnings.warn("the query is not recorded: data_product_usage will not include it", stacklevel=3)


def _select(
    product: DataProduct,
    columns: Sequence[str] | None,
    partitions: str | Iterable[str] | None,
    opened: Opened,
) -> str:
    [version] = opened.values()
    types = {column.name: column.type for column in version.columns}
    require_known("column", columns or (), list(types), product.id, product.place)
    chosen = ", ".join(map(quoted, types if columns is None else columns)) or "NULL"
    rows = f"SELECT {chosen} FROM {quoted(product.domain)}.{quoted(product.name)}"
    if partitions is None:
        return rows
    if product.partitions is None:
        message = f"{product.id} has no partitions"
        raise UsageError.of("U025", message, product.place, fix="Leave out partitions.")
    windows = {window.key: window for window in partition_windows(product.partitions)}
    asked = [partitions] if isinstance(partitions, str) else partitions
    keys = dict.fromkeys(key for each in asked for key in chosen_keys(each, list(windows), product.id))
    wanted = " OR ".join(window_predicate(product, types, windows[key]) for key in keys)
    return f"{rows} WHERE {wanted or 'false'}"


def _latest(lake: str, products: Iterable[DataProduct], catalog: Catalog) -> dict[str, Version]:
    return {product.id: version for product, version, _ in latest_of(catalog, lake, products)}


def _facts(product: DataProduct, version: Version | None) -> ProductFacts:
    newest = (version.version, version.rows, version.published_at) if version else (None, None, None)
    names = tuple(column.name for column in product.columns)
    return ProductFacts(product.id, product.kind, product.purpose, product.owned_by, names, *newest)
