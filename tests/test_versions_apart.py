"""Two domains on two versions of platform_core in one deployment, the command on one of them.

Each has an environment of its own with a wheel of its version in it; all else comes from the environment
that the tests run in.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import dagster as dg
import pytest
from company import add_domain, repository
from flit_core.wheel import make_wheel_in
from mesh_command import ROOT, Mesh

from platform_core import __version__

pytestmark = pytest.mark.full

LATER = "0.9.0"
"""Further ahead than any neighbour: the members that it adds are unknown here all the same."""

EDITS = {
    # A new name, and one that is on its way out for it.
    "__init__.py": (
        "def __dir__()",
        "from platform_core.diagnostics import Deprecation as _Announced\n\n"
        '_HOMES["Relation"] = "products.later"\n'
        '_DEPRECATED["Table"] = _Announced("platform_core.Table", "0.9", "0.11", "Relation")\n\n\n'
        "def __dir__()",
    ),
    # Members that the version here does not know, in what a location says of itself.
    "governance/facts.py": ("    format: str = FORMAT", '    mood: str = ""\n    format: str = FORMAT'),
    "workspace/introspect.py": (
        "library=library_digest())",
        'library=library_digest(), mood="good")',
    ),
    "workspace/protocol.py": ("    protocol: int = 1", '    protocol: int = 1\n    mood: str = ""'),
    "workspace/worker.py": ("__version__, PROTOCOL)", '__version__, PROTOCOL, "good")'),
}


def later_source(target: Path) -> Path:
    """The library as a later version has it: more in its face and in its documents."""
    shutil.copytree(
        ROOT / "platform_core", target, ignore=shutil.ignore_patterns("tests", "__pycache__", ".*_cache")
    )
    package = target / "src" / "platform_core"
    (package / "products" / "later.py").write_text(
        "from platform_core.products.table import Table as Relation\n"
    )
    for file, (old, new) in EDITS.items():
        path = package / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {text.count(old)} times: {old}"
        path.write_text(text.replace(old, new))
    home = package / "version.py"
    text, count = re.subn(r'(?m)^(__version__: Final =) ".*"$', rf'\1 "{LATER}"', home.read_text())
    assert count == 1
    home.write_text(text)
    return target


def environment(folder: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python with a wheel of the library at ``source`` installed; nothing is downloaded."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    with monkeypatch.context() as here:
        here.chdir(source)
        wheel = wheels / make_wheel_in(Path("pyproject.toml"), wheels).file.name
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)  # what it takes to install a wheel of pure Python
    # A folder that a .pth file names comes after the site itself, and its own .pth files are not read:
    # what was installed editable there stays out of sight.
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "env" / "bin" / "python"


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Mesh:
    """`shop` on the version of this tree, `crew` on a later one that it cannot do without."""
    folder = tmp_path_factory.mktemp("apart")
    root = folder / "mesh"
    with pytest.MonkeyPatch.context() as patch:
        ours = environment(folder / "ours", ROOT / "platform_core", patch)
        later = environment(folder / "later", later_source(folder / "source"), patch)
    mesh = repository(root)
    add_domain(mesh, "shop", ours)
    add_domain(mesh, "crew", later)
    products = root / "domains/crew/src/crew/products.py"
    text = products.read_text().replace("import Table,", "import Relation, Table,")
    products.write_text(text.replace("stores: Table", "stores: Relation"))
    return Mesh(root, folder / "state")


def test_validation_reads_both_and_names_their_versions(apart: Mesh) -> None:
    answer = apart.call("validate")
    (line,) = [line for line in answer.out.splitlines() if line.startswith("0 errors")]
    assert line.endswith(f"; platform_core {__version__} here, {__version__} in shop, {LATER} in crew")
    # What the later version announces is told with the line that uses it.
    assert "warning[U085]: platform_core.Table is deprecated since platform_core 0.9" in answer.out
    assert "domains/crew/src/crew/products.py:1" in answer.out
    assert (answer.code, answer.err) == (0, "")


def test_dagster_runs_both_and_each_names_its_version(apart: Mesh) -> None:
    answer = apart.run()
    assert answer.statuses() == {"crew/roster": "ok", "shop/performance": "ok", "shop/stores": "ok"}
    assert answer.code == 0
    with apart.instance() as instance:
        assert {name: ran_on(instance, name) for name in answer.statuses()} == {
            "crew/roster": LATER,
            "shop/performance": __version__,
            "shop/stores": __version__,
        }
    assert apart.query("SELECT sum(staff_count) AS n FROM shop.performance", "domain:shop") == [{"n": 3}]


def ran_on(instance: dg.DagsterInstance, product: str) -> object:
    event = instance.get_latest_materialization_event(dg.AssetKey(product.split("/")))
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization.metadata["mesh/platform_core"].value
