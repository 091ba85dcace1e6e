"""The files of a dbt project, read leniently: what is wrong with one is noted at its place (D011)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, Place, PlatformError, shown
from platform_core.products.dbt.model import OF_DBT, DbtModel, read_model
from platform_core.source.cursor import Node, open_leniently

_WRITTEN_BY_DBT: Final = frozenset({"target", "logs", "dbt_packages"})


@dataclass
class DbtFiles:
    """The project in ``folder``; ``faults`` are those of the files that were looked at so far."""

    folder: Path
    faults: dict[Path, list[Diagnostic]] = field(default_factory=dict)
    _models: dict[Path, DbtModel | None] = field(default_factory=dict)

    def all(self) -> Iterator[Path]:
        """Everything but folders and what dbt itself writes, in order."""
        for file in sorted(self.folder.rglob("*")):
            if file.relative_to(self.folder).parts[0] not in _WRITTEN_BY_DBT and not file.is_dir():
                yield file

    @cached_property
    def settings(self) -> Node:
        """``dbt_project.yml``; it says nothing where it is missing or cannot be read."""
        return self._opened(self.folder / "dbt_project.yml")

    @cached_property
    def models(self) -> dict[str, Path]:
        """The files of models by the models' names."""
        return {file.stem: file for file in self._in_model_paths(".sql", ".py")}

    @cached_property
    def sources(self) -> dict[str, Path]:
        """The ids of the products that are declared as sources, with the files that do so."""
        found: dict[str, Path] = {}
        for path in self._in_model_paths(".yml", ".yaml"):
            file = self._opened(path)
            for source, entry in _named(file, "sources"):
                tables = _named(entry, "tables")
                found |= {ProductId.of(source, table): path for table, _ in tables}
        return found

    def model(self, file: Path) -> DbtModel | None:
        """A model; None where it cannot be read. One in Python only dbt can tell about."""
        if file not in self._models:
            try:
                self._models[file] = read_model(file) if file.suffix == ".sql" else DbtModel()
            except PlatformError as error:
                self._models[file], self.faults[file] = None, list(error.diagnostics)
        return self._models[file]

    def all_faults(self) -> tuple[Diagnostic, ...]:
        """The faults of all files, as far as they are told without dbt."""
        _ = self.sources  # read, with the settings
        for file in self.models.values():
            self.model(file)
        for file in self.all():
            if file.exists() and not file.is_file() and file not in self.faults:
                # dbt would wait for a pipe for ever, and read a device to no end.
                self.faults[file] = [
                    OF_DBT.fault("C001", f"{shown(file)} is not a regular file", Place(file))
                ]
        return tuple(fault for file in sorted(self.faults) for fault in self.faults[file])

    def _opened(self, path: Path) -> Node:
        file = open_leniently(path, OF_DBT)
        self.faults[path] = file.faults.errors
        return file

    def _in_model_paths(self, *suffixes: str) -> Iterator[Path]:
        for folder in self.settings.texts("model-paths") or ("models",):
            for file in sorted((self.folder / folder).rglob("*")):
                # A link that leads nowhere is passed over by dbt too.
                if file.suffix.lower() in suffixes and file.exists():
                    yield file


def _named(parent: Node, key: str) -> Iterator[tuple[str, Node]]:
    """The mappings of a list by their names."""
    if key in parent.mapping() and parent.get(key) is None:
        parent[key].error("C010", f'"{key}" is not a list', "a list, each item after a dash")
    for item in parent.items(key):
        if name := item.text("name"):
            yield name, item
        elif item.get("name") is None:
            item.error("C010", f'an item of "{key}" has no name', "a name: models use it")
