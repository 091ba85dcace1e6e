"""A file product: a governed table, and an extract of each version under one stable name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dagster as dg

from platform_core.contracts.model import DataProduct, Rule
from platform_core.contracts.registry import Registry
from platform_core.errors import Place
from platform_core.lake.extract import difference, write_extract
from platform_core.lake.kept import Keeping, KeptFile, Shelf
from platform_core.lake.location import LakeLocation
from platform_core.lake.transaction import number
from platform_core.products.asset import function_asset
from platform_core.products.beside import Beside
from platform_core.products.declare import ProductFunction
from platform_core.products.report import Outcomes
from platform_core.quality.gate import ContractBroken
from platform_core.quality.outcome import CheckOutcome
from platform_core.sql.types import describe

if TYPE_CHECKING:
    from platform_core.products.asset import Publishing


def file_asset(product: DataProduct, function: ProductFunction, registry: Registry) -> dg.AssetsDefinition:
    """The asset of a file product that a Python function makes. Raises as ``function_asset`` does."""
    return function_asset(product, function, registry, beside=Extract)


class Extract(Beside):
    """One run of a file product: the file is written from the audited version before its COMMIT."""

    def __init__(self, run: Publishing, place: Place) -> None:
        super().__init__(run, place)
        self.shelf = Shelf(LakeLocation.current(), run.product)
        self.keeping = Keeping(run.connection, self.shelf)

    def audit(self, relation: str) -> Outcomes:
        product, connection = self.run.product, self.run.connection
        outcomes = self.run.audit(relation)
        started = time.monotonic()
        with self.keeping.draft() as path:
            write_extract(connection, product, relation, path)
            wrong = difference(connection, product, relation, path)
            outcome = CheckOutcome(
                file_check(product),
                passed=wrong is None,
                violations=None,
                rows=number(connection, f"SELECT count(*) FROM {relation}"),
                seconds=time.monotonic() - started,
                message=f"{path.name} is not what was published: {wrong}" if wrong else "",
            )
            if wrong:
                raise ContractBroken(product, (*outcomes, outcome))
            columns = [{"name": n, "type": t} for n, t in describe(connection, f"FROM {relation}").items()]
            card = {"contract_version": product.version, "rows": outcome.rows, "columns": columns}
            kept = self.keeping.keep(path, card, self.run.stamp)
        self.run.metadata.update(file_metadata(kept))
        return (*outcomes, outcome)

    def committed(self, version: int) -> None:
        self.keeping.committed(version)

    def discard(self) -> None:
        self.keeping.discard()


def file_check(product: DataProduct) -> Rule:
    """The rule about the file that a product keeps."""
    return next(rule for rule in product.rules if rule.kind == "file")


def file_metadata(kept: KeptFile) -> dict[str, object]:
    """Where the file is, and what anyone who copies it compares."""
    return {
        "mesh/file": dg.MetadataValue.path(str(kept.stable)),
        "mesh/file_format": kept.path.suffix.removeprefix("."),
        "mesh/file_bytes": kept.bytes,
        "mesh/file_sha256": kept.sha256,
    }
