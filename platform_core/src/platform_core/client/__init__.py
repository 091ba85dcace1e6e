"""Reading data products in Python, without Dagster: ``import platform_core.client as mesh``.

Grants, judgement and record are those of ``mesh query``. The engine runs in your own process and shows only
the granted versions; your Python is stopped by nothing, so it can open every file that your user may read.
"""

from platform_core.client.product import ProductRows
from platform_core.client.reading import ProductFacts, products, query, read
from platform_core.client.rows import Rows

__all__ = ["ProductFacts", "ProductRows", "Rows", "products", "query", "read"]
