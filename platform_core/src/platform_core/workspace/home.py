"""The state folder of a mesh, with the Dagster home that run, serve and the UI share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from platform_core.deployment.file import current_deployment
from platform_core.diagnostics import RunError, UsageError
from platform_core.files import write_whole
from platform_core.settings import mesh_home
from platform_core.workspace.hosts.instance_settings import claim_home, instance_settings


def require_root(root: Path) -> None:
    """Raise UsageError U026 unless the working directory is the root of the mesh: Dagster resolves
    ``executable_path`` relative to the working directory."""
    if Path.cwd().resolve() != root.resolve():
        raise UsageError.of("U026", f"this command runs only at the root of the mesh: cd {root}")


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
    def introspection(self) -> Path:
        """The folder of what was read from the locations."""
        deployment = current_deployment()
        kept = deployment.introspection if deployment is not None else None
        return kept or self.path / "introspection"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def prepare(self, root: Path) -> None:
        """Create the folders, and write the ``dagster.yaml`` of the mesh or its deployment into the Dagster
        home. Raises RunError R010 if the folder cannot be written, or Dagster cannot use its path, and
        DeploymentError E031 for the folder of another deployment."""
        deployment = current_deployment()
        for path in (root, self.path):
            if "%" in str(path.absolute()):
                message = f"Dagster's database cannot use a path with a percent sign: {path.absolute()}"
                raise RunError.of("R010", message, fix="Move it to a folder without one.")
        source, target = root / "dagster.yaml", self.dagster / "dagster.yaml"
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self.dagster.mkdir(parents=True, exist_ok=True)
            claim_home(deployment, self.path)
            wanted = source.read_bytes() if source.exists() else b""
            if deployment is not None and deployment.instance is not None:
                wanted = instance_settings(deployment, source).encode()
            if not target.exists() or target.read_bytes() != wanted:
                write_whole(target, wanted)
        except OSError as error:
            message = f"the state folder cannot be written: {error.strerror}: {error.filename}"
            fix = "Free some space, or set MESH_HOME to a folder that you can write."
            raise RunError.of("R010", message, fix=fix) from None
