"""``mesh remove``: the whole of a product or a domain, or nothing; a second call finishes the first one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from small_mesh import AMOUNTS, SmallMesh, here

from platform_core import files
from platform_core.cli import main
from platform_core.lake.lakes import current_lakes
from platform_core.workspace.home import Home
from platform_core.workspace.records.products import recorded

pytestmark = pytest.mark.full
Capture = pytest.CaptureFixture[str]
CODE = """
RATE = 2
SOURCE = "1 AS id"


# The costs of the year.
@data_product
def costs() -> str:
    return f"SELECT {SOURCE}, {RATE} * 1.5 AS amount"


@data_product(inputs={"prices": "shop/prices"})
def totals(prices: Table) -> str:
    return f"SELECT id, amount * {RATE} AS amount FROM {prices}"


@data_product
def prices() -> str:
    return "SELECT 1 AS id, 2.5 AS amount"
"""


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


def commit(mesh: SmallMesh) -> None:
    git(mesh.root, "add", "-A")
    git(mesh.root, "commit", "-q", "-m", "all", "--allow-empty")


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallMesh]:
    """``shop`` has three products, ``shop/totals`` reads one; ``other`` grants ``shop`` its product."""
    monkeypatch.chdir(tmp_path)
    with here(tmp_path, "shop", "other") as mesh:
        for domain in ("shop", "other"):
            mesh.location(domain)
        for product in ("shop/costs", "shop/prices", "shop/totals"):
            mesh.contract(product, AMOUNTS)
        granted = '\n  # Asked for in May.\n  - {role: "domain:shop", access: read}'
        roles = f"{granted}\n  - {{role: analysts, access: read}}"
        mesh.contract("other/visits", AMOUNTS, roles=roles)
        mesh.code("shop", CODE)
        mesh.code(
            "other", '@data_product\ndef visits() -> str:\n    return "SELECT 1 AS id, 2.5 AS amount"\n'
        )
        mesh.write(
            "domains/shop/tests/test_costs.py",
            "from shop.products import costs\n\n\ndef test() -> None: ...\n",
        )
        mesh.write(".gitignore", ".mesh/\n__pycache__/\n")
        git(tmp_path, "init", "-q")
        commit(mesh)
        Home.of(tmp_path).prepare(tmp_path)
        with dg.DagsterInstance.from_config(str(Home.of(tmp_path).dagster)) as instance:
            for product in ("shop/costs", "shop/prices"):
                assert mesh.run("shop", product, instance).success
        yield mesh


def tree(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    inside = (path for path in found if path.relative_to(root).parts[0] not in (".mesh", ".git"))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in inside}


def test_it_only_shows_what_goes(mesh: SmallMesh, capsys: Capture) -> None:
    before = tree(mesh.root)
    assert main(["remove", "product", "shop/costs"]) == 0
    out = capsys.readouterr().out
    for words in (
        "domains/shop/contracts/costs.odcs.yaml",
        "entries in domains/shop/src/shop/products.py",
        "domains/shop/tests/test_costs.py",
        "the records of 1 asset",
        "1 version of shop/costs in the lake shop",
    ):
        assert f"would remove {words}" in out
    assert "--apply" in out
    assert tree(mesh.root) == before


def test_a_product_leaves_code_lake_and_records(mesh: SmallMesh, capsys: Capture) -> None:
    assert main(["remove", "product", "shop/costs", "--apply"]) == 0, capsys.readouterr().err
    module = (mesh.root / "domains/shop/src/shop/products.py").read_text()
    assert "costs" not in module
    assert "SOURCE" not in module
    assert "RATE = 2" in module  # another product uses it
    compile(module, "products.py", "exec")
    location = current_lakes(mesh.root)
    assert not [*location.data_folder("shop").glob("**/costs/*")]
    assert mesh.read("SELECT amount::DOUBLE FROM shop.products.prices") == [(2.5,)]
    with recorded(mesh.root) as instance:
        assert instance is not None
        assert {key.to_user_string() for key in instance.all_asset_keys()} == {"shop/prices"}
        assert len(instance.get_runs()) == 1
    assert mesh.registry.names() == ("other/visits", "shop/prices", "shop/totals")
    commit(mesh)
    assert main(["remove", "product", "shop/costs"]) == 2
    assert "error[U043]" in capsys.readouterr().err


def test_a_product_with_readers_stays(mesh: SmallMesh, capsys: Capture) -> None:
    before = tree(mesh.root)
    assert main(["remove", "product", "shop/prices", "--apply"]) == 1
    error = capsys.readouterr().err
    assert "error[U070]: shop/totals reads shop/prices" in error
    assert "domains/shop/src/shop/products.py:14" in error
    assert tree(mesh.root) == before


def test_a_tree_with_changes_stays(mesh: SmallMesh, capsys: Capture) -> None:
    mesh.write("notes.txt", "mine")
    before = tree(mesh.root)
    assert main(["remove", "domain", "shop", "--apply"]) == 1
    assert "error[U072]: the tree has changes that are not committed: notes.txt" in capsys.readouterr().err
    assert tree(mesh.root) == before


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("src/shop/more.py", "from shop.products import costs\n", 1),
        ("tests/test_more.py", "\nfrom shop.products import costs\n", 2),
        ("tests/test_costs.py", "from shop.products import costs, prices\n", 1),
        ("src/shop/products.py", f"from platform_core import *\n{CODE}\nagain = costs\n", 22),
    ],
)
def test_shared_code_is_left_to_a_person(
    mesh: SmallMesh, capsys: Capture, file: str, text: str, line: int
) -> None:
    mesh.write(f"domains/shop/{file}", text)
    commit(mesh)
    before = tree(mesh.root)
    assert main(["remove", "product", "shop/costs", "--apply"]) == 2
    error = capsys.readouterr().err
    assert "error[U073]" in error
    assert f"{file}:{line}:" in error
    assert tree(mesh.root) == before


def test_a_domain_leaves_nothing(mesh: SmallMesh, capsys: Capture) -> None:
    assert main(["remove", "domain", "shop", "--apply"]) == 0, capsys.readouterr().err
    assert not [path for path in mesh.root.rglob("*shop*") if ".git" not in path.parts]
    contract = (mesh.root / "domains/other/contracts/visits.odcs.yaml").read_text()
    assert "domain:shop" not in contract
    assert "analysts" in contract
    assert "shop" not in (mesh.root / "governance/teams.yaml").read_text()
    assert mesh.registry.names() == ("other/visits",)
    assert main(["remove", "domain", "shop", "--apply"]) == 2
    assert "error[U042]" in capsys.readouterr().err


def test_leftovers_of_a_domain_that_is_gone(mesh: SmallMesh, capsys: Capture) -> None:
    git(mesh.root, "rm", "-qr", "domains/shop", "domains/other/contracts")
    shutil.rmtree(mesh.root / "domains/shop", ignore_errors=True)  # bytecode, which git leaves
    mesh.write("governance/teams.yaml", "teams: {}\n")
    text = (mesh.root / "workspace.yaml").read_text()
    mesh.write("workspace.yaml", text.replace("location_name: shop", "location_name: gone"))
    # Nothing leaves the tree, so its changes do not matter.
    assert main(["remove", "domain", "shop"]) == 0, capsys.readouterr().err
    assert "the lake shop: 2 products, 2 versions" in capsys.readouterr().out
    assert main(["remove", "product", "shop/costs", "--apply"]) == 0, capsys.readouterr().err
    assert "removed 1 version of shop/costs in the lake shop" in capsys.readouterr().out
    assert main(["remove", "domain", "shop", "--apply"]) == 0, capsys.readouterr().err
    assert "removed the lake shop: 1 product, 1 version" in capsys.readouterr().out
    assert not current_lakes(mesh.root).folder("shop").exists()


def test_ctrl_c_at_any_step_is_finished_by_the_next_call(
    mesh: SmallMesh, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the tree has changed, all of it is left; later, the rest goes without a look at the tree."""
    before, kept = tree(mesh.root), mesh.root / ".mesh"
    shutil.copytree(kept, mesh.root / ".git" / "mesh")

    def interrupted(do: Callable[..., object]) -> Callable[..., object]:
        def step(*words: object, **options: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            return do(*words, **options)

        return step

    left, steps, halves = [0], 0, 0
    while left[0] <= 0:
        steps += 1
        left = [steps]
        with monkeypatch.context() as patch:
            patch.setattr(files, "_write_draft", interrupted(files._write_draft))
            patch.setattr(Path, "replace", interrupted(Path.replace))
            patch.setattr(Path, "unlink", interrupted(Path.unlink))
            patch.setattr(shutil, "rmtree", interrupted(shutil.rmtree))
            status = main(["remove", "domain", "shop", "--apply"])
        if left[0] > 0:
            assert status == 0
        else:
            assert (status, capsys.readouterr().err) == (130, "interrupted\n")
        if tree(mesh.root) == before:
            continue
        halves += 1
        assert not (mesh.root / "domains/shop").exists()
        assert main(["remove", "domain", "shop", "--apply"]) in (0, 2)
        capsys.readouterr()
        assert not [path for path in mesh.root.rglob("*shop*") if ".git" not in path.parts]
        git(mesh.root, "checkout", "-q", "--", ".")
        shutil.rmtree(kept)
        shutil.copytree(mesh.root / ".git" / "mesh", kept)
    assert halves >= 3
