"""A version of one product: its rows, its file or model, and what a stream received since."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from platform_core.access.in_process import Opened, rows_of
from platform_core.access.versions import not_kept
from platform_core.client.rows import Rows
from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import UsageError
from platform_core.lake.catalog import read_catalog
from platform_core.lake.connect import connect
from platform_core.lake.errors import lake_faults
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.lake.publication.streams import Position
from platform_core.lake.reading import insertions, table_identity, version_at
from platform_core.lake.versions import history
from platform_core.sealed.files import SealedFiles
from platform_core.sealed.version import copied

if TYPE_CHECKING:
    from platform_core.products.artifact import Artifact


@dataclass(frozen=True, eq=False, repr=False)
class ProductRows(Rows):
    """The rows of one version of a product."""

    _product: DataProduct
    _location: LakeLocation

    @property
    def version(self) -> int:
        """The version of the product's lake at which these rows were published."""
        return self._rows.version

    def path(self) -> Path:
        """The file of a file product or a model; it never changes. Raises UsageError U111 for other products,
        LakeError L030 to L032."""
        if self._product.file is None:
            raise self._not_of_kind("file", "a product with a file: physicalType: file or model")
        versions = read_catalog(
            self._location, self._product.lake, lambda found: history(found, self._product)
        )
        [version] = [each for each in versions if each.version == self.version]
        return ProductFiles(self._location, self._product).read(version).path

    def model(self) -> Artifact:
        """The model of a model product. Raises UsageError U111 for other products, DefinitionError D044 and
        D045, LakeError L030 to L032."""
        from platform_core.products.artifact import read_artifact

        if self._product.signature is None:
            raise self._not_of_kind("model", "a product with physicalType: model")
        return read_artifact(self._product, self._location, self.version)

    def changes(self, since: int) -> Rows:
        """The rows of a stream that were published after version ``since``, up to this version, with all
        columns. Raises UsageError U111 for other products, RunError R023 for a version that is not kept,
        LakeError L042 or
        L043 if a version in between expired, or rows were changed or removed since."""
        from platform_core.products.inputs.changes import since as require

        product, lake = self._product, self._product.lake
        if product.kind != "stream":
            raise self._not_of_kind("changes", "a stream, to which rows are only added")

        def opened(files: SealedFiles, room: Path | None) -> Opened:
            with connect(self._location, read=[lake]) as connection, lake_faults(self._location, lake):
                if since > self.version or version_at(connection, product, since) is None:
                    raise not_kept(product, str(since))
                position: Position = {
                    "version": since,
                    "table": table_identity(connection, product, since),
                }
                require(connection, None, product, position, self.version, product.place)
                rows = copied(connection, insertions(product, since, self.version), room)
            return {(product.id, ""): rows.opened(files, f"{product.id}/{self.version}")}

        return Rows(rows_of([product], self._location, opened, lambda _: f"FROM {product.id.in_sql}"))

    def _not_of_kind(self, what: str, expected: str) -> UsageError:
        message = f"{self._product.id} is a {self._product.kind} and has no {what}"
        return UsageError.of(
            "U111", message, self._product.place, expected, "Read its rows, such as .arrow()."
        )
