"""The only way to start a process, of a location or of the platform, with the variables that it may see.

A location's worker, introspection, check and code server get the same environment, and dbt inherits it: the
person's and the machine's (``HOME``, ``PATH``, the locale), the settings of Dagster and the mesh, and the
variables that the domain names. It never has another domain's password.
"""

from __future__ import annotations

import argparse
import subprocess
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from platform_core.deployment.file import current_deployment
from platform_core.diagnostics import DefinitionError, Place, shown
from platform_core.secrets import FILE
from platform_core.settings import HOME, PRINCIPAL, ROOT, SECRETS, SETTINGS, environment
from platform_core.source.workspace import Location
from platform_core.workspace.home import Home
from platform_core.workspace.hosts.instance_settings import instance_variables

_ALWAYS: Final = frozenset(
    {"HOME", "TMPDIR", "TZ", "PATH", "LANG", "LANGUAGE", "PYTHONWARNINGS", "PYTHONUTF8"}
)
_FAMILIES: Final = ("LC_", "DAGSTER_", "MESH_")
_TABLE: Final = '[tool.platform-core]\nenvironment = ["MESH_SECRET_SHOP_DATABASE", "HTTPS_PROXY"]'


def start(
    command: Sequence[str], variables: Mapping[str, str], *, own_session: bool = True, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a process with further ``options`` of Popen. In its own session, Ctrl-C of the terminal does
    not reach it, and killing its group ends its children. Raises OSError if the program is missing or
    cannot run."""
    options = {"stdin": subprocess.DEVNULL, **options}
    return subprocess.Popen(command, env=variables, start_new_session=own_session, **options)


def run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a process in this terminal and return its exit status. Ctrl-C ends it too."""
    with start(command, variables, stdin=None, own_session=False) as process:
        try:
            return process.wait()
        except BaseException:
            process.kill()
            raise


def location_command(location: Location, module: str, *words: str) -> list[str]:
    """The command for a module of the platform in a location's interpreter, with the location's options."""
    command = [str(location.python), "-m", module, "--location", location.name, "--module", location.module]
    if location.attribute is not None:
        command += ["--attribute", location.attribute]
    if location.working_directory is not None:
        command += ["--directory", str(location.working_directory)]
    return [*command, *words]


def location_options(*others: str) -> argparse.Namespace:
    """The options of ``location_command`` and ``others``, in the location's interpreter."""
    parser = argparse.ArgumentParser()
    for name in ("location", "module", *others):
        parser.add_argument(f"--{name}", required=True)
    for name in ("attribute", "directory"):
        parser.add_argument(f"--{name}")
    return parser.parse_args()


def mesh_variables(root: Path, home: Home) -> dict[str, str]:
    """The environment of the platform's own processes: this one's without secrets, and the mesh's folders."""
    folders = {s.name: str(folder) for s in SETTINGS if s.kind == "folder" and (folder := s.folder())}
    files = {s.name: str(file) for s in SETTINGS if s.kind == "file" and (file := s.file())}
    return {
        **without_secrets(),
        **folders,
        **files,
        **instance_variables(current_deployment()),
        ROOT.name: str(root),
        HOME.name: str(home.path),
        "DAGSTER_HOME": str(home.dagster),
        # Dagster's deprecation and beta notices would hide the important messages.
        "PYTHONWARNINGS": environment().get("PYTHONWARNINGS", "ignore"),
    }


def without_secrets() -> dict[str, str]:
    """This process's environment without secrets, for a process that makes no product."""
    secret = deployment_secrets()
    return {n: value for n, value in environment().items() if not n.startswith(SECRETS) and n not in secret}


def deployment_secrets(principal: str | None = None) -> frozenset[str]:
    """The variables with secrets of the deployment: of one principal, by default of all. The password of the
    instance has another name in the processes that this one starts."""
    deployment = current_deployment()
    if deployment is None:
        return frozenset()
    known = deployment.lakes.credentials if deployment.lakes else {}
    credentials = [each for name, each in known.items() if principal in (None, name)]
    secrets = [secret for each in credentials for secret in (each.password, each.secret, each.session_token)]
    if deployment.access is not None and principal is None:
        secrets.append(deployment.access.token)
    if deployment.spark is not None:
        secrets.append(deployment.spark.token)
    return frozenset(each["env"] for each in secrets if isinstance(each, Mapping) and "env" in each)


def location_variables(location: Location, root: Path, home: Home) -> dict[str, str]:
    """The environment of a location's interpreter. Raises DefinitionError D071 as ``names_of``."""
    named = names_of(location.name, root)
    # A secret may be in a file.
    named += tuple(name + FILE for name in named if name.startswith(SECRETS))
    own = {name: value for name, value in environment().items() if name in named}
    return permitted(mesh_variables(root, home) | own, named) | principal_variables(location.name)


def principal_variables(domain: str) -> dict[str, str]:
    """The variables that make a process of a domain use the domain's credentials of the deployment."""
    return {} if current_deployment() is None else {PRINCIPAL.name: domain}


def permitted(variables: Mapping[str, str], named: Collection[str]) -> dict[str, str]:
    """The variables for every location, and those that its domain names."""
    others = deployment_secrets().difference(named)
    return {
        name: value
        for name, value in variables.items()
        if name in named or name in _ALWAYS or (name.startswith(_FAMILIES) and not name.startswith(SECRETS))
        if name not in others
    }


def names_of(domain: str, root: Path) -> tuple[str, ...]:
    """The variables in a domain's pyproject.toml, ``[tool.platform-core] environment``, and of its secrets in
    the deployment. Raises DefinitionError D071 for a file that cannot be read, or anything but names of
    variables."""
    path = root / "domains" / domain / "pyproject.toml"
    secret = tuple(deployment_secrets(domain))
    if not path.exists():
        return secret
    try:
        if not path.is_file():
            raise OSError(None, "not a regular file")
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _fault(path, f"{shown(path)} cannot be read: {reason}") from None
    tool = document.get("tool")
    table = tool.get("platform-core", {}) if isinstance(tool, dict) else {}
    named = table.get("environment", []) if isinstance(table, dict) else None
    if not isinstance(named, list) or not all(isinstance(n, str) and n.isidentifier() for n in named):
        raise _fault(path, f"{shown(path)}: environment of [tool.platform-core] is not a list of variables")
    return (*named, *secret)


def _fault(path: Path, message: str) -> DefinitionError:
    line = 1
    if path.is_file():
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        line = next((n for n, text in enumerate(lines, 1) if text.startswith("environment")), 1)
    expected = "names of environment variables that the domain's code needs"
    return DefinitionError.of("D071", message, Place(path, line), expected, f"Write:\n{_TABLE}")
