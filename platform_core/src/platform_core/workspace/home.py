"""Where a mesh keeps its state, and the one Dagster instance that run, serve and the UI share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from platform_core.diagnostics import RunError, UsageError
from platform_core.files import write_whole
from platform_core.settings import mesh_home


def require_root(root: Path) -> None:
    """Raise UsageError unless the working directory is the root of the mesh.

    Dagster takes ``executable_path`` relative to the working directory, so anywhere else its
    servers and ours would look for interpreters in the wrong place.
    """
    if Path.cwd().resolve() != root.resolve():
        raise UsageError.of("U026", f"this command starts at the root of the mesh: cd {root}")


@dataclass(frozen=True, slots=True)
class Home:
    """The state of a mesh under ``$MESH_HOME``, by default ``<root>/.mesh``."""

    path: Path

    @classmethod
    def of(cls, root: Path) -> Home:
        return cls(mesh_home(root))

    @property
    def dagster(self) -> Path:
        return self.path / "dagster"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def prepare(self, root: Path) -> None:
        """Make the folders, and give the instance the mesh's ``dagster.yaml``.

        Raises:
            RunError: R010 where the state folder cannot be written, or Dagster cannot use its path.
        """
        for path in (root, self.path):
            if "%" in str(path.absolute()):
                message = f"Dagster's database does not take a percent sign in a path: {path.absolute()}"
                raise RunError.of("R010", message, fix="Move it to a folder without one.")
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self.dagster.mkdir(parents=True, exist_ok=True)
            _keep_equal(root / "dagster.yaml", self.dagster / "dagster.yaml")
        except OSError as error:
            raise RunError.of(
                "R010",
                f"the mesh's state cannot be written: {error.strerror}: {error.filename}",
                fix="free some space, or point MESH_HOME to a folder that you can write",
            ) from None


def _keep_equal(source: Path, target: Path) -> None:
    wanted = source.read_bytes() if source.exists() else b""
    if not target.exists() or target.read_bytes() != wanted:
        write_whole(target, wanted)
