"""A revision of the mesh's git repository, and its files."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from platform_core.diagnostics import UsageError
from platform_core.files import move_folder
from platform_core.settings import BASE

MAIN: Final = ("origin/main", "main", "origin/master", "master")
"""The names of the main branch, the first that exists."""
_KEPT: Final = 4
"""The number of commits whose files are kept."""
_PATIENCE: Final = 60.0
"""Seconds for one call of git."""
_SHALLOW: Final = "Fetch the whole history: `git fetch --unshallow`, or `fetch-depth: 0` in a workflow."


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit of the repository in which the mesh is, or which it is."""

    root: Path
    commit: str

    def extract(self, folder: Path) -> Path:
        """The mesh at this commit as a folder, which is made once. Raises UsageError U096 for a commit
        without the mesh."""
        target = folder / self.commit
        if not target.is_dir():
            try:
                files = _git(self.root, "archive", "--format=tar", self.commit)
            except subprocess.CalledProcessError as error:
                message = f"the commit {self.commit[:12]} has no files here: {error.stderr.decode().strip()}"
                raise UsageError.of("U096", message, None, "a commit that has the mesh") from None
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".") as room:
                draft = Path(room) / self.commit
                with tarfile.open(fileobj=io.BytesIO(files)) as archive:
                    archive.extractall(draft, filter="data")
                with suppress(OSError):  # another process was faster
                    move_folder(draft, target)
            others = sorted(folder.glob("[!.]*"), key=lambda each: each.stat().st_mtime)
            for old in others[:-_KEPT]:
                shutil.rmtree(old, ignore_errors=True)
        return target

    def changed(self) -> frozenset[str]:
        """The files of the mesh that differ from this commit now, with untracked ones."""
        names = ("--no-ext-diff", "--name-only", "--relative", "-z")
        tracked = _git(self.root, "diff", *names, self.commit, "--", ".")
        others = _git(self.root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
        return frozenset(filter(None, (tracked + others).decode().split("\0")))


def revision(root: Path, name: str) -> Revision:
    """The commit of a name. Raises UsageError: U095 without a git repository, U096 for an unknown name."""
    if _ask(root, "rev-parse", "--git-dir") is None:
        message = "the mesh is not in a git repository, so that no other state can be read"
        fix = "Call it in a clone, or without a base."
        raise UsageError.of("U095", message, None, "git, and a repository", fix)
    found = _ask(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found is None:
        fix = _SHALLOW if _shallow(root) else "Name a branch, a tag or a commit of this repository."
        raise UsageError.of("U096", f'git knows no commit "{name}"', None, "a commit", fix)
    return Revision(root, found)


def common_revision(root: Path, name: str) -> Revision:
    """The merge base of the checked-out commit with ``name``. Raises UsageError: U095 without a git
    repository, U096 for an unknown name, U097 without a common commit."""
    other = revision(root, name)
    found = _ask(root, "merge-base", "HEAD", other.commit)
    if found is None:
        message = f'the checked-out commit has no history in common with "{name}"'
        fix = _SHALLOW if _shallow(root) else "Name a commit of the same history, or set MESH_BASE."
        raise UsageError.of("U097", message, None, "a common commit", fix)
    return Revision(root, found)


def default_revision(root: Path) -> Revision | None:
    """The base of ``mesh validate``: MESH_BASE, else the merge base with the main branch; None without git,
    without a main branch, and where that does not have the mesh yet. Raises UsageError: U096, U097."""
    if (named := BASE.text()) is not None:
        return revision(root, named)
    if _ask(root, "rev-parse", "--verify", "--quiet", "HEAD") is None:
        return None
    for name in MAIN:
        if _ask(root, "rev-parse", "--verify", "--quiet", name) is not None:
            found = common_revision(root, name)
            return found if _ask(root, "ls-tree", "--name-only", found.commit, ".") is not None else None
    return None


@cache
def commit(folder: Path) -> str | None:
    """The commit that is checked out at a folder; None without git or a commit."""
    return _ask(folder, "rev-parse", "--verify", "--quiet", "HEAD")


def _shallow(root: Path) -> bool:
    return _ask(root, "rev-parse", "--is-shallow-repository") == "true"


def _ask(root: Path, *words: str) -> str | None:
    """The answer of git in one line; None for an error, or without git."""
    try:
        return _git(root, *words).decode().strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *words: str) -> bytes:
    return subprocess.run(
        ("git", "-C", str(root), *words), capture_output=True, check=True, timeout=_PATIENCE
    ).stdout
