"""The service levels of products, as the product of the mesh has them that ``governance/mesh.yaml`` names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from platform_core.access.grants import ANALYSTS, reader_of, require_grant
from platform_core.access.query import granted_rows
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Place, UsageError
from platform_core.lake.lakes import current_lakes
from platform_core.registry.lookup import Registry
from platform_core.source.federation import read_federation
from platform_core.sql.quoting import quoted

ROLLING: Final = "28 days"
"""The period of the rolling figures; the others are months."""


@dataclass(frozen=True, slots=True)
class Level:
    """The figures of a product in a period. Percentages are 0 to 100; ``error_budget`` is the part that is
    left, below 0 once it is overspent, None where the target allows no miss."""

    product_id: str
    period: str
    promised: int
    kept: int
    attained: float
    own: float
    target: float
    error_budget: float | None
    last_day: date

    @property
    def words(self) -> str:
        return f"kept {self.kept} of {self.promised} in {self.period}"


_COLUMNS: Final = tuple(Level.__dataclass_fields__)


def levels_product(root: Path) -> str:
    """The product with the service levels. Raises UsageError O008 where none is named."""
    found = read_federation(root).service_levels
    if found is None:
        fix = "Write service_levels: <domain>/<product>."
        message = "governance/mesh.yaml names no product with service levels"
        raise UsageError.of("O008", message, Place(root / "governance" / "mesh.yaml"), "service_levels", fix)
    return found


def service_levels(root: Path, principal: str | None = None) -> list[Level]:
    """The levels of all products and periods. Raises UsageError O008, AccessDenied, RunError R020 before the
    product was made, LakeError."""
    registry, location = Registry.open(root), current_lakes(root)
    product = registry.get(ProductId(levels_product(root)))
    reader = reader_of(principal, ANALYSTS, location.reader, registry.domains())
    require_grant(product, reader, root)
    sql = f"SELECT {', '.join(map(quoted, _COLUMNS))} FROM {quoted(product.id)}"
    rows = granted_rows(sql, reader, registry, location, root)
    with rows.faults():
        return [Level(*row) for row in rows.relation().order("product_id, period").fetchall()]
