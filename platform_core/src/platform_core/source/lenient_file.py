"""A YAML file read leniently: each fault becomes a diagnostic, and the rest of the file still counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platform_core.diagnostics import Diagnostic, Place, PlatformError
from platform_core.source.document import Document, parse
from platform_core.source.file_kind import FileKind
from platform_core.words import did_you_mean, listed

Where = tuple[str | int, ...]


@dataclass(eq=False)
class LenientFile:
    """A YAML file of which every fault is noted and what is sound is used. Points of it are tuples."""

    path: Path
    genre: FileKind
    document: Document | None = None
    readable: bool = True
    """Whether it could be read at all: else what it says is not known rather than not said."""
    faults: list[Diagnostic] = field(default_factory=list)

    def fault(self, message: str, where: Where, expected: str, near: Any = ()) -> None:
        said = self.at(where)
        guess = did_you_mean(said, near) if isinstance(said, str) and near else None
        self.faults.append(self.genre.fault("C010", message, self.place(where), expected, guess))

    def at(self, where: Where) -> Any:
        return self.document.at(*where) if self.document is not None else None

    def place(self, where: Where) -> Place:
        if self.document is None:
            return Place(self.path)
        return self.document.place(*where) if where else Place(self.path)

    def key_place(self, where: Where) -> Place:
        return self.document.key_place(*where) if self.document is not None else Place(self.path)

    def fault_at_key(self, message: str, where: Where, expected: str) -> None:
        self.faults.append(self.genre.fault("C010", message, self.key_place(where), expected))

    def known(self, where: Where, keys: tuple[str, ...]) -> None:
        """Fault every key that is not one of ``keys``."""
        for key in self.mapping(where):
            if key not in keys:
                message = f'{self.path.name} knows no "{key}"' + (" here" if where else "")
                place = self.key_place((*where, key))
                fix = did_you_mean(key, keys) or f"Remove {key}."
                self.faults.append(self.genre.fault("C010", message, place, f"one of {listed(keys)}", fix))

    def mapping(self, where: Where) -> dict[str, Any]:
        found = self.at(where)
        if isinstance(found, dict):
            return found
        if found is not None:
            self._type(where, "a mapping, key: value")
        return {}

    def list(self, where: Where) -> list[Any]:
        found = self.at(where)
        if isinstance(found, list):
            return found
        if found is not None:
            self._type(where, "a list, each item after a dash")
        return []

    def text(self, where: Where) -> str | None:
        found = self.at(where)
        if found is None or isinstance(found, str):
            return found
        self._type(where, "text")
        return None

    def texts(self, where: Where) -> tuple[str, ...]:
        found = (self.text((*where, index)) for index in range(len(self.list(where))))
        return tuple(text for text in found if text)

    def each(self, where: Where, key: str) -> Iterator[str]:
        """What the mappings of a list say under ``key``."""
        for index in range(len(self.list(where))):
            if self.mapping((*where, index)) and (text := self.text((*where, index, key))):
                yield text

    def _type(self, where: Where, expected: str) -> None:
        name = next((part for part in reversed(where) if isinstance(part, str)), self.path.name)
        message, fix = f'"{name}" holds something else', f"Write {expected}."
        fault = self.genre.fault("C013", message, self.place(where), expected, fix)
        if fault not in self.faults:
            self.faults.append(fault)


def open_leniently(path: Path, genre: FileKind) -> LenientFile:
    """Read a file; one that is missing says nothing, one that cannot be read is not ``readable``."""
    if not path.is_symlink() and not path.exists():
        return LenientFile(path, genre)
    try:
        return LenientFile(path, genre, parse(path, genre))
    except PlatformError as error:
        return LenientFile(path, genre, None, False, list(error.diagnostics))
