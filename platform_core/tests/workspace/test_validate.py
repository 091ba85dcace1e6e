"""`mesh validate`, `explain` and `scorecard` in a mesh of two locations."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from governance.mutating import Edit, valid_copy
from governance.mutations import OWNER, STORES, WAIVERS

from platform_core.cli import main

ENTRY = (
    "  - python_module: {{module_name: {name}.definitions, location_name: {name}, "
    "executable_path: {python}, working_directory: domains/{name}/src}}\n"
)
NOBODY = (
    "customProperties: [{property: notPersonal, value: A number of ours., vendor: platform-core}], "
    "classification: public"
)
Call = Callable[..., tuple[int, str, str]]


def workspace(root: Path, *names: str) -> None:
    entries = "".join(ENTRY.format(name=name, python=sys.executable) for name in names)
    (root / "workspace.yaml").write_text(f"load_from:\n{entries}")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mesh with a violation in each domain, and cached facts."""
    root = valid_copy(
        tmp_path_factory.mktemp("broken"),
        Edit(STORES, OWNER + "\n", ""),
        Edit(STORES, "primaryKey: true, classification: public", f"primaryKey: true, {NOBODY}"),
        Edit("domains/crew/contracts/roster.odcs.yaml", "version: 1.0.0", "version: one"),
    )
    workspace(root, "shop", "crew")
    return root


@pytest.fixture
def call(broken: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command at the root of a mesh, by default the broken one. Returns status and outputs."""
    monkeypatch.delenv("MESH_CONTRACTS", raising=False)

    def call(*words: str, root: Path = broken) -> tuple[int, str, str]:
        monkeypatch.setenv("MESH_ROOT", str(root))
        monkeypatch.delenv("MESH_HOME", raising=False)
        monkeypatch.chdir(root)
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def codes(output: str) -> list[str]:
    return [diagnostic["code"] for diagnostic in json.loads(output)["diagnostics"]]


def test_all_violations_of_all_locations(call: Call) -> None:
    code, said, errors = call("validate")
    assert (code, errors) == (1, "")
    assert "error[G101]: shop/stores has no owner\n --> domains/shop/contracts/stores.odcs.yaml:" in said
    assert "error[G113]" in said
    assert said.endswith("2 errors, 0 warnings, 1 waived; 6 products in 2 locations\n")


@pytest.mark.parametrize(
    ("words", "found", "exit_code"),
    [
        (["--select", "G101"], ["G101"], 1),
        (["--select", "G11", "G12"], ["G113"], 1),
        (["--ignore", "G113"], ["G101"], 1),
        (["--ignore", "G113", "--ignore", "G101"], [], 0),
        (["--select", "G1", "--ignore", "G101"], ["G113"], 1),
        (["--select", "C"], [], 0),
        (["--location", "shop"], ["G101"], 1),
        (["--location", "crew"], ["G113"], 1),
        (["--location", "crew", "shop"], ["G113", "G101"], 1),
    ],
)
def test_filters_of_the_report(call: Call, words: list[str], found: list[str], exit_code: int) -> None:
    code, said, _ = call("validate", "--format", "json", *words)
    assert (codes(said), code) == (found, exit_code)


def test_no_selection_hides_what_could_not_be_judged(call: Call, tmp_path: Path) -> None:
    root = valid_copy(tmp_path, Edit(STORES, "kind: DataContract", "kind: DataContrat"))
    workspace(root, "shop", "crew")
    code, said, _ = call("validate", "--format", "json", "--select", "G105", root=root)
    assert (codes(said), code) == (["C012"], 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--select", "G999"], ["U051", "G999"]),
        (["--ignore", "X1"], ["U051"]),
        (["--location", "shpo"], ["U052", 'did you mean "shop"?']),
        (["--format", "xml"], ["U094", "table, json, sarif, github"]),
    ],
)
def test_wrong_arguments(call: Call, words: list[str], said: list[str]) -> None:
    code, output, errors = call("validate", *words)
    assert (code, output) == (2, "")
    assert all(word in errors for word in said), errors


@pytest.mark.parametrize("text", ["", "[]", "load_from: [", "load_from: []", "load_from: [{python_file: x}]"])
def test_a_broken_workspace_is_unloaded(call: Call, tmp_path: Path, text: str) -> None:
    root = valid_copy(tmp_path)
    (root / "workspace.yaml").write_text(text)
    code, said, errors = call("validate", "--format", "json", root=root)
    assert (codes(said), code, errors) == (["D070"], 1, "")


def test_two_locations_of_one_name(call: Call, tmp_path: Path) -> None:
    root = valid_copy(tmp_path)
    workspace(root, "shop", "crew", "shop")
    code, said, _ = call("validate", root=root)
    assert code == 1
    assert 'names the location "shop" twice' in said


def test_bad_files_do_not_hide_other_diagnostics(call: Call, tmp_path: Path) -> None:
    """One look at many: a location whose interpreter is missing, contracts of every bad kind, a loop of
    links, a policy that raises, and a waiver that is over."""
    root = valid_copy(tmp_path, Edit(WAIVERS, "expires: 2030-06-30", "expires: 2020-06-30"))
    workspace(root, "shop", "crew")
    path = root / "workspace.yaml"
    gone = ENTRY.format(name="gone", python="no/python")
    path.write_text(path.read_text() + gone)
    contracts = root / "domains" / "shop" / "contracts"
    (contracts / "a_list.odcs.yaml").write_text("- 1\n")
    (contracts / "no_yaml.odcs.yaml").write_text("id: [\n")
    (contracts / "large.odcs.yaml").write_text("# " + "x" * 10_000_000)
    (contracts / "unknown.odcs.yaml").write_text("id: shop/unknown\nidd: 1\n")
    (contracts / "loop.odcs.yaml").symlink_to("loop.odcs.yaml")
    (root / "domains" / "shop" / "src" / "shop" / "loop").symlink_to("../shop")
    policies = root / "governance" / "policies"
    policies.mkdir(exist_ok=True)
    (policies / "raising.py").write_text(
        "from platform_core.governance.policy import policy\n\n\n"
        '@policy("F901", title="t", scope="product", rationale="r", fix="f", failing="a", passing="b")\n'
        "def raising(product, location, mesh):\n"
        "    yield from ()\n"
        "    raise KeyError(product.name)\n"
    )
    code, said, errors = call("validate", "--format", "json", root=root)
    assert (code, errors) == (1, "")
    found = json.loads(said)
    assert found["summary"]["unloaded"] == ["gone"]
    assert found["summary"]["products"] == 6
    faulty = {(each["place"]["path"].rpartition("/")[2], each["code"]) for each in found["diagnostics"]}
    named = {file for file, _ in faulty}
    assert {f"{name}.odcs.yaml" for name in ("a_list", "no_yaml", "large", "unknown", "loop")} <= named
    assert {("workspace.yaml", "G491"), ("raising.py", "G490"), ("waivers.yaml", "G401")} <= faulty
    # What could not be judged is told beside the scorecard of what could; violations are its own matter.
    code, said, errors = call("scorecard", root=root)
    assert (code, "shop/stores" in said) == (1, True)
    assert all(f"error[{each}]" in errors for each in ("G491", "G490", "C010"))
    assert "error[G401]" not in errors
    code, _, errors = call("scorecard", "--domain", "crew", root=root)
    assert (code, errors) == (0, "")


def test_explain(call: Call) -> None:
    code, said, _ = call("explain", "g101")
    assert code == 0
    assert said.startswith("G101: ")
    assert "Breaks it:" in said
    assert "Keeps it:" in said
    assert call("explain", "G491")[0] == 0
    said = call("explain", "C012")[1]
    assert all(words in said for words in ("Contracts:", "logicalType: int,", "logicalType: integer"))
    assert "two minor versions" in call("explain", "u085")[1]
    assert "G101 " in call("explain")[1]
    code, said, errors = call("explain", "G1O1")
    assert (code, said) == (2, "")
    assert "did you mean" in errors


def test_scorecard(call: Call) -> None:
    code, said, errors = call("scorecard")
    assert (code, errors) == (0, "")
    lines = {line.split()[0]: line for line in said.splitlines()}
    assert "G101" in lines["shop/stores"]
    assert "waived" in lines["shop/visits"]
    assert "days left" in lines["shop/visits"]
    assert "shop/stores: store_id is declared not personal: A number of ours.\n" in said
    # What is no product is counted in its domain's line, and told where it is open.
    assert re.match(r"crew +[0-9]+% +1 ", lines["crew"])
    code, said, _ = call("scorecard", "--domain", "shop", "--json")
    document = json.loads(said)
    assert document["not_personal"] == [
        {"product": "shop/stores", "column": "store_id", "reason": "A number of ours."}
    ]
    rows = document["standings"]
    assert {row["domain"] for row in rows} == {"shop"}
    assert {row["product"] for row in rows} >= {"shop/stores", "shop/visits"}
    products = {each["product"]: each for each in document["products"]}
    assert products.keys() == {f"shop/{name}" for name in ("performance", "sales", "stores", "visits")}
    assert (products["shop/stores"]["failed"], products["shop/visits"]["waived"]) == (1, 1)
    states = {(row["subject"], row["code"]): row["state"] for row in rows}
    assert states["shop/stores", "G101"] == "fail"
    assert states["shop/visits", "G108"] == "waived"


def test_it_works_without_a_writable_state_folder(call: Call, broken: Path) -> None:
    shutil.rmtree(broken / ".mesh")
    (broken / ".mesh").write_text("no folder")
    try:
        assert call("validate", "--location", "shop")[0] == 1
    finally:
        (broken / ".mesh").unlink()
