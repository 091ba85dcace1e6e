"""The policy of the domains on households."""

from collections.abc import Iterator

from platform_core.contracts.model import DataProduct
from platform_core.governance.policy import Violation, policy


@policy(
    "F101",
    title="Household numbers are pseudonymous in every domain",
    scope="product",
    rationale="A household of the panel is one to a few persons, known by name to the issuer of its card. "
    "Its number is the same in all domains, so one product without the tag exposes all the others.",
    fix="Add tags: [pseudonymous].",
    failing="- {name: household_id, classification: confidential}",
    passing="- {name: household_id, classification: confidential, tags: [pseudonymous]}",
)
def household_numbers(product: DataProduct) -> Iterator[Violation]:
    column = product.column("household_id")
    if column is not None and "pseudonymous" not in column.tags:
        message = f"household_id of {product.id} is not tagged as pseudonymous"
        yield Violation(message, column.place, product.id, "tags: [pseudonymous]")
