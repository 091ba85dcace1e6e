"""The checks of ``mesh doctor``, in order: those of a deployment, or of the embedded state folder."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from platform_core.deployment.file import ADMIN, Deployment, DeploymentError, Lakes, current_deployment
from platform_core.deployment.principal import credential_of, owns, principal
from platform_core.diagnostics import Diagnostic, PlatformError
from platform_core.lake.connect import connect
from platform_core.lake.extensions import extension_path
from platform_core.lake.location import LakeLocation
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_home
from platform_core.workspace.doctor.buckets import object_store, other_bucket, own_bucket
from platform_core.workspace.doctor.databases import database, roles
from platform_core.workspace.doctor.servers import Clock, code_server, ui

LEAST: Final = 1 << 30
"""The bytes that a disk should have left."""
Check = tuple[str, Callable[[], Iterable[Diagnostic]]]


@dataclass(frozen=True, slots=True)
class Checked:
    name: str
    faults: tuple[Diagnostic, ...]


def examine(root: Path, clock: Clock = time.time) -> Iterator[Checked]:
    """The result of each check, as it ends."""
    try:
        deployment = current_deployment()
        checks = _embedded(root) if deployment is None else _deployed(deployment, root, clock)
        for name, check in checks:
            try:
                yield Checked(name, tuple(check()))
            except PlatformError as error:
                yield Checked(name, error.diagnostics)
    except PlatformError as error:  # of the file
        yield Checked("deployment file", error.diagnostics)


def _deployed(deployment: Deployment, root: Path, clock: Clock) -> Iterator[Check]:
    yield f"deployment file {deployment.path}", tuple
    if (lakes := deployment.lakes) is not None:
        yield from _lakes(lakes, root, clock)
    if (instance := deployment.instance) is not None:
        name = f"instance database {instance.database.address}/{instance.database.name}"
        yield name, partial(database, instance.database, instance.credential, clock)
    if (servers := deployment.servers) is not None:
        for location, replicas in servers.domains.items():
            for address in replicas:
                yield f"code server of {location} at {address}", partial(code_server, location, address)
        if servers.ui is not None:
            yield f"UI at {servers.ui}", partial(ui, servers.ui)


def _lakes(lakes: Lakes, root: Path, clock: Clock) -> Iterator[Check]:
    name, credential, where = principal(), credential_of(lakes, principal()), lakes.catalogs
    at = f"{where.address}/{where.name} as {credential.user}"
    yield f"catalogs {at}", partial(database, where, credential, clock)
    yield f"rights of roles {at}", partial(roles, where, credential, lakes.credentials)
    for extension in ("ducklake", "postgres_scanner", "httpfs"):
        yield f"extension {extension}", partial(_extension, extension)
    yield f"object store {lakes.endpoint or lakes.region}", partial(object_store, lakes, clock)
    products, _ = Registry.open(root).scan()
    for lake in sorted({product.lake for product in products}):
        if owns(name, lake):
            yield f"bucket {lakes.bucket(lake)}", partial(own_bucket, lakes, lake, credential)
        elif name != ADMIN and credential.key is not None:
            yield f"wall of {lakes.bucket(lake)}", partial(other_bucket, lakes, lake, credential)


def _embedded(root: Path) -> Iterator[Check]:
    home, location = mesh_home(root), LakeLocation.current(root)
    for folder in dict.fromkeys((home, location.root)):
        yield f"folder {folder}", partial(_folder, folder)
    for extension in ("ducklake", "sqlite_scanner"):
        yield f"extension {extension}", partial(_extension, extension)
    for lake in sorted(path.name for path in location.root.glob("*") if path.is_dir()):
        yield f"lake {lake}", partial(_lake, location, lake)


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
    with connect(location, read=[lake]):
        return ()
