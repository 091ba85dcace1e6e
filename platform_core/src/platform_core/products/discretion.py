"""What may be said of a product's fault: Dagster keeps every message, and shows it to everybody."""

from __future__ import annotations

import traceback
from pathlib import Path

from platform_core.contracts.model import DataProduct
from platform_core.errors import Diagnostic, Place


def is_discreet(product: DataProduct) -> bool:
    """Whether it has, or is made of, values that nobody outside of its domain may see."""
    return product.twin_of is not None or not all(column.shown_in_samples for column in product.columns)


def untold(product: DataProduct, error: BaseException, place: Place) -> Diagnostic:
    """D032: an error of a domain's own code, by its kind and line. Its words may hold values, such as
    that which could not be converted, and its traceback the rows that a call was given."""
    return Diagnostic(
        "D032",
        f"what makes {product.id} fails with {type(error).__name__}; its words are not shown, since they "
        "may hold values that are personal or restricted",
        _line_in(error, place.path.parent) or place,
        fix="mend the line; the function's test with made-up rows shows the whole error",
    )


def _line_in(error: BaseException, folder: Path) -> Place | None:
    """The innermost line of the product's own code."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(folder):
            return Place(Path(frame.filename), frame.lineno or 1)
    return None
