"""Calling dbt for a domain's project: its profile and its manifest."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_core.diagnostics import DefinitionError, Place
from platform_core.files import file_lock, write_whole
from platform_core.products.dbt.project import STAGING, DbtProject
from platform_core.settings import forget, mesh_root

if TYPE_CHECKING:
    from dagster_dbt import DbtCliResource


def with_manifest(project: DbtProject) -> DbtProject:
    """The project with dbt's manifest of the current files; dbt parses changed files. Raises
    DefinitionError: D011 if dbt cannot read it, D033 without dbt."""
    root = mesh_root(project.folder)
    if project.manifest is not None:
        return project
    if faults := project.files.all_faults():
        raise DefinitionError(*faults)
    project.stamp.parent.mkdir(parents=True, exist_ok=True)
    # Webserver, daemon and workers may load a location at the same time.
    with file_lock(project.state / "parse.lock"):
        parsed = DbtProject.of(project.domain, root)
        if parsed.manifest is not None:
            return parsed
        content = project.content()
        target = project.stamp.parent.absolute()
        built = {"type": "duckdb", "path": ":memory:", "database": project.domain, "schema": STAGING}
        # dbt-duckdb takes another database than the one in memory only from a file.
        attached = {"path": str(target / "parse.duckdb"), "alias": project.domain}
        write_profile(project, target, {**built, "attach": [attached]})
        parse = dbt(project, target).cli(["parse", "--quiet"], target_path=target, raise_on_error=False)
        if (error := parse.get_error()) is not None:
            message = f"dbt cannot parse the project of {project.domain}"
            place, expected = Place(project.folder / "dbt_project.yml"), "a project that `dbt parse` reads"
            raise DefinitionError.of("D011", message, place, expected, dbt_messages(str(error)))
        project.stamp.write_text(content)
        return DbtProject.of(project.domain, root)


def reads_more(project: DbtProject) -> bool:
    """Whether dbt can be called here and knows more than the files."""
    there = project.manifest is None and (project.folder / "dbt_project.yml").is_file()
    return there and find_spec("dagster_dbt") is not None and not project.files.all_faults()


def require_dbt(project: DbtProject) -> None:
    """Raise DefinitionError D033 if this environment has no dbt."""
    if find_spec("dagster_dbt") is None:
        message = f"the environment of {project.domain} has no dbt for its models"
        place = Place(project.folder / "dbt_project.yml")
        file = f"domains/{project.domain}/pyproject.toml"
        fix = f'Write "platform-core[dagster,dbt]" in {file}, then run `make lock setup`.'
        raise DefinitionError.of("D033", message, place, "platform_core with its extra dbt", fix)


def write_profile(project: DbtProject, folder: Path, output: Mapping[str, Any]) -> None:
    """Write dbt's profile into a folder."""
    settings = project.files.settings
    name = settings.text("profile") or settings.text("name") or project.domain
    text = json.dumps({name: {"target": "mesh", "outputs": {"mesh": output}}}, indent=1)
    write_whole(folder / "profiles.yml", text)  # JSON is YAML too


def dbt(project: DbtProject, profile: Path) -> DbtCliResource:
    """dagster-dbt's resource for this environment's dbt, which takes seconds to load. Raises
    DefinitionError D033 without dbt."""
    require_dbt(project)
    from dagster_dbt import DbtCliResource

    # DBT_TARGET and others are for other projects; models may read DBT_ENV_ variables.
    forget("DBT_", but="DBT_ENV_")
    return DbtCliResource(
        project_dir=str(project.folder),
        profiles_dir=str(profile),
        dbt_executable=str(Path(sys.executable).parent / "dbt"),
    )


def dbt_messages(text: str) -> str:
    """dbt's messages in an error of dagster-dbt, without the command line."""
    _, found, messages = text.partition("Errors parsed from dbt logs:")
    return (messages if found else text).strip()
