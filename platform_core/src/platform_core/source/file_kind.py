"""A kind of file: its name in messages, and the codes of its faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from platform_core.diagnostics import ContractError, Diagnostic, Place, PlatformError


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file. ``code`` is the code of all its faults; None for a contract's, C001 to C007."""

    noun: str
    """A noun with the article "a": ``contract``."""
    expected: str
    """The expected content, for messages."""
    begin: str
    """The beginning of such a file, for fixes."""
    code: str | None = None
    raised: type[PlatformError] = ContractError
    may_be_empty: bool = False

    def fault(
        self, code: str, message: str, place: Place, expected: str | None = None, fix: str | None = None
    ) -> Diagnostic:
        """A diagnostic; ``code`` is the code of the same fault in a contract."""
        return Diagnostic(
            self.code or code, message, place, expected, fix or (self.code and self.begin) or None
        )

    def error(
        self, code: str, message: str, place: Place, expected: str | None = None, fix: str | None = None
    ) -> PlatformError:
        """The error of one fault."""
        return self.raised(self.fault(code, message, place, expected, fix))


CONTRACT: Final = FileKind(
    "contract",
    "an Open Data Contract Standard file, <domain>/<product>.odcs.yaml",
    'Begin with:\napiVersion: v3.2.0\nkind: DataContract\nid: <domain>/<product>\nversion: "1.0.0"',
)
