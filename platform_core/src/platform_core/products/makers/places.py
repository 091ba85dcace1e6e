"""The places of the makers of products, without an import of DuckDB, for policies."""

from __future__ import annotations

from typing import Final

from platform_core.contracts.model import DataProduct

DEFS: Final = "defs"
DEFS_FILE: Final = "defs.yaml"


def expected_maker(product: DataProduct) -> str:
    """The ways to make a product, for messages."""
    name, domain = product.name, product.domain
    return (
        f'a function "{name}" marked @data_product in the package {domain}, a Component in its '
        f"{DEFS}/{name}/{DEFS_FILE}, or a dbt model of that name in dbt_projects/{domain}"
    )
