"""The policies of this mesh's federation."""

from collections.abc import Iterator

from platform_core.contracts.model import DataProduct
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.governance.policy import Violation, policy


@policy(
    "F101",
    title="Customer numbers are pseudonymous",
    scope="product",
    rationale="A customer number stands for a person.",
    fix="Add tags: [pseudonymous].",
    failing="""
# sales.odcs.yaml
schema:
  - name: sales
    properties:
      - {name: customer_id, logicalType: integer, classification: confidential, description: "Card."}
""",
    passing="""
# sales.odcs.yaml
schema:
  - name: sales
    properties:
      - {name: customer_id, logicalType: integer, classification: confidential, description: "Card.",
         tags: [pseudonymous]}
""",
)
def customers(product: DataProduct, location: LocationFacts, mesh: MeshFacts) -> Iterator[Violation]:
    column = product.column("customer_id")
    if column is not None and "pseudonymous" not in column.tags:
        yield Violation(f"customer_id of {product.id} has no tag", column.place, product.id)
