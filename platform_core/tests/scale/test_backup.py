"""Backup and restore of both modes, as docs/deploy.md describes them: while a writer goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from on_servers import Deployed
from servers import dumped, restored
from small_mesh import SmallMesh, here

pytestmark = [pytest.mark.full, pytest.mark.scale]

ASKED = ["query", "SELECT count(*), sum(amount) FROM sales.orders", "--format", "csv"]


def test_servers_are_restored_from_a_dump_and_a_copy_of_the_buckets(
    servers: Deployed, tmp_path: Path
) -> None:
    before = servers.mesh("analysts", *ASKED)
    assert before.returncode == 0
    # The dump first: files never change, so the buckets hold all files of the catalogs of that time.
    dump = dumped(servers.postgres, tmp_path / "lakes.sql")
    store = servers.store.files
    for each in servers.rights:
        bucket = servers.lakes.bucket(each.lake)
        servers.store.make(f"copy-of-{bucket}")
        for part in store.get_file_info(_every(bucket)):
            if part.is_file:
                copy = f"copy-of-{part.path}"
                with store.open_input_stream(part.path) as source, store.open_output_stream(copy) as target:
                    target.write(source.read())

    restored(servers.postgres, "again", dump)
    document = yaml.safe_load(servers.file.read_text())
    document["lakes"]["catalogs"]["database"] = "again"
    document["lakes"]["buckets"] = "copy-of-mesh-{lake}"
    file = servers.root / "again.yaml"
    file.write_text(yaml.safe_dump(document))
    again = Deployed(servers.root, file, servers.postgres, servers.store)
    assert again.mesh("admin", "grant", "apply").returncode == 0
    assert again.mesh("admin", "grant", "check").returncode == 0
    # The keys of readers have no policy for the copies; the owner's has.
    environment = again.environment("admin")
    found = subprocess.run(
        [sys.executable, "-c", READ], env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == before.stdout.splitlines()[1].split(",")


READ = """
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
with connect(current_lakes(), read=["sales"]) as con:
    print(*con.execute("SELECT count(*), sum(amount) FROM sales.products.orders").fetchone())
"""


def _every(bucket: str) -> object:
    from pyarrow import fs

    return fs.FileSelector(bucket, recursive=True)


def test_a_state_folder_is_restored_from_its_copy(tmp_path: Path) -> None:
    with here(tmp_path / "mesh", "shop") as mesh:
        mesh.contract("shop/orders")
        mesh.publish("shop/orders")
        shutil.copytree(mesh.root / ".mesh", tmp_path / "copy")
        mesh.publish("shop/orders", "SELECT 9 AS id, 1.5::DOUBLE AS amount")
        asked = ["query", "SELECT count(*) FROM shop.orders", "--format", "csv"]
        assert _answer(mesh, tmp_path / "copy", asked) == ["count_star()", "3"]
        assert _answer(mesh, mesh.root / ".mesh", asked) == ["count_star()", "1"]


def _answer(mesh: SmallMesh, home: Path, words: list[str]) -> list[str]:
    environment = {**os.environ, "MESH_ROOT": str(mesh.root), "MESH_HOME": str(home)}
    command = [sys.executable, "-m", "platform_core.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
