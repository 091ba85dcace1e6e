"""The announced end of a product."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from platform_core.diagnostics import Place


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a product. From ``end_of_support`` on nobody repairs it, from ``end_of_life`` on nobody may
    read it."""

    place: Place
    end_of_support: date | None = None
    end_of_life: date | None = None
    successor: str | None = None
    """The id of the product to move to."""

    @property
    def last_day(self) -> date | None:
        """The last day on which it may be read."""
        return self.end_of_life or self.end_of_support
