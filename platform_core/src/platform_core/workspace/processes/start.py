"""The one way to start a process: a location's interpreter with what its domain may know, and our own.

A location's worker, introspection, check and code server get the same environment, and dbt inherits it:
where the person and the machine are (``HOME``, ``PATH``, the locale), what Dagster and the mesh are told,
and the variables that the domain itself names. No other domain's password is among them.
"""

from __future__ import annotations

import argparse
import subprocess
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from platform_core.diagnostics import DefinitionError, Place, shown
from platform_core.settings import HOME, ROOT, SECRETS, SETTINGS, environment
from platform_core.source.workspace import Location
from platform_core.workspace.home import Home

_ALWAYS: Final = frozenset(
    {"HOME", "TMPDIR", "TZ", "PATH", "LANG", "LANGUAGE", "PYTHONWARNINGS", "PYTHONUTF8"}
)
_FAMILIES: Final = ("LC_", "DAGSTER_", "MESH_")
_TABLE: Final = '[tool.platform-core]\nenvironment = ["MESH_SECRET_SHOP_DATABASE", "HTTPS_PROXY"]'

Stream = int | IO[bytes]


def start(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    cwd: Path | None = None,
    stdin: Stream | None = subprocess.DEVNULL,
    stdout: Stream | None = None,
    stderr: Stream | None = None,
    own_session: bool = True,
) -> subprocess.Popen[bytes]:
    """Start a process. In a session of its own the terminal's Ctrl-C does not reach it, and killing its
    group ends what it started. Raises OSError where the program is missing or does not run."""
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=variables,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=own_session,
    )


def run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a process in this terminal to its end, and return its exit status. Ctrl-C ends it too."""
    with start(command, variables, stdin=None, own_session=False) as process:
        try:
            return process.wait()
        except BaseException:
            process.kill()
            raise


def location_command(location: Location, module: str, *words: str) -> list[str]:
    """Runs a module of the platform in a location's interpreter and tells it which location that is."""
    command = [str(location.python), "-m", module, "--location", location.name, "--module", location.module]
    if location.attribute is not None:
        command += ["--attribute", location.attribute]
    if location.working_directory is not None:
        command += ["--directory", str(location.working_directory)]
    return [*command, *words]


def location_options(*others: str) -> argparse.Namespace:
    """What ``location_command`` and ``others`` told this process, in the location's interpreter."""
    parser = argparse.ArgumentParser()
    for name in ("location", "module", *others):
        parser.add_argument(f"--{name}", required=True)
    for name in ("attribute", "directory"):
        parser.add_argument(f"--{name}")
    return parser.parse_args()


def mesh_variables(root: Path, home: Home) -> dict[str, str]:
    """The environment of the platform's own processes: this one's, and where the mesh is. No secrets."""
    folders = {s.name: str(folder) for s in SETTINGS if s.kind == "folder" and (folder := s.folder())}
    return {
        **without_secrets(),
        **folders,
        ROOT.name: str(root),
        HOME.name: str(home.path),
        "DAGSTER_HOME": str(home.dagster),
        # The superseded-notice of `dagster dev` and beta notices would bury what matters.
        "PYTHONWARNINGS": environment().get("PYTHONWARNINGS", "ignore"),
    }


def without_secrets() -> dict[str, str]:
    """This process's own environment, for a process that makes no product."""
    return {name: value for name, value in environment().items() if not name.startswith(SECRETS)}


def location_variables(location: Location, root: Path, home: Home) -> dict[str, str]:
    """The environment of a location's interpreter. Raises DefinitionError D071, see ``names_of``."""
    named = names_of(location.name, root)
    own = {name: value for name, value in environment().items() if name in named}
    return permitted(mesh_variables(root, home) | own, named)


def permitted(variables: Mapping[str, str], named: Collection[str]) -> dict[str, str]:
    """Those of some variables that every location gets, and those that its domain named."""
    return {
        name: value
        for name, value in variables.items()
        if name in named or name in _ALWAYS or (name.startswith(_FAMILIES) and not name.startswith(SECRETS))
    }


def names_of(domain: str, root: Path) -> tuple[str, ...]:
    """The variables that a domain names in its pyproject.toml, ``[tool.platform-core] environment``.

    Raises:
        DefinitionError: D071 where the file cannot be read or names something else than variables.
    """
    path = root / "domains" / domain / "pyproject.toml"
    if not path.exists():
        return ()
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
    if not isinstance(named, list) or not all(
        isinstance(name, str) and name.isidentifier() for name in named
    ):
        raise _fault(path, f"{shown(path)}: environment of [tool.platform-core] is not a list of variables")
    return tuple(named)


def _fault(path: Path, message: str) -> DefinitionError:
    line = 1
    if path.is_file():
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        line = next((n for n, text in enumerate(lines, 1) if text.startswith("environment")), 1)
    expected = "names of environment variables that the domain's code needs"
    return DefinitionError.of("D071", message, Place(path, line), expected, f"Write:\n{_TABLE}")
