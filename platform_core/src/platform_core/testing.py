"""For a domain's own tests: its functions on made-up inputs, held against their contracts.

```python
from platform_core.testing import evaluate

def test_baskets_add_up() -> None:
    result = evaluate(household_baskets, lines=[{"basket_id": 1, "sales_value": 2.5}])
    assert result.rows[0]["basket_value"] == 2.5
```
"""

from platform_core.products.evaluate import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
