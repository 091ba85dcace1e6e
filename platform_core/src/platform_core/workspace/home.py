"""Where a mesh keeps its state, and the one Dagster instance that run, serve and the UI share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from platform_core.errors import Diagnostic, RunError


@dataclass(frozen=True, slots=True)
class Home:
    """The state of a mesh under ``$MESH_HOME``, by default ``<root>/.mesh``."""

    path: Path

    @classmethod
    def of(cls, root: Path) -> Home:
        return cls(Path(os.environ.get("MESH_HOME") or root / ".mesh").absolute())

    @property
    def dagster(self) -> Path:
        return self.path / "dagster"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def environment(self, root: Path) -> dict[str, str]:
        """What every process that we start gets: this process's environment and the mesh's places."""
        return {
            **os.environ,
            "MESH_ROOT": str(root),
            "MESH_HOME": str(self.path),
            "DAGSTER_HOME": str(self.dagster),
            # The superseded-notice of `dagster dev` and beta notices would bury what matters.
            "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
        }

    def prepare(self, root: Path) -> None:
        """Make the folders, and give the instance the mesh's ``dagster.yaml``.

        Raises:
            RunError: R010 where the state folder cannot be written.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self.dagster.mkdir(parents=True, exist_ok=True)
            _copy(root / "dagster.yaml", self.dagster / "dagster.yaml")
        except OSError as error:
            raise RunError(
                Diagnostic(
                    "R010",
                    f"the mesh's state cannot be written: {error.strerror}: {error.filename}",
                    fix="free some space, or point MESH_HOME to a folder that you can write",
                )
            ) from None


def _copy(source: Path, target: Path) -> None:
    wanted = source.read_bytes() if source.exists() else b""
    if target.exists() and target.read_bytes() == wanted:
        return
    # Renamed into place, so that a server starting meanwhile never reads half a file.
    half = target.with_name(f"{target.name}.{os.getpid()}")
    half.write_bytes(wanted)
    half.replace(target)
