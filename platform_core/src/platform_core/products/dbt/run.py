"""dbt itself on a domain's project: the profile that it runs with, and the manifest that it writes."""

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
    """The project with dbt's manifest of its files as they are now, parsed by dbt where one has changed.

    Raises:
        DefinitionError: D011 where dbt cannot read it, D033 where there is no dbt.
    """
    root = mesh_root(project.folder)
    if project.manifest is not None:
        return project
    if faults := project.files.all_faults():
        raise DefinitionError(*faults)
    project.stamp.parent.mkdir(parents=True, exist_ok=True)
    # Several processes load a location at the same time: webserver, daemon, workers.
    with file_lock(project.state / "parse.lock"):
        parsed = DbtProject.of(project.domain, root)
        if parsed.manifest is not None:
            return parsed
        content = project.content()
        _parse(project)
        project.stamp.write_text(content)
        return DbtProject.of(project.domain, root)


def reads_more(project: DbtProject) -> bool:
    """Whether dbt can be asked here for more than the files say by themselves."""
    there = project.manifest is None and (project.folder / "dbt_project.yml").is_file()
    return there and find_spec("dagster_dbt") is not None and not project.files.all_faults()


def require_dbt(project: DbtProject) -> None:
    """Raise DefinitionError D033 where this environment has no dbt to make the models with."""
    if find_spec("dagster_dbt") is None:
        message = f"the environment of {project.domain} has no dbt, which makes its models"
        place = Place(project.folder / "dbt_project.yml")
        fix = f'Write "platform-core[dbt]" in domains/{project.domain}/pyproject.toml, then: make lock setup'
        raise DefinitionError.of("D033", message, place, "platform_core with its extra dbt", fix)


def write_profile(project: DbtProject, folder: Path, output: Mapping[str, Any]) -> None:
    """Write the profile that dbt runs with into a folder."""
    settings = project.files.settings
    name = settings.text("profile") or settings.text("name") or project.domain
    text = json.dumps({name: {"target": "mesh", "outputs": {"mesh": output}}}, indent=1)
    write_whole(folder / "profiles.yml", text)  # JSON is YAML too


def dbt(project: DbtProject, profile: Path) -> DbtCliResource:
    """dagster-dbt's resource on the dbt of this environment. Loading dbt takes seconds.

    Raises:
        DefinitionError: D033 where there is none.
    """
    require_dbt(project)
    from dagster_dbt import DbtCliResource

    # DBT_TARGET, DBT_FULL_REFRESH and others are meant for other projects; models may read DBT_ENV_ ones.
    forget("DBT_", but="DBT_ENV_")
    return DbtCliResource(
        project_dir=str(project.folder),
        profiles_dir=str(profile),
        dbt_executable=str(Path(sys.executable).parent / "dbt"),
    )


def dbt_messages(text: str) -> str:
    """What dbt itself says in one of dagster-dbt's errors, without the command line around it."""
    _, found, messages = text.partition("Errors parsed from dbt logs:")
    return (messages if found else text).strip()


def _parse(project: DbtProject) -> None:
    target = project.stamp.parent.absolute()
    built = {"type": "duckdb", "path": ":memory:", "database": project.domain, "schema": STAGING}
    # A file of its name, so that dbt-duckdb takes another database than the one in memory.
    attached = {"path": str(target / "parse.duckdb"), "alias": project.domain}
    write_profile(project, target, {**built, "attach": [attached]})
    invocation = dbt(project, target).cli(["parse", "--quiet"], target_path=target, raise_on_error=False)
    if (error := invocation.get_error()) is not None:
        message = f"dbt cannot parse the project of {project.domain}"
        place, expected = Place(project.folder / "dbt_project.yml"), "a project that `dbt parse` reads"
        raise DefinitionError.of("D011", message, place, expected, dbt_messages(str(error)))
