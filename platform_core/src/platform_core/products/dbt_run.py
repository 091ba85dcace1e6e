"""dbt itself on a domain's project: the profile that it runs with, and the manifest that it writes."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from platform_core.errors import DefinitionError, Diagnostic, Place
from platform_core.files import file_lock, write_whole
from platform_core.lake.location import LakeLocation, dbt_output
from platform_core.products.dbt_project import STAGING, DbtProject
from platform_core.settings import mesh_root

if TYPE_CHECKING:
    from dagster_dbt import DbtCliResource


def with_manifest(project: DbtProject) -> DbtProject:
    """The project with dbt's manifest of its files as they are now, parsed by dbt where one has changed.

    Raises:
        DefinitionError: D011 where dbt cannot read it.
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


def write_profile(project: DbtProject, location: LakeLocation, write: str, read: tuple[str, ...]) -> Path:
    """Write the profile that dbt runs with; returns its folder.

    dbt-duckdb attaches through the platform's plugin, which also takes the lake's lock, so that the
    process which writes is the one that holds it.
    """
    outputs = {"mesh": dbt_output(location, STAGING, write, read)}
    text = json.dumps({_profile_name(project): {"target": "mesh", "outputs": outputs}}, indent=1)  # YAML too
    folder = project.state / f"profile-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    write_whole(folder / "profiles.yml", text)
    return folder


def dbt(project: DbtProject, profile: Path) -> DbtCliResource:
    """dagster-dbt's resource on the dbt of this environment. Loading dbt takes seconds."""
    from dagster_dbt import DbtCliResource

    return DbtCliResource(
        project_dir=str(project.folder),
        profiles_dir=str(profile),
        dbt_executable=str(Path(sys.executable).parent / "dbt"),
    )


def dbt_messages(text: str) -> str:
    """What dbt itself says in one of dagster-dbt's errors, without the command line around it."""
    _, found, messages = text.partition("Errors parsed from dbt logs:")
    return (messages if found else text).strip()


def _profile_name(project: DbtProject) -> str:
    settings = project.files.settings
    return settings.text(("profile",)) or settings.text(("name",)) or project.domain


def _parse(project: DbtProject) -> None:
    profile = write_profile(project, LakeLocation.current(), project.domain, ())
    target = project.stamp.parent.absolute()
    invocation = dbt(project, profile).cli(["parse", "--quiet"], target_path=target, raise_on_error=False)
    if (error := invocation.get_error()) is not None:
        raise DefinitionError(
            Diagnostic(
                "D011",
                f"dbt cannot parse the project of {project.domain}",
                Place(project.folder / "dbt_project.yml"),
                expected="a project that `dbt parse` reads",
                fix=dbt_messages(str(error)),
            )
        )
