"""The only reader of a domain's dbt project: dbt's manifest if it is of the current files, and the files.
``products.dbt.run`` calls dbt, which takes seconds to load."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import DefinitionError, Diagnostic, Place, shown
from platform_core.graph import ordered, reached
from platform_core.products.dbt.files import DbtFiles
from platform_core.products.dbt.limits import refused_of_model, refused_of_node, refused_of_project
from platform_core.products.dbt.model import DbtModel
from platform_core.settings import mesh_home, mesh_root
from platform_core.sql.quoting import quoted
from platform_core.words import listed

STAGING: Final = "staging"
"""The schema of the lake in which dbt builds; it is not published."""


@dataclass(frozen=True)
class DbtProject:
    """The dbt project of a domain, in ``dbt_projects/<domain>``. A fault in a file affects only the
    answers that need the file."""

    domain: str
    folder: Path
    manifest: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    """dbt's manifest of the files; None if dbt has not parsed their current content."""

    @classmethod
    def of(cls, domain: str, root: Path) -> DbtProject:
        """The project of a domain in the mesh at ``root``; a missing project has no models."""
        project = cls(domain, root / "dbt_projects" / domain)
        with suppress(OSError, ValueError):
            if project.stamp.read_text(encoding="utf-8") == project.content():
                manifest = json.loads(project.stamp.with_name("manifest.json").read_bytes())
                return replace(project, manifest=manifest)
        return project

    @property
    def state(self) -> Path:
        """The folder for dbt's manifest, profile and logs."""
        return mesh_home(mesh_root(self.folder)) / "dbt" / self.domain

    @property
    def stamp(self) -> Path:
        """The file with the digest of the content that the manifest was made from."""
        return self.state / "target" / "stamp"

    def content(self) -> str:
        """A digest of all files that the manifest depends on."""
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
        """The files of models by name, including disabled models."""
        if self.manifest is None:
            return self.files.models
        return {name: self.folder / node["original_file_path"] for name, (_, node) in self._nodes.items()}

    def table(self, name: str) -> str:
        """The name of a model's table in the schema ``staging``. Raises DefinitionError D026 if dbt
        builds none."""
        config = self._config(name)
        if config.get("enabled") is False:
            what = "disabled"
        elif config.get("materialized") == "ephemeral":
            what = "ephemeral"
        else:
            return str(config.get("alias") or name)
        message = f"the dbt model of {self.domain}/{name} is {what}, so it has no table to publish"
        expected = f"a model that is built as a table in the schema {STAGING}"
        fix = f"Write `config(materialized='table', schema='{STAGING}')`."
        raise DefinitionError.of("D026", message, Place(self.models[name]), expected, fix)

    def selection(self, name: str) -> str:
        """dbt's selector of a model with its parents. By file, since a folder may have the model's name."""
        return f"+path:{glob.escape(self._nodes[name][1]['original_file_path'])}"

    def refused(self, name: str) -> list[Diagnostic]:
        """D028 for a seed or a snapshot of a name."""
        nodes = [node for node in (self.manifest or {"nodes": {}})["nodes"].values() if node["name"] == name]
        return [fault for node in nodes for fault in refused_of_node(node, self.folder)]

    def reads(self, name: str, own: Collection[str]) -> tuple[dict[str, Place], list[Diagnostic]]:
        """The products that a model reads, also through other models, with the place of each; and the
        faults: D011 for an unreadable file, D010 for a product that is read by ref, D028 for unsupported
        parts.

        A source ``hr.store_staffing`` is the product ``hr/store_staffing``. ``own`` are the names of the
        domain's products: a ref would read a version of them that is not audited.
        """
        found: dict[str, Place] = {}
        refs: dict[str, Place] = {}
        others: list[Diagnostic] = []
        texts = self._made_of(name, own)
        for call in (call for text in texts.values() if text is not None for call in text.calls):
            if call.function == "source":
                found.setdefault(call.name, call.place)
            elif call.name in own:
                refs.setdefault(call.name, call.place)
        if self.manifest is not None:
            # The text of a model does not show the reads of macros.
            names = {node: name for name, (node, _) in self._nodes.items()}
            for parent in sorted(reached([self._nodes[name][0]], self.manifest["parent_map"])):
                if source := self.manifest["sources"].get(parent):
                    product = ProductId.of(source["source_name"], source["name"])
                    found.setdefault(product, Place(self.models[name]))
                elif (model := names.get(parent, name)) != name and model in own:
                    refs.setdefault(model, Place(self.models[name]))
                elif node := self.manifest["nodes"].get(parent):
                    others += refused_of_node(node, self.folder)
        faults = [*self._faults(texts), *self._refused(texts), *others]
        for model, place in refs.items():
            message = f"the dbt model reads the product {self.domain}/{model} by ref()"
            expected = "a source, which reads the published version"
            fix = f"Write `{{{{ source('{self.domain}', '{model}') }}}}`."
            faults.append(Diagnostic("D010", message, place, expected, fix))
        return found, faults

    def undeclared(self, read: Iterable[tuple[DataProduct, Place]]) -> list[Diagnostic]:
        """D025 for each product that is read but not declared as a source; D011 if files that may declare
        it are unreadable."""
        sources = self.files.sources
        missing = [(product, place) for product, place in read if product.id not in sources]
        if self.manifest is not None or not missing:
            return []
        unread = [f for file, faults in self.files.faults.items() if file.suffix != ".sql" for f in faults]
        expected = f"one of {listed(sorted(sources))}" if sources else "a sources.yml"
        what = "the dbt source {} is not declared"
        return unread or [
            Diagnostic("D025", what.format(read.id.in_sql), place, expected, self._declaration(read))
            for read, place in missing
        ]

    def _declaration(self, product: DataProduct) -> str:
        """The text to add, and its file, to declare a product as a source."""
        table = f"      - name: {product.name}"
        beside = (f for id, f in self.files.sources.items() if ProductId(id).domain == product.domain)
        if (file := next(beside, None)) is not None and product.lake == product.domain:
            return f"Add to the tables of the source {product.domain} in {shown(file)}:\n{table}"
        file = self.folder / "models" / "sources.yml"
        head = f"Add to the sources in {shown(file)}:"
        if not file.exists():
            head = f"Write {shown(file)}:\nsources:"
        entry = f"  - name: {product.domain}\n    database: {product.lake}\n    schema: products\n    tables:"
        return f"{head}\n{entry}\n{table}"

    def sql(self, name: str) -> str | None:
        """The SQL of a model, with sources as ``"domain"."product"``; None if only dbt can render it.
        Raises DefinitionError D011 for an unreadable file."""
        texts = self._made_of(name)
        if faults := self._faults(texts):
            raise DefinitionError(*faults)
        # As CTEs, so that shared models are written once.
        order = ordered({model: text.refs for model, text in texts.items() if text is not None})
        written = {model: text.sql for model in order if (text := texts[model]) is not None}
        if name not in order or len(written) < len(texts) or None in written.values():
            return None
        if len(order) == 1:
            return written[name]
        common = ",\n".join(f"{quoted(f'__{model}')} AS (\n{sql}\n)" for model, sql in written.items())
        return f"WITH {common}\nSELECT * FROM {quoted(f'__{name}')}"

    def _made_of(self, name: str, but: Collection[str] = ()) -> dict[str, DbtModel | None]:
        """A model and its parents by name; None for an unreadable one."""
        found: dict[str, DbtModel | None] = {}
        waiting = [name]
        for model in waiting:
            text = found[model] = self.files.model(self.models[model]) if model in self.models else None
            refs = text.refs if text is not None else ()
            waiting += [ref for ref in refs if ref not in waiting and ref not in but]
        return found

    def _config(self, name: str) -> Mapping[str, Any]:
        """The configuration of a model: from the manifest, or only its file's own part."""
        if self.manifest is None:
            text = self.files.model(self.models[name])
            return text.config if text is not None else {}
        node = self._nodes[name][1]
        return {**node["config"]} | {
            key: node.get(key) for key in ("schema", "database", "alias", "language")
        }

    def _refused(self, models: Iterable[str]) -> Iterator[Diagnostic]:
        yield from refused_of_project(self.files.settings)
        for name in models:
            if name in self.models and not (
                self.manifest is None and self.files.model(self.models[name]) is None
            ):
                config = self._config(name)
                yield from refused_of_model(config, self.models[name], self.domain, STAGING)

    def _faults(self, models: Iterable[str]) -> list[Diagnostic]:
        files = [self.models[name] for name in models if name in self.models]
        known = self.files.faults
        return [f for file in (self.folder / "dbt_project.yml", *files) for f in known.get(file, ())]

    @cached_property
    def _nodes(self) -> dict[str, tuple[str, Mapping[str, Any]]]:
        """The id and the entry of each model in the manifest, by name; the latest version wins."""
        manifest = self.manifest or {"nodes": {}, "disabled": {}}
        disabled = ((node, entry) for node, entries in manifest["disabled"].items() for entry in entries)
        nodes = [(n, e) for n, e in (*disabled, *manifest["nodes"].items()) if e["resource_type"] == "model"]
        nodes.sort(key=lambda node: node[1].get("version") == node[1].get("latest_version"))
        return {entry["name"]: (node, entry) for node, entry in nodes}
