"""Contracts that differ from the base in git: versions, acknowledgements, ends and marks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from change.two_domains import ORDERS, git
from small_mesh import AT_SIX, GOVERNED, KEPT, SmallMesh

from platform_core.cli import main
from platform_core.diagnostics import UsageError
from platform_core.source.revision import default_revision

OPEN = GOVERNED.replace("primaryKey: true, ", "").replace("{name: amount,", "{name: amount, required: true,")
"""Without a key, so that its columns may be optional."""


def codes(capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    main(["validate", "--json", "--select", "G50"])
    return [each["code"] for each in json.loads(capsys.readouterr().out)["diagnostics"]]


def promise(mesh: SmallMesh, table: str, version: str, more: str = "") -> Path:
    file = mesh.contract("shop/orders", table, promise=AT_SIX + KEPT + more)
    file.write_text(file.read_text().replace("version: 1.2.0", f"version: {version}"))
    return file


@pytest.fixture
def here(committed: SmallMesh, monkeypatch: pytest.MonkeyPatch) -> SmallMesh:
    monkeypatch.chdir(committed.root)
    promise(committed, OPEN, "1.2.0")
    speakers = "representatives: {shop: [shop-owner@example.com], other: [other-owner@example.com]}\n"
    committed.write("governance/mesh.yaml", f"email_domains: [example.com]\n{speakers}")
    git(committed, "commit", "-qam", "two")
    return committed


@pytest.mark.full
def test_a_break_needs_a_version_and_the_consent_of_each_reader_that_it_hits(
    here: SmallMesh, capsys: pytest.CaptureFixture[str]
) -> None:
    assert codes(capsys) == []
    promise(here, OPEN.replace("required: true, ", ""), "1.2.0")
    assert codes(capsys) == ["G501"]
    promise(here, OPEN.replace("required: true, ", ""), "2.0.0")
    assert codes(capsys) == ["G503"], "other/ids does not read the column"

    assert main(["plan", "--base", "main", "--write-change"]) == 0
    file = here.root / "governance/changes/shop/orders@2.0.0.yaml"
    draft = file.read_text()
    assert "reader: other/totals\n    by:  # other-owner@example.com\n" in draft
    assert "other/ids" not in draft
    assert codes(capsys) == ["G503"], "nobody has answered"

    answered = draft.replace("by:  #", "by: other-owner@example.com #")
    answered = answered.replace("until:  #", "until: 2097-01-01 #")
    file.write_text(answered)
    assert codes(capsys) == []
    assert main(["plan", "--base", "main", "--write-change"]) == 0
    assert file.read_text() == answered, "an answer is not written over"

    file.write_text(answered.replace("2097", "2007"))
    assert codes(capsys) == ["G503"]
    file.write_text(answered.replace("shop/orders", "shop/other"))
    assert codes(capsys) == ["G503"]
    git(here, "add", ".")
    git(here, "commit", "-qm", "three")
    assert codes(capsys) == [], "after the merge the file is history"


@pytest.mark.full
def test_a_weaker_promise_warns_the_readers(here: SmallMesh, capsys: pytest.CaptureFixture[str]) -> None:
    promise(here, OPEN.replace("minimum: 0", "minimum: -5"), "1.2.0")
    assert sorted(codes(capsys)) == ["G501", "G502"]
    promise(here, OPEN.replace("minimum: 0", "minimum: -5"), "1.3.0")
    assert codes(capsys) == ["G502"]


def test_words_need_no_version(here: SmallMesh, capsys: pytest.CaptureFixture[str]) -> None:
    promise(here, OPEN.replace("Money.", "Amount of money."), "1.2.0")
    assert codes(capsys) == []


@pytest.mark.full
def test_a_contract_that_the_base_cannot_read_is_not_compared(
    here: SmallMesh, capsys: pytest.CaptureFixture[str]
) -> None:
    file = promise(here, OPEN, "1.2.0")
    file.write_text("schema: [")
    git(here, "commit", "-qam", "broken")
    promise(here, OPEN.replace("required: true, ", ""), "1.2.0")
    here.contract("shop/new", GOVERNED, promise=AT_SIX + KEPT)
    assert codes(capsys) == []


class TestTheBase:
    def test_without_git_or_a_main_branch_nothing_is_compared(self, shop: SmallMesh) -> None:
        assert default_revision(shop.root) is None
        git(shop, "init", "-q", "-b", "work")
        assert default_revision(shop.root) is None
        git(shop, "commit", "-q", "--allow-empty", "-m", "one")
        assert default_revision(shop.root) is None

    def test_it_is_where_the_branch_left_main(self, committed: SmallMesh) -> None:
        start = git(committed, "rev-parse", "HEAD")
        git(committed, "checkout", "-qb", "work")
        git(committed, "commit", "-q", "--allow-empty", "-m", "work")
        git(committed, "checkout", "-q", "main")
        git(committed, "commit", "-q", "--allow-empty", "-m", "main goes on")
        git(committed, "checkout", "-q", "work")
        found = default_revision(committed.root)
        assert found is not None
        assert found.commit == start

    def test_another_history_has_no_base(self, committed: SmallMesh) -> None:
        git(committed, "checkout", "-q", "--orphan", "alone")
        git(committed, "commit", "-q", "--allow-empty", "-m", "alone")
        with pytest.raises(UsageError, match="U097"):
            default_revision(committed.root)

    def test_a_shallow_clone_names_what_to_fetch(self, committed: SmallMesh, tmp_path: Path) -> None:
        git(committed, "commit", "-q", "--allow-empty", "-m", "two")
        clone = SmallMesh(tmp_path / "clone")
        git(committed, "clone", "-q", "--depth", "1", f"file://{committed.root}", str(clone.root))
        git(clone, "remote", "set-head", "origin", "-d")
        git(clone, "checkout", "-q", "--orphan", "alone")
        git(clone, "commit", "-q", "--allow-empty", "-m", "alone")
        with pytest.raises(UsageError, match="fetch-depth: 0"):
            default_revision(clone.root)

    def test_it_can_be_named(self, committed: SmallMesh, monkeypatch: pytest.MonkeyPatch) -> None:
        start = git(committed, "rev-parse", "HEAD")
        git(committed, "commit", "-q", "--allow-empty", "-m", "two")
        monkeypatch.setenv("MESH_BASE", "HEAD~1")
        found = default_revision(committed.root)
        assert found is not None
        assert found.commit == start
        monkeypatch.setenv("MESH_BASE", "--output=/tmp/x")
        with pytest.raises(UsageError, match="U096"):
            default_revision(committed.root)


@pytest.mark.full
def test_the_end_of_a_product_in_show(here: SmallMesh, capsys: pytest.CaptureFixture[str]) -> None:
    """The readers that are left, where they name it, and the columns that its successor lacks."""
    end = "\n  - {property: endOfLife, value: 2097-03-31}"
    file = promise(here, OPEN, "1.3.0", end)
    successor = "customProperties: [{property: successor, value: shop/orders_v2, vendor: platform-core}]\n"
    file.write_text(file.read_text() + successor)
    here.contract("shop/orders_v2", GOVERNED.replace("name: amount", "name: total"), promise=AT_SIX + KEPT)
    assert codes(capsys).count("G505") == 2
    assert main(["validate", "--select", "G115"]) == 0, "a successor may have a version in its name"
    assert main(["show", "shop/orders"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "until 2097-03-31, move to shop/orders_v2: 2 readers left" in text
    assert "name the successor, which has no amount" in text
    assert main(["show", "shop/orders", "--json"]) == 0
    ending = json.loads(capsys.readouterr().out)["ending"]
    places = {each["reader"]: each["place"] for each in ending["readers"]}
    assert places["other/totals"].startswith("domains/other/src/other/products.py:")
    file.write_text(file.read_text().replace("2097-03-31", "2007-03-31"))
    assert codes(capsys).count("G506") == 2


@pytest.mark.full
def test_marks_of_the_change_in_the_ui(
    here: SmallMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here.code("shop", ORDERS.replace("* 1.5", "* 2.5"))
    assert main(["plan", "--base", "main"]) == 0
    assert "mesh/change" not in tags(here, "shop", "orders"), "no base is set"
    monkeypatch.setenv("MESH_BASE", "main")
    assert tags(here, "shop", "orders")["mesh/change"] == "code"
    assert tags(here, "other", "totals")["mesh/change"] == "inputs"
    assert "mesh/change" not in tags(here, "other", "ids")


def tags(mesh: SmallMesh, domain: str, name: str) -> dict[str, str]:
    from platform_core.products.catalog import mark

    mark._marks.cache_clear()
    assets = mesh.definitions(domain).resolve_asset_graph()
    key = next(key for key in assets.get_all_asset_keys() if key.path == [domain, name])
    return dict(assets.get(key).tags)
