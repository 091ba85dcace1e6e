"""The state of every product of the mesh with each policy."""

from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa

from platform_core import Result, data_product
from platform_core.mesh import Assessment, Coverage, assess, score

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
    found = assess(today)
    covered = {name: shares(coverage) for name, coverage in found.coverage_of.items()}
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
        for row in found.standings
    ]
    return Result(pa.Table.from_pylist(records, schema=SCORECARD), trend(found))


def shares(coverage: Coverage) -> dict[str, Any]:
    """The coverage of one product."""
    return {
        "documented_share": coverage.documentation,
        "owned": coverage.ownership == 1,
        "sla_declared": coverage.sla == 1,
        "quality_declared": coverage.quality == 1,
    }


def trend(found: Assessment) -> dict[str, Any]:
    """Numbers that Dagster plots over the materializations, and a table of domains."""
    overall, covered = score(found.standings), found.coverage
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
    for domain in sorted({product.domain for product in found.products.values()}):
        own = score([row for row in found.standings if row.domain == domain])
        numbers[f"governance/policies_kept_{domain}"] = own.kept
        lines.append(f"| {domain} | {own.kept:.1%} | {own.failed} | {own.warned} | {own.waived} |")
    return numbers | {"governance/domains": dg.MetadataValue.md("\n".join(lines))}
