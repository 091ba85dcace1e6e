"""The stricter policies of hr. Any interpreter imports this module, so it must not use hr's libraries."""

from collections.abc import Iterator
from datetime import timedelta

from platform_core.contracts.model import DataProduct
from platform_core.governance.policy import Violation, policy

# A deprecated product keeps personnel data in circulation, so reading it is an error here.
STRICTER = {"G308": "error"}

LONGEST = timedelta(days=30)


@policy(
    "HR101",
    title="Personnel data is kept for a month at most",
    scope="product",
    rationale="The works council agreed to 30 days of published versions: long enough to fix a mistake, too "
    "short to follow a person.",
    fix="Lower the retention to 30 days.",
    failing="- {property: retention, value: 1, unit: y}",
    passing="- {property: retention, value: 30, unit: d}",
)
def short_retention(product: DataProduct) -> Iterator[Violation]:
    people = any({"personal", "pseudonymous"} & set(column.tags) for column in product.columns)
    if people and product.retention is not None and product.retention > LONGEST:
        place = product.places.get("/slaProperties") or product.place
        message = f"{product.id} is kept for {product.retention.days} days"
        yield Violation(message, place, product.id, "retention of at most 30 days")
