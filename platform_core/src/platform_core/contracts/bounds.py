"""Limits of a number, as data and in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Final, Literal

Scalar = str | int | float | bool | date | datetime


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a number: of a value, a length, a count or a query's result."""

    minimum: Scalar | None = None
    maximum: Scalar | None = None
    minimum_exclusive: bool = False
    maximum_exclusive: bool = False
    equal: Scalar | None = None
    not_equal: Scalar | None = None
    outside: bool = False
    """True for ``mustNotBeBetween``: the limits enclose the refused values."""
    unit: Literal["rows", "percent"] = "rows"
    step: int | float | None = None
    """Values are multiples of it."""
    special: bool = False
    """Whether a column may hold NaN and infinities."""

    def passes(self, value: object) -> bool:
        """Whether a number lies within the limits. NULL, NaN and infinities do not."""
        if value is None or (isinstance(value, float) and not isfinite(value)):
            return False
        lower = self.minimum is None or _in_order(self.minimum, value, self.minimum_exclusive)
        upper = self.maximum is None or _in_order(value, self.maximum, self.maximum_exclusive)
        inside = (lower and upper) != self.outside
        if self.equal is not None and value != self.equal:
            return False
        return inside and (self.not_equal is None or value != self.not_equal)

    def describe(self) -> str:
        """The limits in words: ``at least 1 and at most 5``, ``exactly 0 percent``."""
        words = []
        if self.minimum is not None:
            words.append(f"{'more than' if self.minimum_exclusive else 'at least'} {self.minimum}")
        if self.maximum is not None:
            words.append(f"{'less than' if self.maximum_exclusive else 'at most'} {self.maximum}")
        if self.outside:
            words = [f"not between {self.minimum} and {self.maximum}"]
        if self.equal is not None:
            words.append(f"exactly {self.equal}")
        if self.not_equal is not None:
            words.append(f"not {self.not_equal}")
        if self.step is not None:
            words.append(f"a multiple of {self.step}")
        unit = " percent" if self.unit == "percent" else ""
        return " and ".join(words) + unit if words else "any number"


def _in_order(low: object, high: object, strict: bool) -> bool:
    return bool(low < high if strict else low <= high)  # type: ignore[operator]


NONE_ALLOWED: Final = Bounds(maximum=0)
"""The limit of a rule that declares none: no violation passes."""
