"""The stricter policies of the crew."""

from collections.abc import Iterator

from platform_core.contracts.model import DataProduct
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.governance.policy import Violation, policy

STRICTER = {"G308": "error"}


@policy(
    "CREW101",
    title="Versions are kept for a month at most",
    scope="product",
    severity="warn",
    rationale="Works council agreement.",
    fix="Lower the retention.",
    failing="""
# roster.odcs.yaml
slaProperties:
  - {property: latency, value: 6, unit: h, scheduler: cron, schedule: "0 6 * * *",
     customProperties: [{property: timezone, value: Europe/London, vendor: platform-core}]}
  - {property: retention, value: 40, unit: d}
""",
    passing="""
# roster.odcs.yaml
slaProperties:
  - {property: latency, value: 6, unit: h, scheduler: cron, schedule: "0 6 * * *",
     customProperties: [{property: timezone, value: Europe/London, vendor: platform-core}]}
  - {property: retention, value: 30, unit: d}
""",
)
def short(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    if product.retention is not None and product.retention.days > 30:
        place = product.places["/slaProperties"]
        yield Violation(f"{product.id} is kept for {product.retention.days} days", place, product.id)
