"""The settings of Dagster's instance in the database of a deployment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platform_core.deployment.model import Deployment, DeploymentError, Instance
from platform_core.deployment.postgres import opened
from platform_core.diagnostics import Place, RunError, shown
from platform_core.settings import environment, set_variables
from platform_core.source.document import parse
from platform_core.source.file_kind import FileKind

if TYPE_CHECKING:
    from psycopg2.extensions import cursor

PASSWORD: Final = "DAGSTER_INSTANCE_PASSWORD"
"""The variable with the password, for every process that opens the instance."""
MARK: Final = "deployment"
_SETTINGS: Final = FileKind(
    "Dagster's settings", "a mapping", "Correct dagster.yaml.", code="R010", raised=RunError
)
_LOCK: Final = 7_305_822
"""The advisory lock of the one process that may create Dagster's tables."""


def instance_settings(deployment: Deployment, own: Path) -> str:
    """The ``dagster.yaml`` of a deployment's instance: ``own`` settings of the mesh, with the parts that
    several hosts need. It holds the name of the password's variable only."""
    instance, servers = deployment.instance, deployment.servers
    assert instance is not None
    database = instance.database
    settings = parse(own, _SETTINGS).data if own.exists() else {}
    found = {
        "username": instance.credential.user,
        "password": {"env": PASSWORD} if instance.credential.password else "",
        "hostname": database.address.host.strip("[]"),
        "port": database.address.port,
        "db_name": database.name,
        "params": {"sslmode": database.sslmode} if database.sslmode else {},
    }
    settings["storage"] = {"postgres": {"postgres_db": found}}
    if servers is not None:
        settings |= parse(Path(__file__).with_name("dagster.yaml"), _SETTINGS).data
        replicas = {name: list(map(str, addresses)) for name, addresses in servers.domains.items()}
        settings["run_launcher"]["config"] = {"replicas": replicas, "patience": servers.patience}
        per_domain = {
            "key": "dagster/code_location",
            "value": {"applyLimitPerUniqueValue": True},
            "limit": servers.runs_per_domain,
        }
        limits = {"max_concurrent_runs": servers.runs, "tag_concurrency_limits": [per_domain]}
        settings["concurrency"]["runs"] = limits
    return json.dumps(settings, indent=2)  # JSON is YAML too


def instance_variables(deployment: Deployment | None) -> dict[str, str]:
    """The variables of a process that opens the instance. Raises DeploymentError E002."""
    instance = deployment.instance if deployment else None
    # A process that this one starts gets the password, not the secret that it comes from.
    password = instance and (environment().get(PASSWORD) or instance.credential.text("password"))
    return {PASSWORD: password} if password else {}


@contextmanager
def one_process(deployment: Deployment | None) -> Iterator[None]:
    """For a block that opens the instance: one process of all hosts at a time, since the first creates the
    tables. Raises DeploymentError E030 if the database does not answer, in the block too."""
    if deployment is None or deployment.instance is None:
        yield
        return
    set_variables(instance_variables(deployment))
    with connected(deployment.instance) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield


@contextmanager
def connected(instance: Instance) -> Iterator[cursor]:
    """A cursor in the database. Raises DeploymentError E030 if it does not answer, in the block too."""
    own = instance.credential
    password = environment().get(PASSWORD) or own.text("password")
    with database_faults(instance), opened(instance.database, own.user, password) as session:
        yield session.cursor()


@contextmanager
def database_faults(instance: Instance) -> Iterator[None]:
    """Raises DeploymentError E030 for a fault of the database in the block."""
    import psycopg2
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except (psycopg2.Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
        address, user = instance.database.address, instance.credential.user
        raise DeploymentError.of(
            "E030",
            f"Dagster's database {instance.database.name} at {address} does not serve {user}: {reason}",
            address.place,
            "a database of Postgres that the role owns",
            "Start the server, or correct host, port, database, user and password of instance.",
        ) from None


def claim_home(deployment: Deployment | None, home: Path) -> None:
    """Note the deployment in its state folder. Raises DeploymentError E031 for the folder of another one."""
    mark, own = home / MARK, _digest(deployment)
    found = mark.read_text().strip() if mark.exists() else None
    embedded = (home / "dagster" / "history").exists()
    if own is None and found is None:
        return
    if found is None and not (embedded and deployment and deployment.instance):
        mark.write_text(f"{own}\n")
    elif found != own:
        before = "a mesh without a deployment" if found is None else "another deployment"
        message = f"the state folder {shown(home)} belongs to {before}"
        place = Place(deployment.path) if deployment else None
        expected = "a state folder of this deployment alone"
        raise DeploymentError.of("E031", message, place, expected, "Set MESH_HOME to another folder.")


def _digest(deployment: Deployment | None) -> str | None:
    """A digest of where lakes and instance are; None where both are on this machine."""
    if deployment is None or not (deployment.lakes or deployment.instance):
        return None
    lakes, instance = deployment.lakes, deployment.instance
    places = (
        (str(lakes.catalogs.address), lakes.catalogs.name, lakes.buckets, lakes.endpoint) if lakes else None,
        (str(instance.database.address), instance.database.name) if instance else None,
    )
    return hashlib.sha256(json.dumps(places).encode()).hexdigest()[:16]
