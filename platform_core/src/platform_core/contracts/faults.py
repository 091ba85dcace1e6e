"""The faults of one contract, collected so that all are reported together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from platform_core.errors import Diagnostic, Place


@dataclass(eq=False)
class Faults:
    """Errors, and remarks on what a guest document says that the platform cannot act on.

    A guest (see ``names.ours``) is only asked to be valid ODCS: what breaks our conventions in it is
    left out with a remark.
    """

    strict: bool
    errors: list[Diagnostic] = field(default_factory=list)
    remarks: list[Diagnostic] = field(default_factory=list)

    def error(
        self,
        code: str,
        message: str,
        place: Place,
        expected: str | None = None,
        fix: str | None = None,
        *,
        always: bool = False,
    ) -> None:
        """An error where our conventions hold, or ``always``; else a remark."""
        diagnostic = Diagnostic(code, _bounded(message), place, expected, fix)
        if self.strict or always:
            self.errors.append(diagnostic)
        else:
            self.remarks.append(replace(diagnostic, severity="info"))

    def remark(self, code: str, message: str, place: Place, expected: str | None = None) -> None:
        """Something valid that the platform does not act on, in any document."""
        self.remarks.append(Diagnostic(code, message, place, expected, severity="info"))


def _bounded(message: str, width: int = 300) -> str:
    """Messages quote what is written; one that quotes a whole text is cut."""
    line = " ".join(message.split())
    return line if len(line) <= width else f"{line[: width - 3]}..."
