"""What a kind of file is called in messages, and under which codes its faults are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from platform_core.diagnostics import ContractError, Diagnostic, Place, PlatformError


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file. ``code`` is that of all of its faults; None: a contract's, C001 to C007."""

    noun: str
    """``contract``, which takes the article a."""
    expected: str
    """What such a file is, for a file that is something else."""
    begin: str
    """What to write into an empty one."""
    code: str | None = None
    raised: type[PlatformError] = ContractError
    may_be_empty: bool = False

    def fault(
        self, code: str, message: str, place: Place, expected: str | None = None, fix: str | None = None
    ) -> Diagnostic:
        """A diagnostic; ``code`` is the contract's for the same fault."""
        return Diagnostic(
            self.code or code, message, place, expected, fix or (self.code and self.begin) or None
        )

    def error(
        self, code: str, message: str, place: Place, expected: str | None = None, fix: str | None = None
    ) -> PlatformError:
        """What is raised for one fault."""
        return self.raised(self.fault(code, message, place, expected, fix))


CONTRACT: Final = FileKind(
    "contract",
    "an Open Data Contract Standard file, <domain>/<product>.odcs.yaml",
    'Begin with:\napiVersion: v3.2.0\nkind: DataContract\nid: <domain>/<product>\nversion: "1.0.0"',
)
