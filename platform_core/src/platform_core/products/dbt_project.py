"""A domain's dbt project: its manifest, its models that are products, and the profile it runs with.

The manifest is read as JSON; dbt itself is loaded only to write it anew after a change.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from filelock import FileLock

from platform_core.errors import DefinitionError, Diagnostic, Place
from platform_core.lake.location import LakeLocation
from platform_core.settings import mesh_home

if TYPE_CHECKING:
    from dagster_dbt import DbtCliResource

STAGING = "staging"
"""Schema of the lake in which dbt builds; nothing there is published."""


@dataclass(frozen=True)
class DbtProject:
    """The dbt project of a domain, in ``dbt_projects/<domain>``."""

    domain: str
    folder: Path

    @cached_property
    def state(self) -> Path:
        """Where the platform keeps what dbt makes: manifest, profile, logs."""
        return mesh_home(self.folder) / "dbt" / self.domain

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest of the project as it is now; parsed by dbt where a file has changed."""
        target = self.state / "target"
        stamp, content = target / "stamp", self._content()
        target.mkdir(parents=True, exist_ok=True)
        # Several processes load a location at the same time: webserver, daemon, workers.
        with FileLock(self.state / "parse.lock"):
            if not stamp.is_file() or stamp.read_text() != content:
                self._parse(target)
                stamp.write_text(content)
        manifest: Mapping[str, Any] = json.loads((target / "manifest.json").read_bytes())
        return manifest

    def models(self) -> dict[str, str]:
        """The models' names and their ids in the manifest."""
        return {
            node["name"]: unique_id
            for unique_id, node in self.manifest["nodes"].items()
            if node["resource_type"] == "model"
        }

    def place(self, unique_id: str) -> Place:
        return Place(self.folder / self.manifest["nodes"][unique_id]["original_file_path"])

    def files(self) -> dict[str, Path]:
        """The files of the models by their names."""
        return {name: self.place(unique_id).path for name, unique_id in self.models().items()}

    def inputs(self, unique_id: str, products: frozenset[str]) -> tuple[str, ...]:
        """The products that a model reads, through other models too, sorted.

        A source ``hr.store_staffing`` is the product ``hr/store_staffing``.

        Raises:
            DefinitionError: D010 where it reads a product of its own project by ``ref``, which
                would read a version that was not audited yet.
        """
        found: set[str] = set()
        for parent in self._ancestors(unique_id):
            if source := self.manifest["sources"].get(parent):
                found.add(f"{source['source_name']}/{source['name']}")
            elif (node := self.manifest["nodes"].get(parent)) and node["name"] in products:
                raise DefinitionError(
                    Diagnostic(
                        "D010",
                        f"the dbt model reads the product {self.domain}/{node['name']} by ref()",
                        self.place(unique_id),
                        expected="products are read as sources, so that only published versions are",
                        fix=f"{{{{ source('{self.domain}', '{node['name']}') }}}}",
                    )
                )
        return tuple(sorted(found))

    def _ancestors(self, unique_id: str) -> Iterator[str]:
        for parent in self.manifest["parent_map"].get(unique_id, ()):
            yield parent
            yield from self._ancestors(parent)

    def write_profile(self, location: LakeLocation, write: str, read: tuple[str, ...]) -> Path:
        """Write the profile that dbt runs with; returns its folder.

        dbt-duckdb attaches through the platform's plugin, which also takes the lake's lock, so
        that the process which writes is the one that holds it.
        """
        profile = {
            self._profile_name(): {
                "target": "mesh",
                "outputs": {
                    "mesh": {
                        "type": "duckdb",
                        "path": ":memory:",
                        "database": write,
                        "schema": STAGING,
                        # DuckLake on SQLite takes one writer at a time.
                        "threads": 1,
                        "plugins": [
                            {
                                "module": "platform_core.lake.dbt_plugin",
                                "config": {"root": str(location.root), "write": write, "read": list(read)},
                            }
                        ],
                        # Attached by the plugin already; named here so that dbt-duckdb knows.
                        "attach": [
                            {"path": f"ducklake:{name}", "alias": name, "is_ducklake": True}
                            for name in (write, *read)
                        ],
                    }
                },
            }
        }
        self.state.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(profile, sort_keys=False)
        folder = self.state / f"profile-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        folder.mkdir(exist_ok=True)
        (folder / "profiles.yml").write_text(text)
        return folder

    def _profile_name(self) -> str:
        project = yaml.safe_load((self.folder / "dbt_project.yml").read_text())
        return str(project.get("profile") or project["name"])

    def dbt(self, profile: Path) -> DbtCliResource:
        """dagster-dbt's resource on the dbt of this environment. Loading dbt takes seconds."""
        from dagster_dbt import DbtCliResource

        return DbtCliResource(
            project_dir=str(self.folder),
            profiles_dir=str(profile),
            dbt_executable=str(Path(sys.executable).parent / "dbt"),
        )

    def _parse(self, target: Path) -> None:
        profile = self.write_profile(LakeLocation.current(), self.domain, ())
        invocation = self.dbt(profile).cli(
            ["parse", "--quiet"], target_path=target.absolute(), raise_on_error=False
        )
        if (error := invocation.get_error()) is not None:
            raise DefinitionError(
                Diagnostic(
                    "D011",
                    f"dbt cannot parse the project of {self.domain}",
                    Place(self.folder / "dbt_project.yml"),
                    expected="a project that `dbt parse` reads",
                    fix=dbt_messages(str(error)),
                )
            )

    def _content(self) -> str:
        """A digest of every file that the manifest depends on."""
        digest = hashlib.sha256()
        for file in sorted(self.folder.rglob("*")):
            parts = file.relative_to(self.folder).parts
            if file.is_file() and parts[0] not in ("target", "logs", "dbt_packages"):
                digest.update(f"{parts}".encode() + file.read_bytes())
        return digest.hexdigest()


def dbt_messages(text: str) -> str:
    """What dbt itself says in one of dagster-dbt's errors, without the command line around it."""
    _, found, messages = text.partition("Errors parsed from dbt logs:")
    return (messages if found else text).strip()
