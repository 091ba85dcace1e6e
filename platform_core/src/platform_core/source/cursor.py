"""A cursor into a YAML file: a value, its place, and the collector of the file's faults."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from platform_core.diagnostics import Diagnostic, Place, PlatformError
from platform_core.source.document import Document, parse
from platform_core.source.file_kind import CONTRACT, FileKind
from platform_core.words import did_you_mean, listed, shortened


@dataclass(eq=False)
class Faults:
    """Errors, and remarks on the parts of a guest document that the platform cannot act on.

    A guest (see ``identity.is_ours``) must only be valid ODCS: a part that breaks our conventions is left
    out with a remark.
    """

    strict: bool = True
    kind: FileKind = CONTRACT
    errors: list[Diagnostic] = field(default_factory=list)
    remarks: list[Diagnostic] = field(default_factory=list)
    private: set[int] = field(default_factory=set)
    """The lines with a secret, which no diagnostic quotes."""
    readable: bool = True
    """False where the file could not be read: its content is then unknown, not empty."""

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
        # A message quotes a value, which may be a whole text.
        diagnostic = self.kind.fault(code, shortened(" ".join(message.split()), 300), place, expected, fix)
        if self.strict or always:
            self.errors.append(diagnostic)
        else:
            self.remarks.append(replace(diagnostic, severity="info"))

    def quotable(self) -> tuple[Diagnostic, ...]:
        """The errors; those on a line with a secret name their place and do not quote it."""
        return tuple(
            replace(each, place=None, message=f"{each.message} ({each.place})")
            if each.place is not None and each.place.line in self.private
            else each
            for each in self.errors
        )

    def remark(self, code: str, message: str, place: Place, expected: str | None = None) -> None:
        """A remark on something valid that the platform does not act on, in any document."""
        self.remarks.append(Diagnostic(code, message, place, expected, severity="info"))


@dataclass(slots=True, eq=False)
class Node:
    """A value of a document.

    A missing value is a node too: its value is None, its place is the nearest value around it. The JSON
    Schema has checked the types in a contract. In any other file, a value of a wrong type is an error (C013)
    and is read as a missing one.
    """

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
        """The text of a member; None for a value of another type."""
        found = self.get(key)
        if found is None or isinstance(found, str):
            return found
        self[key]._has_wrong_type("text")
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts in a list that are not empty."""
        found = []
        for item in self[key].elements():
            if isinstance(item.value, str):
                found.append(item.value)
            else:
                item._has_wrong_type("text")
        return tuple(filter(None, found))

    def mapping(self) -> dict[str, Any]:
        """The value as a mapping; an empty one for a value of another type."""
        if isinstance(self.value, dict):
            return self.value
        self._has_wrong_type("a mapping, key: value")
        return {}

    def elements(self) -> list[Node]:
        """The items of a list; none for a value of another type."""
        if isinstance(self.value, list):
            return [
                Node(self.document, self.faults, (*self.pointer, index), item)
                for index, item in enumerate(self.value)
            ]
        self._has_wrong_type("a list, each item after a dash")
        return []

    def items(self, key: str) -> list[Node]:
        """The mappings in a list."""
        return [item for item in self[key].elements() if item.mapping() or item.value == {}]

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

        The fix suggests the nearest of the words in ``known``, or is ``fix`` where none is near.
        """
        if known:
            expected = expected or f"one of {listed(list(known))}"
            fix = did_you_mean(str(self.pointer[-1] if at_key else self.value), known) or fix
        self.faults.error(code, message, self.key_place() if at_key else self.place(), expected, fix)

    def has_only(self, known: Collection[str], code: str, what: str) -> bool:
        """Whether a mapping has no keys but ``known``; every other key is an error."""
        others = [key for key in self.mapping() if key not in known]
        for key in others:
            message, expected = f'unknown key "{key}" in {what}', None if known else "an empty mapping"
            self[key].error(code, message, expected, f"Remove {key}.", known=known, at_key=True)
        return not others

    def is_mapping(
        self, code: str, what: str, expected: str, fix: str | None = None, *, only: Collection[str] = ()
    ) -> bool:
        """Whether the value is a mapping, with no keys but ``only`` where these are given; else an error."""
        if isinstance(self.value, dict):
            return not only or self.has_only(only, code, what)
        self.error(code, f"{what} is not a mapping", expected, fix)
        return False

    def lacks(self, keys: Collection[str], code: str, what: str, example: str) -> None:
        """Report the missing ``keys`` of a mapping as one error."""
        if keys:
            self.error(code, f"{what} does not declare {' and '.join(keys)}", fix=f"Write {example}.")

    def _has_wrong_type(self, expected: str) -> None:
        kind = self.faults.kind
        if self.value is None or kind is CONTRACT:
            return
        name = next((part for part in reversed(self.pointer) if isinstance(part, str)), "")
        name = name or self.document.path.name
        fault = kind.fault("C013", f'"{name}" has a wrong type', self.place(), expected, f"Write {expected}.")
        if fault not in self.faults.errors:
            self.faults.errors.append(fault)


def open_leniently(path: Path, kind: FileKind) -> Node:
    """Read a file of which the sound parts count; its root. A missing file is empty, an unreadable one too,
    but not ``readable``."""
    faults, document = Faults(kind=kind), Document(path, {}, {}, {}, "")
    if path.is_symlink() or path.exists():
        try:
            document = parse(path, kind)
        except PlatformError as error:
            faults.errors, faults.readable = list(error.diagnostics), False
    return Node(document, faults, (), document.data)
