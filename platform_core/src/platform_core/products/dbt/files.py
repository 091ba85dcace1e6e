"""The files of a dbt project, read leniently: each fault is reported at its place (D011)."""

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
    """The project in ``folder``. ``faults`` are those of the files that were read so far."""

    folder: Path
    faults: dict[Path, list[Diagnostic]] = field(default_factory=dict)
    _models: dict[Path, DbtModel | None] = field(default_factory=dict)

    def all(self) -> Iterator[Path]:
        """All files, sorted, except those that dbt writes."""
        for file in sorted(self.folder.rglob("*")):
            if file.relative_to(self.folder).parts[0] not in _WRITTEN_BY_DBT and not file.is_dir():
                yield file

    @cached_property
    def settings(self) -> Node:
        """``dbt_project.yml``; empty if it is missing or unreadable."""
        return self._opened(self.folder / "dbt_project.yml")

    @cached_property
    def models(self) -> dict[str, Path]:
        """The files of models by name."""
        return {file.stem: file for file in self._in_model_paths(".sql", ".py")}

    @cached_property
    def sources(self) -> dict[str, Path]:
        """The ids of products that are declared as sources, and the file that declares each."""
        found: dict[str, Path] = {}
        for path in self._in_model_paths(".yml", ".yaml"):
            file = self._opened(path)
            for source, entry in _named(file, "sources"):
                tables = _named(entry, "tables")
                found |= {ProductId.of(source, table): path for table, _ in tables}
        return found

    def model(self, file: Path) -> DbtModel | None:
        """A model; None if it is unreadable. Only dbt can read a model in Python."""
        if file not in self._models:
            try:
                self._models[file] = read_model(file) if file.suffix == ".sql" else DbtModel()
            except PlatformError as error:
                self._models[file], self.faults[file] = None, list(error.diagnostics)
        return self._models[file]

    def all_faults(self) -> tuple[Diagnostic, ...]:
        """The faults of all files that are found without dbt."""
        _ = self.sources  # reads them and the settings
        for file in self.models.values():
            self.model(file)
        for file in self.all():
            if file.exists() and not file.is_file() and file not in self.faults:
                # dbt would read a pipe or a device forever.
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
                # dbt ignores broken links too.
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
