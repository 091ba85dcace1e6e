"""The terms by which the platform operates a product: its budget and its service level target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEFAULT_TARGET: Final = 95.0
"""The percentage of the promised deliveries that a product keeps where its contract names none."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that the runs of a product may cost in a calendar month of UTC; None for no limit."""

    seconds: float | None = None
    """Seconds of its runs."""
    bytes: float | None = None
    """Bytes that its runs read."""
