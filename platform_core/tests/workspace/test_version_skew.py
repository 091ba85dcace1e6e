"""A location and the command on different versions of platform_core. Locations of other versions are played
by programs that answer as those would; tests/test_versions_apart.py has real ones."""

from __future__ import annotations

import importlib
import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from governance.mutating import VALID, look
from small_mesh import SmallMesh

import platform_core
from platform_core import __version__
from platform_core.diagnostics import Deprecation, Place, PlatformDeprecation
from platform_core.governance.facts_document import OtherVersion, UnreadableFacts, from_document
from platform_core.source.workspace import Location, read_locations
from platform_core.workspace.introspect import announced
from platform_core.workspace.introspection.cache import introspect
from platform_core.workspace.version_skew import other_code_server

DOCUMENT = Path(__file__).parents[1] / "governance" / "location-0.1.0.json"


def answering(root: Path, line: str) -> Location:
    """A location whose interpreter is a program that prints one line and ends with its input."""
    program = root / "python"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{line}\nEND\ncat > /dev/null\n")
    program.chmod(0o755)
    (root / "workspace.yaml").write_text(
        "load_from:\n  - python_module: {module_name: ahead_code, location_name: ahead, "
        f"executable_path: {program}}}\n"
    )
    return read_locations(root)[0]


def test_a_document_of_the_first_version_is_still_read() -> None:
    """The document of 0.1.0 for the location `shop`: a new member needs a default."""
    facts = from_document(json.loads(DOCUMENT.read_text()), VALID)
    (now,) = look(VALID, ("shop",)).locations
    assert facts.platform_core == ""
    assert facts.product_ids == now.product_ids
    # 0.1 did not know what a product is made from.
    assert facts.factories == tuple(replace(each, made_from=None) for each in now.factories)
    assert [product.columns for product in facts.products] == [product.columns for product in now.products]


def test_members_of_a_later_minor_version_are_ignored() -> None:
    document = json.loads(DOCUMENT.read_text())
    known = from_document(document, VALID)
    document |= {"format": "platform-core/location/1.4", "mood": {"good": True}, "platform_core": "0.9.1"}
    document["products"][0]["mood"] = document["factories"][0]["mood"] = [1, 2]
    facts = from_document(document, VALID)
    assert facts.platform_core == "0.9.1"
    assert (facts.products, facts.factories) == (known.products, known.factories)


@pytest.mark.parametrize(
    ("format", "error"),
    [
        ("platform-core/location/2", OtherVersion),
        ("platform-core/location/10", OtherVersion),
        ("platform-core/validation/1", UnreadableFacts),
        (None, UnreadableFacts),
    ],
)
def test_another_major_version_is_refused(format: str | None, error: type[Exception]) -> None:
    with pytest.raises(UnreadableFacts) as caught:
        from_document({"format": format, "name": "x", "domain": "x"}, VALID)
    assert type(caught.value) is error


def test_a_location_of_another_major_version_is_one_diagnostic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_HOME", str(tmp_path / "home"))
    facts = {"format": "platform-core/location/2", "platform_core": "2.0.1", "products": {"none": "known"}}
    (found,) = introspect(tmp_path, [answering(tmp_path, json.dumps({"facts": facts, "watch": {}}))])
    assert not found.loads
    (fault,) = found.faults
    assert fault.code == "U080"
    assert fault.place is not None
    assert (fault.place.path.name, fault.place.line) == ("workspace.yaml", 2)
    assert "2.0.1" in fault.message
    assert __version__ in (fault.expected or "")


def test_a_worker_of_another_protocol_fails_its_products_in_one_diagnostic(mesh: SmallMesh) -> None:
    loaded = {"is": "Loaded", "protocol": 2, "platform_core": "2.0.1", "assets": {"in": "another form"}}
    answering(mesh.root, json.dumps(loaded))
    folder = mesh.root / "domains" / "ahead" / "contracts"
    folder.mkdir(parents=True)
    (folder / "x.odcs.yaml").touch()
    result = mesh.coordinate()
    (product,) = result.products
    assert product.status == "failed"
    (said,) = result.faults
    assert said.startswith("error[U081]: the worker of ahead runs on platform_core 2.0.1")
    assert __version__ in said


class TestDeprecation:
    SOON = Deprecation("platform_core.Table", since="0.2", removed="0.4", instead="Frame")

    def test_the_warning_has_a_fix_and_a_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(platform_core._DEPRECATED, "Table", self.SOON)
        with pytest.warns(PlatformDeprecation, match=r"gone in 0\.4; Write Frame") as caught:
            assert platform_core.Table is not None
        assert caught[0].filename == __file__

    def test_deprecations_are_reported_although_python_hides_them(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setitem(platform_core._DEPRECATED, "Table", self.SOON)
        monkeypatch.syspath_prepend(str(tmp_path))
        module = tmp_path / "uses_the_old_name.py"
        module.write_text("import warnings\nfrom platform_core import Table\nwarnings.warn('another one')\n")
        with warnings.catch_warnings(record=True) as others:
            warnings.simplefilter("always")
            with announced() as found:
                importlib.import_module("uses_the_old_name")
        (fault,) = set(found)
        assert (fault.code, fault.severity, fault.fix) == ("U085", "warning", "Write Frame")
        assert fault.place is not None
        assert (fault.place.path, fault.place.line) == (module, 2)
        assert [str(other.message) for other in others] == ["another one"]

    def test_a_deprecated_name_stays_for_two_minor_versions(self) -> None:
        def minor(version: str) -> tuple[int, int]:
            major, number = map(int, version.split(".")[:2])
            return major, number

        for name, each in platform_core._DEPRECATED.items():
            since, removed = minor(each.since), minor(each.removed)
            assert removed[0] > since[0] or removed[1] >= since[1] + 2, name
            assert removed > minor(__version__), f"{name} was announced to be gone by now"


@pytest.mark.parametrize(
    ("version", "refused"), [(__version__, False), ("0.1.0", True), ("9.0.0", True), (None, False)]
)
def test_a_code_server_is_at_most_one_minor_version_apart(version: str | None, refused: bool) -> None:
    location = Location("shop", "shop.definitions", Path("python"))
    found = other_code_server(location, version, Place(Path("mesh.deployment.yaml")))
    assert (found is not None) == refused
    if found is not None:
        assert found.code == "E036"
        assert version is not None
        assert version in found.message
