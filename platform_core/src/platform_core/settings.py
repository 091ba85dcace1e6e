"""All ``MESH_*`` variables of the environment. No other module reads them.

A path may begin with ``~`` or be relative to the working directory; other processes receive absolute paths.
The page of settings in the documentation is generated from ``SETTINGS``.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from platform_core.diagnostics import DOCS, UsageError, shown

WORKSPACE: Final = "workspace.yaml"
SECRETS: Final = "MESH_SECRET_"
"""The prefix of variables with secrets. Only a domain that names a secret receives it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable; an empty value counts as unset. ``default`` and ``meaning`` are for the documentation."""

    name: str
    kind: Literal["address", "file", "folder", "memory", "name", "seconds"]
    default: str
    meaning: str
    code: str
    """The code of the diagnostic for a wrong value."""

    def text(self) -> str | None:
        return os.environ.get(self.name) or None

    def folder(self) -> Path | None:
        """The folder, absolute; it may not exist."""
        text = self.text()
        if text is None:
            return None
        folder = whole(Path(text))
        try:
            if folder.exists() and not folder.is_dir():
                raise self.fault("a folder", f"Correct {self.name}.", "not a directory")
        except PermissionError:
            pass  # a process without permission may not need it: keys belong to their owners
        except OSError as error:
            raise self.fault("a folder", f"Correct {self.name}.", error.strerror or "") from None
        return folder

    def file(self) -> Path | None:
        """The file, absolute. Raises UsageError where it does not exist."""
        text = self.text()
        if text is None:
            return None
        path = whole(Path(text))
        if not path.is_file():
            raise self.fault("a file that exists", f"Correct {self.name}.", "not a file")
        return path

    @contextmanager
    def defaulting_to(self, folder: Path) -> Iterator[None]:
        """Within it, an unset variable names ``folder``, for this process and its children."""
        if self.text() is not None:
            yield
            return
        os.environ[self.name] = str(folder)
        try:
            yield
        finally:
            del os.environ[self.name]

    def existing_folder(self) -> Path | None:
        """The folder. Raises UsageError where it does not exist."""
        folder = self.folder()
        if folder is not None and not folder.is_dir():
            raise self.fault("a folder that exists", f"Correct {self.name}.", "not a directory")
        return folder

    def seconds(self, default: float, *, least: float = 0.0) -> float:
        """A number of seconds, ``least`` or more. Raises UsageError for anything else."""
        text = self.text()
        if text is None:
            return default
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not least <= seconds < threading.TIMEOUT_MAX:
            raise self.fault(f"seconds, {least:g} or more", f"{self.name}={default:g}")
        return seconds

    def memory(self) -> str | None:
        """An amount of memory. Raises UsageError for anything else."""
        text = self.text()
        if text is not None and not re.fullmatch(
            r"(?=.*[1-9])\d+(\.\d+)?\s*[kmgt]i?b", text.strip(), re.I | re.ASCII
        ):
            raise self.fault("an amount of memory", f"{self.name}=4GB")
        return text

    def address(self) -> str | None:
        """The address of a web page, without a slash at its end. Raises UsageError for anything else."""
        text = self.text()
        if text is not None and not re.fullmatch(r"https?://[\w.:/~-]+", text):
            raise self.fault("an address, such as https://docs.example.com", f"Correct {self.name}.")
        return text and text.rstrip("/")

    def fault(self, expected: str, fix: str, reason: str = "") -> UsageError:
        message = f"{self.name}={self.text()}" + (f": {reason}" if reason else "")
        return UsageError.of(self.code, message, None, expected, fix)


ROOT: Final = Setting(
    "MESH_ROOT",
    "folder",
    "the nearest folder above that has a workspace.yaml",
    "The folder of the mesh.",
    "U001",
)
HOME: Final = Setting(
    "MESH_HOME", "folder", "`.mesh` in the mesh's folder", "The state: lakes, keys, runs, logs.", "U002"
)
CONTRACTS: Final = Setting(
    "MESH_CONTRACTS",
    "folder",
    "`domains/<domain>/contracts` of the mesh",
    "A folder of contracts, `<domain>/<product>.odcs.yaml`, in place of the mesh's own.",
    "U003",
)
REGISTRY: Final = Setting(
    "MESH_REGISTRY",
    "folder",
    "none",
    "The registry with the contracts of domains in other repositories.",
    "U082",
)
LAKE: Final = Setting("MESH_LAKE", "folder", "`lake` in the state", "The folder of the lakes.", "U004")
KEYS: Final = Setting(
    "MESH_KEYS", "folder", "`keys` in the state", "The folder of the keys of hashes.", "U005"
)
MEMORY: Final = Setting(
    "MESH_MEMORY_LIMIT",
    "memory",
    "40% of the machine's",
    "How much memory one process of the engine may take, such as `4GB`.",
    "U034",
)
LOCK_TIMEOUT: Final = Setting(
    "MESH_LOCK_TIMEOUT", "seconds", "300", "How long a writer waits for the lock of a lake.", "U030"
)
INTROSPECT_TIMEOUT: Final = Setting(
    "MESH_INTROSPECT_TIMEOUT", "seconds", "60", "How long a code location may take to load.", "U050"
)
SERVE_TIMEOUT: Final = Setting(
    "MESH_SERVE_TIMEOUT",
    "seconds",
    "180",
    "How long `mesh serve` waits at its start for code locations that make no progress.",
    "U031",
)
SOURCE_TIMEOUT: Final = Setting(
    "MESH_SOURCE_TIMEOUT", "seconds", "3600", "How long one read of a source may take.", "U032"
)
DOCS_URL: Final = Setting(
    DOCS,
    "address",
    "none",
    "The site of this documentation. Diagnostics name the page of a code in it.",
    "U033",
)
REPOSITORY: Final = Setting(
    "MESH_REPOSITORY_URL",
    "address",
    "none",
    "The mesh's folder in a repository's web pages, to which the UI links contracts and code.",
    "U033",
)
DEPLOYMENT: Final = Setting(
    "MESH_DEPLOYMENT",
    "file",
    "none: everything is on this machine",
    "The file with the places of lakes, Dagster's instance and servers.",
    "U035",
)
PRINCIPAL: Final = Setting(
    "MESH_PRINCIPAL",
    "name",
    "`analysts`",
    "Whose credentials of the deployment this process uses: a domain, a group of readers or `admin`.",
    "U035",
)
BASE: Final = Setting(
    "MESH_BASE",
    "name",
    "the merge base with the main branch",
    "The commit with which `mesh validate` compares contracts, and the UI the products.",
    "U096",
)
SETTINGS: Final = (
    ROOT, HOME, CONTRACTS, REGISTRY, LAKE, KEYS, MEMORY, LOCK_TIMEOUT, SOURCE_TIMEOUT, INTROSPECT_TIMEOUT,
    SERVE_TIMEOUT, DOCS_URL, REPOSITORY, DEPLOYMENT, PRINCIPAL, BASE,
)  # fmt: skip


def whole(path: Path) -> Path:
    """A typed path, absolute: ``~`` expanded, relative to the working directory."""
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        return path.absolute()  # the home of an unknown user: ~ is a part of the name


def mesh_root(start: Path | None = None) -> Path:
    """The folder of the mesh, the one with ``workspace.yaml``.

    MESH_ROOT, else the nearest folder above ``start`` (the working directory) that has one.
    Raises UsageError U001 without such a folder.
    """
    named = ROOT.folder()
    if named is not None:
        if os.path.lexists(named / WORKSPACE):
            return named
        raise UsageError.of("U001", f"MESH_ROOT={named}: {WORKSPACE} is missing", fix="Correct MESH_ROOT.")
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if os.path.lexists(folder / WORKSPACE):
            return folder
    raise UsageError.of(
        "U001",
        f"{shown(here)} is not in a mesh: no folder above it has a {WORKSPACE}",
        fix="Change to the mesh's folder, or set MESH_ROOT.",
    )


def mesh_home(root: Path | None = None) -> Path:
    """The state folder of the mesh at ``root``: MESH_HOME, else ``.mesh`` in its folder.

    Raises UsageError U001 without a root outside of a mesh.
    """
    return HOME.folder() or (root or mesh_root()) / ".mesh"


def environment() -> Mapping[str, str]:
    """A copy of the environment, for a process that starts others."""
    return dict(os.environ)


def set_variables(values: Mapping[str, str]) -> None:
    """Set variables of this process that another library reads."""
    os.environ.update(values)


def forget(prefix: str, but: str) -> None:
    """Remove the variables with a prefix, except those with the prefix ``but``, from this process."""
    for name in [name for name in os.environ if name.startswith(prefix) and not name.startswith(but)]:
        del os.environ[name]
