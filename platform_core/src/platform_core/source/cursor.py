"""A cursor into a contract: a value, where it stands, and the collector of what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from platform_core.diagnostics import Diagnostic, Place
from platform_core.source.document import Document
from platform_core.words import did_you_mean, listed, shortened


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
        # Messages quote the text of a file: a long quotation is cut.
        words = shortened(" ".join(message.split()), 300)
        diagnostic = Diagnostic(code, words, place, expected, fix)
        if self.strict or always:
            self.errors.append(diagnostic)
        else:
            self.remarks.append(replace(diagnostic, severity="info"))

    def remark(self, code: str, message: str, place: Place, expected: str | None = None) -> None:
        """Something valid that the platform does not act on, in any document."""
        self.remarks.append(Diagnostic(code, message, place, expected, severity="info"))


@dataclass(slots=True, eq=False)
class Node:
    """A value of a document. What is not there is a node too, with None as its value; its place is the
    nearest thing around it."""

    document: Document
    faults: Faults
    pointer: tuple[str | int, ...]
    value: Any

    def __getitem__(self, key: str | int) -> Node:
        found = self.value
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list) and isinstance(key, int) and key < len(found):
            found = found[key]
        else:
            found = None
        return Node(self.document, self.faults, (*self.pointer, key), found)

    def get(self, key: str) -> Any:
        """The value of a member, of whatever type."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def text(self, key: str) -> str | None:
        """The text of a member; None for a value of another type, which v3.0 of the standard allows."""
        found = self.get(key)
        return found if isinstance(found, str) else None

    def texts(self, key: str) -> list[str]:
        found = self.get(key)
        return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []

    def items(self, key: str) -> list[Node]:
        """The mappings in a list."""
        found = self.get(key)
        if not isinstance(found, list):
            return []
        return [
            Node(self.document, self.faults, (*self.pointer, key, index), item)
            for index, item in enumerate(found)
            if isinstance(item, dict)
        ]

    def place(self, *keys: str | int) -> Place:
        return self.document.place(*self.pointer, *keys)

    def key_place(self, *keys: str | int) -> Place:
        """Where the name of a value stands."""
        return self.document.key_place(*self.pointer, *keys)

    def error(
        self,
        code: str,
        message: str,
        expected: str | None = None,
        fix: str | None = None,
        *,
        known: Collection[str] = (),
        at_key: bool = False,
    ) -> None:
        """An error about the value, or (``at_key``) about its name.

        ``known`` are the words that it could be: the nearest is suggested, ``fix`` where none is near.
        """
        if known:
            expected = expected or f"one of {listed(list(known))}"
            fix = did_you_mean(str(self.pointer[-1] if at_key else self.value), known) or fix
        self.faults.error(code, message, self.key_place() if at_key else self.place(), expected, fix)

    def has_only(self, known: Collection[str], code: str, what: str) -> bool:
        """Whether a mapping has no keys but those; every other one is an error."""
        others = [key for key in self.value if key not in known]
        for key in others:
            message, expected = f'{what} knows no "{key}"', None if known else "nothing in it"
            self[key].error(code, message, expected, "Remove it.", known=known, at_key=True)
        return not others

    def is_mapping(
        self, code: str, what: str, expected: str, fix: str | None = None, *, only: Collection[str] = ()
    ) -> bool:
        """Whether it is a mapping, of the keys ``only`` where these are named; else that is an error."""
        if isinstance(self.value, dict):
            return not only or self.has_only(only, code, what)
        self.error(code, f"{what} is no mapping", expected, fix)
        return False

    def lacks(self, keys: Collection[str], code: str, what: str, example: str) -> None:
        """An error about keys that a mapping should have; none where there are none."""
        if keys:
            self.error(code, f"{what} does not say {' and '.join(keys)}", fix=f"Write {example}.")
