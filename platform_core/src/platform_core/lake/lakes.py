"""The lakes of this process: on the servers of the deployment, else on this machine."""

from __future__ import annotations

from pathlib import Path

from platform_core.deployment.file import current_deployment
from platform_core.deployment.principal import credential_of, principal
from platform_core.extras import missing
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.location import LakeLocation
from platform_core.settings import LAKE, mesh_home


def current_lakes(root: Path | None = None) -> LakeLocation:
    """The lakes of the mesh at ``root``, by default of the working directory.

    Local ones are in ``MESH_LAKE``, else in ``lake`` in the state. Raises DeploymentError for a wrong
    deployment file, or an unknown principal.
    """
    folder = LAKE.folder() or mesh_home(root) / "lake"
    deployment = current_deployment()
    if deployment is None or deployment.lakes is None:
        return LocalLakes(folder)
    try:
        from platform_core.lake.remote.lakes import RemoteLakes
    except ModuleNotFoundError as error:
        raise missing(error) from None

    credential_of(deployment.lakes, principal())  # a wrong name is reported first
    return RemoteLakes(folder, deployment.lakes)
