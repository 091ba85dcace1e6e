"""The check of the library's public face: the breaks that it finds, and the changes that it accepts."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from mesh_command import ROOT

from platform_core import __version__
from platform_core.compatibility.change import Grade
from platform_core.compatibility.versions import demanded

LIBRARY = ROOT / "platform_core"
EDITS = {
    "a name that is gone": ("__init__.py", '    "sla",\n]', "]"),
    "a parameter with another name": ("sources/source.py", '    path: str = ""', "    file: str"),
    "a parameter that must be given": (
        "products/declare.py",
        "    columns: tuple[str, ...] | None = None",
        "    columns: tuple[str, ...] | None",
    ),
    "an attribute that policies read": ("contracts/model.py", '    usage: str = ""\n', ""),
    # What adds, or is nobody's business, is found by nobody.
    "a name more": ("__init__.py", "__all__ = [\n", '__all__ = [\n    "Another",\n'),
    "and where it is": (
        "__init__.py",
        "products.table import Table\n",
        "products.table import Table\n    from platform_core.products.table import Table as Another\n",
    ),
    "a private function": ("products/declare.py", "def _", "def _renamed_"),
    "an optional parameter": ("products/evaluate.py", "**inputs: ", "later: int = 0, **inputs: "),
}
FOUND = {
    "platform_core.sla: public object was removed",
    "platform_core.Source.path: public object was removed",
    "platform_core.Source: parameter was removed (path -> nothing)",
    "platform_core.Source: parameter was added as required (nothing -> file)",
    "platform_core.Input: parameter is now required",
    "platform_core.DataProduct.usage: public object was removed",
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("public_face", ROOT / "scripts/public_face.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["public_face"] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def now(script: ModuleType) -> Any:
    return script.read_library(LIBRARY)


@pytest.fixture(scope="module")
def mutated(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The library with all of the edits."""
    copy = tmp_path_factory.mktemp("face") / "platform_core"
    shutil.copytree(LIBRARY / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    shutil.copy(LIBRARY / "CHANGELOG.md", copy)
    for file, old, new in EDITS.values():
        path = copy / "src" / "platform_core" / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new, 1))
    return script.read_library(copy)


def test_this_tree_keeps_the_released_names_or_declares_a_break(script: ModuleType, now: Any) -> None:
    """As in `make check`."""
    released = json.loads((LIBRARY / "public_face.json").read_text())
    assert list(script.check(now, released["version"], released["face"])) == []
    assert now.version == __version__


def test_a_snapshot_equals_its_origin(script: ModuleType, now: Any) -> None:
    snapshot = json.loads(script.written(now))
    assert (snapshot["version"], snapshot["face"]) == (now.version, now.face)
    assert "Table" in now.face["platform_core"]
    assert list(script.check(now, now.version, snapshot["face"])) == []


def test_breaks_are_found_where_they_are(script: ModuleType, now: Any, mutated: Any) -> None:
    found = list(script.check(mutated, now.version, now.face))
    assert {fault.message for fault in found} == FOUND
    places = {fault.message.split(":")[0]: fault.place for fault in found}
    assert places["platform_core.Source"].path.name == "source.py"
    assert "class Source" in _text_after(places["platform_core.Source"])
    (block,) = [fault.render() for fault in found if "Input" in fault.message]
    assert block.startswith("error[U088]: platform_core.Input: parameter is now required")
    assert f'Write __version__ = "{demanded(now.version, Grade.BREAKING)}".' in block
    assert "Write in the changelog what replaces `Input`" in block
    assert "Deprecation" in block


def test_a_declared_breaking_version_may_break(
    script: ModuleType, now: Any, mutated: Any, tmp_path: Path
) -> None:
    changelog = tmp_path / "CHANGELOG.md"
    later = replace(mutated, version=demanded(now.version, Grade.BREAKING), changelog=changelog)
    changelog.write_text("# Changelog\n")
    unsaid = list(script.check(later, now.version, now.face))
    assert [fault.code for fault in unsaid if fault.code == "U089"] == ["U089"]
    assert len(unsaid) > len(FOUND)
    names = "`sla`, `Source.path`, `Source`, `Input`, `DataProduct.usage`"
    changelog.write_text(f"# Changelog\n\n## {later.version}\n\n- Gone: {names}.\n\n## {now.version}\n")
    assert list(script.check(later, now.version, now.face)) == []


def test_a_version_does_not_go_back(script: ModuleType, now: Any) -> None:
    (fault,) = script.check(now, "99.0.0", now.face)
    assert fault.message == f"platform_core is {now.version}, and 99.0.0 was released"


def _text_after(place: Any) -> str:
    """The class under the decorators of a place."""
    lines = place.path.read_text().splitlines()[place.line - 1 :]
    return next(line for line in lines if line.startswith("class "))
