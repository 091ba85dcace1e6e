"""A product that moved to its domain's other lake because its classification changed: finding and removing
its versions in the old lake."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import Diagnostic, LakeError
from platform_core.lake.location import RESTRICTED, LakeLocation
from platform_core.lake.removal import holds, remove_product, views_of


def left_lake(product: DataProduct) -> str:
    """The lake of its domain that does not hold the product."""
    return product.domain if product.restricted else product.domain + RESTRICTED


def exposed_leftovers(location: LakeLocation, products: Iterable[DataProduct]) -> Iterator[Diagnostic]:
    """L050 for each restricted product that still has versions in the shared lake."""
    for product in products:
        if product.restricted and has_left(location, product):
            message = f"{product.id} is restricted, but the shared lake still holds versions of it"
            expected = "restricted values only in the restricted lake"
            fix = f"Run `mesh run {product.id}`, which removes them first."
            yield Diagnostic("L050", message, product.place, expected, fix)


def has_left(location: LakeLocation, product: DataProduct) -> bool:
    """Whether the old lake still holds versions of a product. Other code reports a broken lake."""
    with suppress(sqlite3.Error, LakeError):
        return holds(location, left_lake(product), product.id)
    return False


def remove_left(location: LakeLocation, product: DataProduct, holder: str) -> None:
    """Remove all versions of a product, with their files and the views of them, from the lake that it left.
    Raises LakeLocked, LakeError."""
    lake = left_lake(product)
    for each in (*views_of(location, lake, product.id), product.id):
        remove_product(location, lake, each, holder, product.domain + RESTRICTED)
