"""Whether limits permit only values that other limits permit."""

from __future__ import annotations

from typing import Any, Final

from platform_core.contracts.bounds import Bounds

ANY: Final = Bounds()


def within(inner: Bounds, outer: Bounds) -> bool:
    """Whether every number that passes ``inner`` surely passes ``outer``; False where that is unknown."""
    try:
        return inner == outer or _within(inner, outer)
    except TypeError:  # a time with a zone and one without, or a number and a text
        return False


def _within(inner: Bounds, outer: Bounds) -> bool:
    if inner.unit != outer.unit or (inner.special and not outer.special):
        return False
    if outer.step is not None and (inner.step is None or inner.step % outer.step):
        return False
    if inner.equal is not None:
        return outer.passes(inner.equal)
    if outer.equal is not None:
        return False
    if outer.not_equal is not None and outer.not_equal != inner.not_equal and inner.passes(outer.not_equal):
        return False
    if outer.outside or inner.outside:
        free = outer.minimum is None and outer.maximum is None
        return free or (outer.outside and inner.outside and _encloses(inner, outer))
    return _encloses(outer, inner)


def _encloses(wide: Bounds, narrow: Bounds) -> bool:
    """Whether one interval lies in another one."""
    open_low = narrow.minimum_exclusive or not wide.minimum_exclusive
    open_high = narrow.maximum_exclusive or not wide.maximum_exclusive
    return (wide.minimum is None or _in_order(wide.minimum, narrow.minimum, open_low)) and (
        wide.maximum is None or _in_order(narrow.maximum, wide.maximum, open_high)
    )


def _in_order(low: Any, high: Any, or_equal: bool) -> bool:
    """Whether two limits are in order; a missing one is infinitely far."""
    return low is not None and high is not None and bool(low < high or (or_equal and low == high))
