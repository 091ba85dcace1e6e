"""A change of a contract, with its grade and the readers that it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from platform_core.diagnostics import Place


class Grade(IntEnum):
    """The effect of a change on readers, the mildest first."""

    NEUTRAL = 0
    """No reader can notice it."""
    COMPATIBLE = 1
    """A reader gets more, or a stronger promise."""
    RISKY = 2
    """A promise is weaker: a reader that relies on it may break."""
    BREAKING = 3
    """A reader that uses what changed breaks."""

    @property
    def word(self) -> str:
        return self.name.lower()


GRADE_OF: Final = {"1": Grade.BREAKING, "2": Grade.RISKY, "3": Grade.COMPATIBLE, "4": Grade.NEUTRAL}
"""The grade by the first digit of a code: K101 is breaking."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``columns`` are those whose readers it concerns, ``roles`` the principals; None: all."""

    code: str
    message: str
    place: Place
    columns: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    twin: bool = False
    """Whether it concerns the readers of the masked twin alone."""

    @property
    def grade(self) -> Grade:
        return GRADE_OF[self.code[1]]
