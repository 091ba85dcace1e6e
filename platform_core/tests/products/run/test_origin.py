"""The origin of a version in its stamp and in Dagster."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import Any

import dagster as dg
import pytest
from small_mesh import SALES, SmallMesh

from platform_core.lake.publication.content_hash import data_version

WARNED = (
    SALES.replace("tags: [personal], ", "")
    + "    quality:\n"
    + "      - {type: sql, name: small, query: 'SELECT max(amount) FROM ${table}', mustBe: 0,"
    + " severity: warning}\n"
)
ROWS = "SELECT 1::BIGINT AS id, 2.5::DOUBLE AS amount, 'Ada' AS who"


def selling(mesh: SmallMesh, rows: str = ROWS) -> None:
    mesh.contract("shop/sales", WARNED)
    mesh.code("shop", f"@data_product\ndef sales():\n    return {rows!r}\n")


def stamped(mesh: SmallMesh, lake: str = "shop") -> dict[str, Any]:
    newest = f"SELECT commit_extra_info FROM {lake}.snapshots() ORDER BY snapshot_id DESC LIMIT 1"
    facts: dict[str, Any] = json.loads(str(mesh.read(newest, lake)[0][0]))
    return facts


def told(instance: dg.DagsterInstance, product: str) -> dict[str, str]:
    event = instance.get_latest_materialization_event(dg.AssetKey(product.split("/")))
    assert event is not None
    assert event.asset_materialization is not None
    return dict(event.asset_materialization.tags or {})


def test_a_version_has_its_origin_and_the_outcomes_of_its_checks(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    selling(mesh)
    result = mesh.run("shop", "shop/sales", instance)
    assert result.success
    facts = stamped(mesh)
    contract = mesh.registry.path("shop/sales").read_bytes()
    assert facts["contract_version"] == "1.2.0"
    assert facts["contract_sha256"] == hashlib.sha256(contract).hexdigest()
    assert facts["run_id"] == result.run_id
    assert facts["commit"] is None, "the mesh is in no repository"
    assert (facts["rows"], facts["inputs"]) == (1, {})
    assert facts["seconds"] > 0
    checks = {check.pop("rule"): check for check in facts["checks"]}
    assert checks["small"] == {"status": "warned", "count": None}, "what was counted is a value of the data"
    assert checks["not_null__amount"] == {"status": "passed", "count": 0}
    assert "Ada" not in json.dumps(facts)
    hashed = facts["content"]
    assert (hashed["by"], set(hashed["columns"]), hashed["floats"]) == (["id"], {"amount", "who"}, ["amount"])
    assert told(instance, "shop/sales")["dagster/data_version"] == data_version(facts)
    assert told(instance, "shop/sales")["dagster/code_version"] == facts["code"]

    mesh.contract("other/copy", SALES)
    mesh.code(
        "other",
        """
        @data_product(inputs={"sales": Input("shop/sales")})
        def copy(sales: Table):
            return "FROM sales"
        """,
    )
    assert mesh.run("other", "other/copy", instance).success
    version = mesh.read("SELECT max(snapshot_id) FROM shop.snapshots()")[0][0]
    assert stamped(mesh, "other")["inputs"] == {"shop/sales": version}


def test_the_data_version_is_of_the_rows_and_the_code_version_of_the_code(
    mesh: SmallMesh, instance: dg.DagsterInstance
) -> None:
    def versions() -> tuple[str, str]:
        assert mesh.run("shop", "shop/sales", instance).success
        tags = told(instance, "shop/sales")
        return tags["dagster/data_version"], tags["dagster/code_version"]

    selling(mesh)
    data, code = versions()
    assert versions() == (data, code), "nothing has changed"
    path = mesh.registry.path("shop/sales")
    path.write_text(path.read_text().replace("Join it.", "Join it well."))
    assert versions() == (data, code), "words of a contract make no rows"
    mesh.code("shop", "LIMIT = 3\n", module="limits")
    same, other = versions()
    assert same == data
    assert other != code
    selling(mesh, ROWS.replace("Ada", "Eva"))
    assert versions()[0] != data
    mesh.write("domains/shop/requirements.lock", "polars==1.0\n")
    locked = versions()[1]
    mesh.write("domains/shop/requirements.lock", "polars==1.1\n")
    assert versions()[1] not in (locked, other)


def test_the_commit_is_that_of_the_working_tree(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    selling(mesh)

    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        done = subprocess.run(
            ["git", "-C", str(mesh.root), *who, *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    assert mesh.run("shop", "shop/sales", instance).success
    assert stamped(mesh)["commit"] == git("rev-parse", "HEAD")


@pytest.mark.parametrize("git", ["", "#!/bin/sh\nexit 3\n"], ids=["no git", "a git that fails"])
def test_a_mesh_without_git_has_no_commit(
    mesh: SmallMesh, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, git: str
) -> None:
    selling(mesh)
    if git:
        mesh.write("bin/git", git).chmod(0o755)
    monkeypatch.setenv("PATH", str(mesh.root / "bin"))
    assert mesh.run("shop", "shop/sales", instance).success
    assert stamped(mesh)["commit"] is None
