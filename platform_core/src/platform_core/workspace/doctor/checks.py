"""The checks of ``mesh doctor``, in order: those of a deployment, or of the embedded state folder."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from platform_core.deployment.file import current_deployment
from platform_core.deployment.model import ADMIN, Deployment, DeploymentError, Lakes
from platform_core.deployment.principal import credential_of, principal
from platform_core.diagnostics import Diagnostic, PlatformError
from platform_core.lake.connect import connect
from platform_core.lake.engine import extension_path
from platform_core.lake.lakes import current_lakes
from platform_core.lake.location import LakeLocation
from platform_core.lake.remote import owns
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_home
from platform_core.workspace.doctor.elsewhere import (
    Clock,
    code_server,
    database,
    object_store,
    other_bucket,
    own_bucket,
    roles,
    ui,
)

LEAST: Final = 1 << 30
"""The bytes that a disk should have left."""
Check = tuple[str, Callable[[], Iterable[Diagnostic]]]


def examine(root: Path, clock: Clock = time.time) -> Iterator[tuple[str, tuple[Diagnostic, ...]]]:
    """Each check with its faults, as it ends."""
    products, _ = Registry.open(root).scan()  # raises UsageError before the first answer
    name, lakes = "deployment file", sorted({product.lake for product in products})
    try:
        deployment = current_deployment()
        for name, check in _deployed(deployment, lakes, clock) if deployment else _embedded(root, lakes):
            try:
                yield name, tuple(check())
            except PlatformError as error:
                yield name, error.diagnostics
    except DeploymentError as error:  # without which the next check is not known
        yield name, error.diagnostics


def _deployed(deployment: Deployment, lakes: Sequence[str], clock: Clock) -> Iterator[Check]:
    yield f"deployment file {deployment.path}", tuple
    if deployment.lakes is not None:
        yield from _lakes(deployment.lakes, lakes, clock)
    if (instance := deployment.instance) is not None:
        name = f"instance database {instance.database.address}/{instance.database.name}"
        yield name, partial(database, instance.database, instance.credential, clock)
    if (servers := deployment.servers) is not None:
        for location, replicas in servers.domains.items():
            for address in replicas:
                yield f"code server of {location} at {address}", partial(code_server, location, address)
        if servers.ui is not None:
            yield f"UI at {servers.ui}", partial(ui, servers.ui)


def _lakes(lakes: Lakes, names: Sequence[str], clock: Clock) -> Iterator[Check]:
    where, credential = lakes.catalogs, credential_of(lakes, principal())
    at = f"{where.address}/{where.name} as {credential.user}"
    yield f"catalogs {at}", partial(database, where, credential, clock)
    yield f"rights of roles {at}", partial(roles, where, credential, lakes.credentials)
    yield from _extensions("ducklake", "postgres_scanner", "httpfs")
    yield f"object store {lakes.endpoint or lakes.region}", partial(object_store, lakes, clock)
    for lake in names:
        if owns(principal(), lake):
            yield f"bucket {lakes.bucket(lake)}", partial(own_bucket, lakes, lake, credential)
        elif principal() != ADMIN and credential.key is not None:
            yield f"wall of {lakes.bucket(lake)}", partial(other_bucket, lakes, lake, credential)


def _embedded(root: Path, lakes: Sequence[str]) -> Iterator[Check]:
    location, home = current_lakes(root), mesh_home(root)
    yield f"folder {home}", partial(_folder, home)
    yield from _extensions("ducklake", "sqlite_scanner")
    for lake in filter(location.exists, lakes):
        yield f"lake {lake}", partial(_lake, location, lake)


def _extensions(*names: str) -> Iterator[Check]:
    for name in names:
        yield f"extension {name}", partial(_extension, name)


def _extension(name: str) -> tuple[Diagnostic, ...]:
    extension_path(name)
    return ()


def _folder(folder: Path) -> Iterator[Diagnostic]:
    """E090 for a folder that cannot be written, E091 for a disk that is nearly full."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        fix = "Change its owner or its mode, or set MESH_HOME to a folder that you can write."
        raise DeploymentError.of("E090", f"the folder {there} cannot be written", None, "a folder", fix)
    if (free := shutil.disk_usage(there).free) < LEAST:
        message = f"the disk of {there} has {free >> 20:,} MiB left"
        yield Diagnostic("E091", message, None, f"{LEAST >> 20:,} MiB", "Free some space.")


def _lake(location: LakeLocation, lake: str) -> tuple[Diagnostic, ...]:
    with connect(location, write=[lake]):
        return ()
