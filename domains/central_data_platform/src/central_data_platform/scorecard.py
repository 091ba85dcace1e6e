"""How every product of the mesh stands with the policies that the domains agreed on."""

from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa

from platform_core import Result, data_product
from platform_core.settings import mesh_root
from platform_core.workspace.scorecard import Standing, coverage, score, standings
from platform_core.workspace.validate import Examination, examine

SCORECARD = pa.schema(
    {
        "subject": pa.string(),
        "policy_code": pa.string(),
        "domain": pa.string(),
        "product": pa.string(),
        "policy": pa.string(),
        "state": pa.string(),
        "waived_until": pa.date32(),
        "waiver_days_left": pa.int64(),
        "documented_share": pa.float64(),
        "owned": pa.bool_(),
        "sla_declared": pa.bool_(),
        "quality_declared": pa.bool_(),
        "judged_on": pa.date32(),
    }
)


@data_product
def governance_scorecard() -> Result:
    today = date.today()
    found = examine(mesh_root(), today)
    rows = standings(found, today)
    covered = {name: covered_by(found, name) for name in found.mesh.products}
    records = [
        {
            "subject": row.subject,
            "policy_code": row.code,
            "domain": row.domain,
            "product": row.product,
            "policy": row.title,
            "state": row.state,
            "waived_until": row.waived_until,
            "waiver_days_left": row.days_left,
            "judged_on": today,
        }
        | covered.get(row.subject, {})
        for row in rows
    ]
    return Result(pa.Table.from_pylist(records, schema=SCORECARD), trend(found, rows))


def covered_by(found: Examination, product: str) -> dict[str, Any]:
    """What one product has of what its consumers need."""
    coverage_of_it = coverage(found, [found.mesh.products[product]])
    return {
        "documented_share": coverage_of_it.documentation,
        "owned": coverage_of_it.ownership == 1,
        "sla_declared": coverage_of_it.sla == 1,
        "quality_declared": coverage_of_it.quality == 1,
    }


def trend(found: Examination, rows: tuple[Standing, ...]) -> dict[str, Any]:
    """Numbers that Dagster plots over the materializations, and the domains beside each other."""
    overall, products = score(rows), list(found.mesh.products.values())
    covered = coverage(found, products)
    numbers: dict[str, Any] = {
        "governance/policies_kept": overall.kept,
        "governance/errors": overall.failed,
        "governance/warnings": overall.warned,
        "governance/waived": overall.waived,
        "governance/documentation": covered.documentation,
        "governance/ownership": covered.ownership,
        "governance/sla": covered.sla,
        "governance/quality": covered.quality,
    }
    lines = ["| domain | policies kept | errors | warnings | waived |", "|---|---|---|---|---|"]
    for domain in sorted({product.domain for product in products}):
        own = score([row for row in rows if row.domain == domain])
        numbers[f"governance/policies_kept_{domain}"] = own.kept
        lines.append(f"| {domain} | {own.kept:.1%} | {own.failed} | {own.warned} | {own.waived} |")
    return numbers | {"governance/domains": dg.MetadataValue.md("\n".join(lines))}
