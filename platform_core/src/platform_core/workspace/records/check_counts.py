"""The numbers of checks that passed, warned and failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

Outcome = Literal["passed", "warned", "failed"]
"""The outcome of one check; a failed check of severity WARN is a warning."""


@dataclass(frozen=True, slots=True)
class Checks:
    """The numbers of checks by outcome. As text: ``29 ok, 2 warnings, 1 failed``, without zeros."""

    passed: int = 0
    warned: int = 0
    failed: int = 0

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Checks:
        return cls(*(outcomes.count(each) for each in get_args(Outcome)))

    def __str__(self) -> str:
        words = ("ok", "warning" if self.warned == 1 else "warnings", "failed")
        counts = (self.passed, self.warned, self.failed)
        return ", ".join(f"{count} {word}" for count, word in zip(counts, words, strict=True) if count)


NONE: Final = Checks()
