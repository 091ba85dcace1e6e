"""The files of a dbt project, read leniently: what is wrong with one is noted at its place (D011)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

from platform_core.errors import Diagnostic, Place, PlatformError, shown
from platform_core.product_id import ProductId
from platform_core.products.dbt_model import DbtModel, read_model
from platform_core.source.document import Document, parse

T = TypeVar("T")
Where = tuple[str | int, ...]

_OF_DBT: Final = frozenset({"target", "logs", "dbt_packages"})
_OF_CONTRACTS: Final = (", not a contract", " for a contract", "the contract ")


@dataclass(frozen=True)
class DbtFiles:
    """The project in ``folder``; ``faults`` are those of the files that were looked at so far."""

    folder: Path
    faults: dict[Path, list[Diagnostic]] = field(default_factory=dict)
    _models: dict[Path, DbtModel | None] = field(default_factory=dict)

    def all(self) -> Iterator[Path]:
        """Everything but folders and what dbt itself writes, in order."""
        for file in sorted(self.folder.rglob("*")):
            if file.relative_to(self.folder).parts[0] not in _OF_DBT and not file.is_dir():
                yield file

    @cached_property
    def settings(self) -> Document | None:
        """``dbt_project.yml``; None where there is none, or none that can be read."""
        return self._read(self.folder / "dbt_project.yml", parse)

    @cached_property
    def models(self) -> dict[str, Path]:
        """The files of models by the models' names."""
        return {file.stem: file for file in self._in_model_paths(".sql")}

    @cached_property
    def sources(self) -> frozenset[str]:
        """The ids of the products that are declared as sources."""
        found: set[str] = set()
        for file in self._in_model_paths(".yml", ".yaml"):
            if (document := self._read(file, parse)) is not None:
                for source, where in self._named(document, "sources"):
                    found |= {ProductId.of(source, t) for t, _ in self._named(document, *where, "tables")}
        return frozenset(found)

    def model(self, file: Path) -> DbtModel | None:
        """A model; None where it cannot be read. One in Python only dbt can tell about."""
        if file not in self._models:
            self._models[file] = self._read(file, read_model) if file.suffix == ".sql" else DbtModel()
        return self._models[file]

    def all_faults(self) -> tuple[Diagnostic, ...]:
        """The faults of all files, as far as they are told without dbt."""
        assert self.sources is not None
        for file in self.models.values():
            self.model(file)
        for file in self.all():
            if file.exists() and not file.is_file() and file not in self.faults:
                # dbt would wait for a pipe for ever, and read a device to no end.
                self._note(f"{shown(file)} is no regular file", Place(file))
        return tuple(fault for file in sorted(self.faults) for fault in self.faults[file])

    def _in_model_paths(self, *suffixes: str) -> Iterator[Path]:
        paths = self.settings.at("model-paths") if self.settings is not None else None
        if self.settings is not None and not _is_list_of_text(paths):
            self._note('"model-paths" is no list of folders', self.settings.place("model-paths"))
            paths = None
        for path in ["models"] if paths is None else paths:
            for file in sorted((self.folder / path).rglob("*")):
                if file.suffix.lower() in suffixes:
                    yield file

    def _named(self, document: Document, *where: str | int) -> Iterator[tuple[str, Where]]:
        """The names of the mappings in a list, and where these are."""
        items = document.at(*where)
        if items is None and where[-1] not in document.at(*where[:-1]):
            return
        if not isinstance(items, list):
            self._note(f'"{where[-1]}" is no list', document.place(*where))
            return
        for number, item in enumerate(items):
            name = item.get("name") if isinstance(item, dict) else None
            if isinstance(name, str) and name:
                yield name, (*where, number)
            else:
                self._note(f'an item of "{where[-1]}" has no name', document.place(*where, number))

    def _read(self, file: Path, read: Callable[[Path], T]) -> T | None:
        if not file.exists():
            return None  # a link that leads nowhere, which dbt passes over
        try:
            return read(file)
        except PlatformError as error:
            for fault in error.diagnostics:
                message, fix = fault.message, fault.fix
                if message.endswith("is empty, not a contract"):
                    continue
                for words in _OF_CONTRACTS:
                    message = message.replace(words, "")
                self._note(message, fault.place or Place(file), None if message != fault.message else fix)
            return None

    def _note(self, message: str, place: Place, fix: str | None = None) -> None:
        fault = Diagnostic("D011", message, place, "a project that `dbt parse` reads", fix)
        if fault not in self.faults.setdefault(place.path, []):
            self.faults[place.path].append(fault)


def _is_list_of_text(said: object) -> bool:
    return said is None or (isinstance(said, list) and all(isinstance(item, str) for item in said))
