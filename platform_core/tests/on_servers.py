"""A small mesh whose lakes are on servers of its own: Postgres and an object store, from wheels."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import yaml
from servers import OWNER, PASSWORD, ObjectStore, Postgres, actions_of, free_port, object_store, postgres
from small_mesh import SmallMesh

from platform_core.access.server.rights import LakeRights, rights_of, store_policies
from platform_core.deployment.file import read_deployment
from platform_core.deployment.model import Lakes
from platform_core.registry.lookup import Registry


@dataclass
class Deployed:
    root: Path
    file: Path
    postgres: Postgres
    store: ObjectStore

    @property
    def lakes(self) -> Lakes:
        found = read_deployment(self.file).lakes
        assert found is not None
        return found

    @property
    def rights(self) -> tuple[LakeRights, ...]:
        return rights_of(Registry.open(self.root), self.lakes)

    def environment(self, principal: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MESH_")}
        return {
            **kept,
            "MESH_ROOT": str(self.root),
            "MESH_DEPLOYMENT": str(self.file),
            "MESH_PRINCIPAL": principal,
        }

    def mesh(self, principal: str, *words: str) -> subprocess.CompletedProcess[str]:
        """The command as a principal."""
        command = [sys.executable, "-m", "platform_core.cli", *words]
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(principal),
            capture_output=True,
            text=True,
            check=False,
        )

    def psql(self, principal: str) -> psycopg2.extensions.connection:
        user, password = (principal, f"{principal}-pw") if principal != "admin" else ("owner", PASSWORD)
        return psycopg2.connect(
            host="127.0.0.1", port=self.postgres.port, dbname="shop", user=user, password=password
        )


def write_deployment(root: Path, pg_port: int, s3_port: int, principals: list[str]) -> Path:
    """A deployment file with references to files of secrets."""
    secrets = root / "secrets"
    secrets.mkdir(exist_ok=True)

    def reference(name: str, text: str) -> dict[str, str]:
        (secrets / name).write_text(text)
        return {"file": f"secrets/{name}"}

    credentials = {
        name: {
            "user": name,
            "password": reference(f"{name}-pw", f"{name}-pw"),
            "key": f"{name}-key",
            "secret": reference(f"{name}-s3", f"{name}-s3cret-key"),
        }
        for name in principals
    }
    credentials["admin"] = {
        "user": "owner",
        "password": reference("admin-pw", PASSWORD),
        "key": OWNER["access_key"],
        "secret": reference("admin-s3", OWNER["secret_key"]),
    }
    lakes = {
        "catalogs": {"host": "127.0.0.1", "port": pg_port, "database": "shop"},
        "buckets": "mesh-{lake}",
        "endpoint": f"http://127.0.0.1:{s3_port}",
        "credentials": credentials,
    }
    file = root / "mesh.deployment.yaml"
    file.write_text(yaml.safe_dump({"lakes": lakes}, sort_keys=False))
    return file


@contextmanager
def deployed(mesh: SmallMesh, folder: Path, *groups: str) -> Iterator[Deployed]:
    """The servers for the contracts of a mesh, with all rights applied; ``groups`` are readers next to the
    domains."""
    registry = Registry.open(mesh.root)
    principals = [*registry.domains(), "analysts", *groups]
    port = free_port(10_000)
    with postgres(folder / "pg") as server:
        file = write_deployment(mesh.root, server.port, port, principals)
        lakes = read_deployment(file).lakes
        assert lakes is not None
        policies = store_policies(rights_of(registry, lakes), lakes)
        identities = {
            f"{name}-key": (f"{name}-s3cret-key", actions_of(policy)) for name, policy in policies.items()
        }
        with object_store(folder / "weed", identities, port) as store:
            for each in rights_of(registry, lakes):
                store.make(lakes.bucket(each.lake))
            made = Deployed(mesh.root, file, server, store)
            applied = made.mesh("admin", "grant", "apply")
            assert applied.returncode == 0, applied.stderr + applied.stdout
            yield made
