"""The outcome of one check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from platform_core.contracts.model import Rule
from platform_core.words import counted

Sample = tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """The result of one rule.

    ``violations`` counts rows (columns for the schema rule); it is None for rules about one number and for
    rules that do not fit the table. ``rows`` is the number of checked rows, ``observed`` the number or time
    that the rule is about, ``message`` one sentence about the fault.
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
    """Whether the message has only names of the contract and counts."""

    def in_counts(self, sample: Sample = ()) -> CheckOutcome:
        """The outcome without values of the data: whether it passed, and counts."""
        message = self.message
        if not (self.plain or self.passed):
            found = "" if self.violations is None else f", with {counted(self.violations, 'violation')}"
            message = f"it fails{found}"
        return replace(self, sample=sample, observed=None, message=message, plain=True)

    @property
    def blocking(self) -> bool:
        """Whether it prevents the publication."""
        return not self.passed and self.rule.severity == "error"


Outcomes = tuple[CheckOutcome, ...]
