"""Introspection of locations: the facts of sound ones, and the faults of the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from governance.mutating import valid_copy

from platform_core.diagnostics import UsageError
from platform_core.governance.facts import LocationFacts
from platform_core.settings import INTROSPECT_TIMEOUT
from platform_core.source.workspace import Location
from platform_core.workspace.introspection.cache import introspect

BAD = {
    "exits": "import sys\nsys.exit(3)\n",
    "raises": "def load():\n    raise ValueError('no such file')\n\nload()\n",
    "unfinished": "def broken(:\n",
    "dies": "import os\nos._exit(7)\n",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = valid_copy(tmp_path_factory.mktemp("introspected"))
    for name, code in BAD.items():
        package = root / "domains" / name / "src" / name
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "definitions.py").write_text(code)
    noisy = root / "domains" / "shop" / "src" / "shop" / "definitions.py"
    noisy.write_text('import os\nprint("{not json")\nos.system("echo from a child")\n' + noisy.read_text())
    return root


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MESH_ROOT", "MESH_CONTRACTS", INTROSPECT_TIMEOUT.name):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MESH_HOME", str(home))


def location(root: Path, name: str) -> Location:
    return Location(name, f"{name}.definitions", Path(sys.executable), root / "domains" / name / "src")


@pytest.fixture(scope="module")
def found(root: Path, home: Path) -> dict[str, LocationFacts]:
    """All at once: broken locations do not stop the sound ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESH_HOME", str(home))
        patch.delenv("MESH_ROOT", raising=False)
        names = ["exits", "shop", "raises", "unfinished", "dies", "crew"]
        missing = replace(location(root, "crew"), name="missing", python=root / "no" / "python")
        facts = introspect(root, [missing, *(location(root, name) for name in names)])
    return {each.name: each for each in facts}


def test_the_facts_of_a_sound_location_are_complete(found: dict[str, LocationFacts]) -> None:
    shop = found["shop"]
    assert shop.loads
    assert shop.faults == ()
    assert shop.product_ids == ("shop/performance", "shop/sales", "shop/stores", "shop/visits")
    (read,) = shop.factory["stores"].inputs
    assert (read.product, read.columns) == ("shop/sales", ("store_id",))
    assert shop.factory["stores"].produces == ("store_id", "sale_count")
    hours = next(asset for asset in shop.assets if asset.key == "shop/opening_hours")
    assert hours.materializable
    assert hours.product is None
    assert hours.owners == ("team:shop-team",)
    assert hours.place is not None
    assert hours.place.path.parent.name == "shop"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", ["interpreter does not start", "No such file"]),
        ("exits", ["SystemExit", "sys.exit"]),
        ("raises", ["ValueError: no such file"]),
        ("unfinished", ["SyntaxError"]),
        ("dies", ["exit code 7"]),
    ],
)
def test_a_location_that_does_not_load_has_a_fault(
    found: dict[str, LocationFacts], name: str, said: list[str]
) -> None:
    facts = found[name]
    assert not facts.loads
    (fault,) = facts.faults
    assert fault.code == "G491"
    assert fault.place is not None
    assert all(words in fault.message for words in said), fault.message


def test_the_line_of_the_domains_own_code_is_shown(root: Path, found: dict[str, LocationFacts]) -> None:
    place = found["raises"].faults[0].place
    assert place is not None
    assert place.path == root / "domains" / "raises" / "src" / "raises" / "definitions.py"
    assert place.line == 2


def test_a_location_that_does_not_load_still_has_its_contracts(root: Path) -> None:
    gone = replace(location(root, "crew"), python=root / "no" / "python")
    (facts,) = introspect(root, [replace(gone, module="elsewhere.definitions")])
    assert not facts.loads
    assert facts.product_ids == ("crew/people", "crew/roster")


@pytest.mark.full
def test_a_location_that_hangs_is_ended_with_its_children(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = root / "domains" / "hangs" / "src" / "hangs"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "definitions.py").write_text(
        "import pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(root / 'child')!r}).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setenv(INTROSPECT_TIMEOUT.name, "8")
    began = time.monotonic()
    (facts,) = introspect(root, [location(root, "hangs")])
    assert time.monotonic() - began < 600  # it did not wait for the end of the location
    (fault,) = facts.faults
    assert fault.code == "G491"
    assert "within 8 seconds" in fault.message
    assert INTROSPECT_TIMEOUT.name in (fault.fix or "")
    if (root / "child").exists():
        assert not _lives(int((root / "child").read_text()))


@pytest.mark.parametrize("said", ["soon", "0", "-1", "nan", "inf"])
def test_a_wrong_timeout_is_a_usage_error(root: Path, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INTROSPECT_TIMEOUT.name, said)
    with pytest.raises(UsageError, match="U050"):
        introspect(root, [])


class TestCache:
    """The facts are reused until a file that they depend on changes."""

    @pytest.fixture
    def kept(self, root: Path, home: Path, found: dict[str, LocationFacts]) -> Path:
        file = home / "introspection" / "shop.json"
        for _ in range(3):
            # Files younger than the look at them are not trusted; soon they are old enough.
            if json.loads(file.read_text())["entries"]:
                return file
            introspect(root, [location(root, "shop")])
        raise AssertionError("the files are always younger than the look at them")

    def marked(self, root: Path, kept: Path) -> bool:
        """Whether a mark in the cache returns, so that the cache was used."""
        document = json.loads(kept.read_text())
        document["facts"]["assets"] = [{"key": "marked", "materializable": True}]
        kept.write_text(json.dumps(document))
        (facts,) = introspect(root, [location(root, "shop")])
        return [asset.key for asset in facts.assets] == ["marked"]

    def test_nothing_changed(self, root: Path, kept: Path) -> None:
        assert self.marked(root, kept)

    def test_the_same_content_again(self, root: Path, kept: Path) -> None:
        contract = root / "domains/shop/contracts/stores.odcs.yaml"
        contract.write_text(contract.read_text())
        assert self.marked(root, kept)

    @pytest.mark.parametrize(
        "file",
        [
            "domains/shop/contracts/stores.odcs.yaml",
            "domains/shop/src/shop/products.py",
            # Its contract is read for the columns that shop uses of it.
            "domains/crew/contracts/roster.odcs.yaml",
        ],
    )
    def test_a_change_of_equal_size_and_time(self, root: Path, kept: Path, file: str) -> None:
        path = root / file
        before, stat = path.read_text(), path.stat()
        letter = next(position for position, text in enumerate(before) if text == "t")
        path.write_text(before[:letter] + "T" + before[letter + 1 :])
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        try:
            assert not self.marked(root, kept)
        finally:
            path.write_text(before)

    def test_a_new_contract(self, root: Path, kept: Path) -> None:
        path = root / "domains/shop/contracts/more.odcs.yaml"
        path.write_text("id: shop/more\n")
        try:
            assert not self.marked(root, kept)
        finally:
            path.unlink()

    def test_another_interpreter(self, root: Path, kept: Path) -> None:
        (facts,) = introspect(root, [replace(location(root, "shop"), python=root / "no" / "python")])
        assert not facts.loads

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": 1}', "\x00"])
    def test_a_broken_cache_is_made_again(self, root: Path, kept: Path, text: str) -> None:
        kept.write_text(text)
        (facts,) = introspect(root, [location(root, "shop")])
        assert facts.loads
        assert facts.assets


def test_a_warm_validation_needs_neither_dagster_nor_pydantic(
    root: Path, home: Path, found: dict[str, LocationFacts]
) -> None:
    entries = "\n".join(
        f"  - python_module: {{module_name: {name}.definitions, location_name: {name}, "
        f"executable_path: {sys.executable}, working_directory: domains/{name}/src}}"
        for name in ("shop", "crew")
    )
    (root / "workspace.yaml").write_text(f"load_from:\n{entries}\n")
    script = (
        "import sys\nfrom platform_core.cli import main\n"
        "code = main(['validate'])\n"
        "heavy = {'dagster', 'pydantic', 'open_data_contract_standard', 'sqlglot', 'duckdb'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)\n"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout == "0 errors, 0 warnings, 1 waived; 6 products in 2 locations\n"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
