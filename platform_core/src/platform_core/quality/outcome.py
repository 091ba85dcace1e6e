"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from platform_core.contracts.model import Rule
from platform_core.words import counted

Sample = tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """The result of one rule.

    ``violations`` counts rows (columns for the schema rule) and is None for rules about one number
    and for those that could not be asked; ``rows`` is how many rows were looked at; ``observed`` is
    the number or the time that the rule is about; ``message`` says in one sentence what is wrong.
    """

    rule: Rule
    passed: bool
    violations: int | None
    rows: int
    seconds: float
    sample: Sample = ()
    observed: Any = None
    message: str = ""
    plain: bool = False
    """Whether the message is made of names of the contract and of counts alone."""

    def in_counts(self, sample: Sample = ()) -> CheckOutcome:
        """The same in our own words: whether it passed, and counts of what was looked at."""
        message = self.message
        if not (self.plain or self.passed):
            found = "" if self.violations is None else f", with {counted(self.violations, 'violation')}"
            message = f"it fails{found}"
        return replace(self, sample=sample, observed=None, message=message, plain=True)

    @property
    def blocking(self) -> bool:
        """Whether it keeps a version from being published."""
        return not self.passed and self.rule.severity == "error"


Outcomes = tuple[CheckOutcome, ...]
