"""The one reader of a domain's dbt project: dbt's manifest where it is of these very files, and the files.

dbt itself, which takes seconds to load, is for ``dbt_run``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from platform_core.errors import DefinitionError, Diagnostic, Place, shown
from platform_core.graph import ordered, reached
from platform_core.product_id import ProductId
from platform_core.products.dbt_files import DbtFiles
from platform_core.products.dbt_model import DbtModel
from platform_core.settings import mesh_home, mesh_root
from platform_core.sql.quoting import quoted
from platform_core.words import listed


@dataclass(frozen=True)
class DbtProject:
    """The dbt project of a domain, in ``dbt_projects/<domain>``.

    A fault in one of its files keeps only those answers from being given that need the file.
    """

    domain: str
    folder: Path
    manifest: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    """What dbt itself made of the files; None where it has not read them as they are now."""

    @classmethod
    def of(cls, domain: str, root: Path) -> DbtProject:
        """The project of a domain in the mesh at ``root``; without models where there is none."""
        project = cls(domain, root / "dbt_projects" / domain)
        try:
            if project.stamp.read_text(encoding="utf-8") == project.content():
                manifest = json.loads(project.stamp.with_name("manifest.json").read_bytes())
                return replace(project, manifest=manifest)
        except (OSError, ValueError):
            return project
        return project

    @property
    def state(self) -> Path:
        """Where the platform keeps what dbt makes: manifest, profile, logs."""
        return mesh_home(mesh_root(self.folder)) / "dbt" / self.domain

    @property
    def stamp(self) -> Path:
        """The file that says of which content the manifest beside it is."""
        return self.state / "target" / "stamp"

    def content(self) -> str:
        """A digest of every file that the manifest depends on."""
        digest = hashlib.sha256()
        for file in self.files.all():
            content = file.read_bytes() if file.is_file() else b""
            digest.update(f"{file.relative_to(self.folder).parts}".encode() + content)
        return digest.hexdigest()

    @cached_property
    def files(self) -> DbtFiles:
        return DbtFiles(self.folder)

    @cached_property
    def models(self) -> Mapping[str, Path]:
        """The files of the models by the models' names."""
        if self.manifest is None:
            return self.files.models
        return {node["name"]: self.folder / node["original_file_path"] for node in self._nodes().values()}

    def reads(self, name: str, own: Collection[str]) -> tuple[dict[str, Place], list[Diagnostic]]:
        """The products that a model reads, through other models too, each with where it says so; and D011
        and D010 where a file cannot be read, or a product is read by ref.

        A source ``hr.store_staffing`` is the product ``hr/store_staffing``. ``own`` are the names of the
        products of the domain: a ref would read a version of them that was not audited yet.
        """
        found: dict[str, Place] = {}
        refs: dict[str, Place] = {}
        waiting = [name]
        for model in waiting:
            text = self.files.model(self.models[model])
            for call in text.calls if text is not None else ():
                if call.function == "source":
                    found.setdefault(call.name, call.place)
                elif call.name in own:
                    refs.setdefault(call.name, call.place)
                elif call.name in self.models and call.name not in waiting:
                    waiting.append(call.name)
        if self.manifest is not None:
            # What macros read is not in the text of the models.
            place = Place(self.models[name])
            ids = [id for id, node in self._nodes().items() if node["name"] == name]
            for parent in sorted(reached(ids, self.manifest["parent_map"]) - set(ids)):
                if source := self.manifest["sources"].get(parent):
                    found.setdefault(ProductId.of(source["source_name"], source["name"]), place)
                elif (node := self._nodes().get(parent)) and node["name"] in own:
                    refs.setdefault(node["name"], place)
        files = [self.folder / "dbt_project.yml", *(self.models[model] for model in waiting)]
        faults = [fault for file in files for fault in self.files.faults.get(file, ())]
        return found, faults + [self._by_ref(model, place) for model, place in refs.items()]

    def undeclared(self, read: Mapping[str, Place]) -> list[Diagnostic]:
        """D025 for each product that is read and that no file declares as a source; D011 instead where files
        that may declare it cannot be read."""
        sources = self.files.sources
        missing = {name: place for name, place in read.items() if name not in sources}
        if self.manifest is not None or not missing:
            return []
        unread = [f for file, faults in self.files.faults.items() if file.suffix != ".sql" for f in faults]
        return unread or [
            Diagnostic(
                "D025",
                f"the dbt source {ProductId(name).in_sql} is not declared",
                place,
                expected=f"one of {listed(sorted(sources))}" if sources else "a sources.yml",
                fix=f"add it to the sources in {shown(self.folder / 'models' / 'sources.yml')}",
            )
            for name, place in missing.items()
        ]

    def sql(self, name: str) -> str | None:
        """The SQL of a model, sources as ``"domain"."product"``; None where it takes dbt to write it out.

        Raises:
            DefinitionError: D011 where the file of a model cannot be read.
        """
        texts: dict[str, DbtModel] = {}
        waiting = [name]
        for model in waiting:
            text = self.files.model(self.models[model]) if model in self.models else None
            if text is None:
                if model in self.models:
                    raise DefinitionError(*self.files.faults[self.models[model]])
                return None
            texts[model] = text
            waiting += [ref for ref in text.refs if ref not in waiting]
        # Each once: what many models share would be written out again for every way that leads to it.
        order = ordered({model: text.refs for model, text in texts.items()})
        written = {model: texts[model].sql for model in order}
        if name not in order or None in written.values():
            return None
        if len(order) == 1:
            return written[name]
        common = ",\n".join(f"{quoted(f'__{model}')} AS (\n{sql}\n)" for model, sql in written.items())
        return f"WITH {common}\nSELECT * FROM {quoted(f'__{name}')}"

    def _nodes(self) -> dict[str, Any]:
        nodes = self.manifest["nodes"] if self.manifest is not None else {}
        return {id: node for id, node in nodes.items() if node["resource_type"] == "model"}

    def _by_ref(self, model: str, place: Place) -> Diagnostic:
        return Diagnostic(
            "D010",
            f"the dbt model reads the product {self.domain}/{model} by ref()",
            place,
            expected="products are read as sources, so that only published versions are",
            fix=f"{{{{ source('{self.domain}', '{model}') }}}}",
        )
