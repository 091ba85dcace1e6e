"""The environment of a mesh's processes: only their own domain's secrets, and one home for every
spelling."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from company import add_domain, repository
from mesh_command import Mesh
from mesh_served import serving

SECRETS = {
    "MESH_SECRET_SHOP": "of the shop",
    "MESH_SECRET_CREW": "of the crew",
    "AWS_SECRET_ACCESS_KEY": "mine",
}
WITNESS = """
import json, os, sys
from pathlib import Path

with Path(os.environ["MESH_ROOT"], "told.jsonl").open("a") as told:
    told.write(json.dumps({{"domain": "{domain}", "argv": sys.orig_argv, "told": dict(os.environ)}}) + "\\n")
"""


@pytest.fixture
def company(tmp_path: Path) -> Mesh:
    root = tmp_path / "mesh"
    made = repository(root)
    for domain in ("shop", "crew"):
        add_domain(made, domain)
        folder = root / "domains" / domain
        names = f'["MESH_SECRET_{domain.upper()}"]'
        (folder / "pyproject.toml").write_text(f"[tool.platform-core]\nenvironment = {names}\n")
        init = folder / "src" / domain / "__init__.py"
        init.write_text(init.read_text() + WITNESS.format(domain=domain))
    return Mesh(root, tmp_path / "state", SECRETS)


@pytest.mark.full
def test_every_process_of_a_location_gets_only_its_own_secrets(company: Mesh) -> None:
    assert company.call("check", "shop/stores").code == 0
    assert company.call("validate").code == 0
    assert company.run().code == 0
    with serving(company):
        pass

    lines = (company.root / "told.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    kinds = {
        kind
        for each in told
        for kind in ("cli", "introspect", "worker", "code-server", "grpc")
        if any(kind in word for word in each["argv"])
    }
    assert {"cli", "introspect", "worker"} <= kinds
    assert kinds & {"code-server", "grpc"}, "no code server was asked"
    for each in told:
        secrets = {name: value for name, value in each["told"].items() if "SECRET" in name}
        own = f"MESH_SECRET_{each['domain'].upper()}"
        assert secrets == {own: SECRETS[own]}, each["argv"]
    for each in told:
        assert not any(value in word for word in each["argv"] for value in SECRETS.values())


@pytest.mark.parametrize("written", ["~/m", "a relative one", "/absolute with spaces"])
def test_a_home_is_one_folder_for_all_processes(tmp_path: Path, written: str) -> None:
    root = tmp_path / "mesh"
    made = repository(root)
    for domain in ("shop", "crew"):
        add_domain(made, domain)
    meant = {"~/m": tmp_path / "m", "a relative one": root / "a relative one"}.get(written)
    home = written if meant else f"{tmp_path}{written}"
    mesh = Mesh(root, meant or Path(home), {"MESH_HOME": home, "HOME": str(tmp_path)})

    assert mesh.run("shop/stores").code == 0
    assert len(mesh.query("FROM shop.stores", "domain:shop")) == 3
    assert '"rows": 3' in mesh.call("show", "shop/stores", "--json").out
    assert sorted(path.name for path in (meant or Path(home)).iterdir()) >= ["dagster", "lake", "logs"]
    assert not (root / ".mesh").exists()
    assert not (root / "~").exists()
