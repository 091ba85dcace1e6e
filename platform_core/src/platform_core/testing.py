"""For a domain's own tests: its functions on made-up inputs, checked against their contracts.

```python
from platform_core.testing import evaluate

def test_baskets_add_up() -> None:
    result = evaluate(household_baskets, lines=[{"basket_id": 1, "sales_value": 2.5}])
    assert result.rows[0]["basket_value"] == 2.5
```
"""

from platform_core.contracts.model import DataProduct
from platform_core.products.evaluate import Evaluation, evaluate
from platform_core.registry.lookup import Registry

__all__ = ["Evaluation", "contract", "evaluate"]


def contract(product: str) -> DataProduct:
    """The contract of a product by its id, ``sales/stores``, in the mesh of the test. Raises ContractError if
    it is missing or cannot be read."""
    return Registry.open().get(product)
