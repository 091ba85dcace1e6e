"""Edits of contracts and the changes that they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from compatibility.pairs import BASES, PAIRS, Pair

from platform_core.codes import family
from platform_core.compatibility import document
from platform_core.compatibility.change import Change
from platform_core.compatibility.compare import changes
from platform_core.compatibility.document import keys
from platform_core.contracts.model import DataProduct
from platform_core.odcs.masked_twin import masked_twin
from platform_core.odcs.reader import load_contract

Load = Callable[[str, str, str], tuple[DataProduct, DataProduct]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Both versions of a contract, of which a text is edited."""

    def both(base: str, old: str, new: str) -> tuple[DataProduct, DataProduct]:
        before = BASES[base]
        assert before.count(old), old
        files = [tmp_path / version / f"{base}.odcs.yaml" for version in ("old", "new")]
        for file, text in zip(files, (before, before.replace(old, new, 1)), strict=True):
            file.parent.mkdir()
            file.write_text(text)
        one, two = (load_contract(file) for file in files)
        return one, two

    return both


def codes(found: tuple[Change, ...]) -> str:
    return " ".join(f"{'~' if each.twin else ''}{each.code}" for each in found)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.base}: {pair.new[:40]!r}")
def test_an_edit_has_its_codes(load: Load, pair: Pair) -> None:
    old, new = load(pair.base, pair.old, pair.new)
    assert codes(changes(old, new)) == pair.codes


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.base}: {pair.new[:40]!r}")
def test_the_table_has_the_codes_of_each_key(load: Load, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = load(pair.base, pair.old, pair.new)
    table, seen = keys(), list[str]()
    every: dict[str | None, tuple[str, ...]] = {**table.model, **table.document}

    class Recorder:
        def codes(self, path: str) -> None:
            seen.append(path)

    monkeypatch.setattr(document, "keys", Recorder)
    changes(old, new)
    listed = {code for path in seen for code in every.get(table.pattern(path), ())}
    assert {each.strip("~") for each in pair.codes.split()} <= listed | {"K207", "K407"}, seen


def test_every_code_is_the_code_of_an_edit() -> None:
    made = {code.strip("~") for pair in PAIRS for code in pair.codes.split()}
    elsewhere = {"K108", "K115", "K311", "K315", "K331", "K335", "K407"}
    assert made | elsewhere == set(family("K").codes)


class TestPlaces:
    def test_a_change_stands_in_the_new_contract(self, load: Load) -> None:
        old, new = load("orders", "physicalType: BIGINT", "physicalType: INTEGER")
        (found,) = changes(old, new)
        assert (found.place.path, found.columns, found.grade.word) == (new.path, ("pieces",), "breaking")
        assert "pieces" in (found.place.source_line() or "")

    def test_a_removed_column_concerns_its_readers_at_the_schema(self, load: Load) -> None:
        old, new = load("orders", "      - {name: pieces, logicalType: integer, physicalType: BIGINT}\n", "")
        (found,) = changes(old, new)
        assert found.columns == ("pieces",)
        assert found.place.path == new.path
        assert found.message == 'the column "pieces" is removed'

    def test_a_removed_grant_concerns_its_principal(self, load: Load) -> None:
        old, new = load("orders", "role: analysts, access: read", "role: analysts, access: masked")
        (found,) = changes(old, new)
        assert found.roles == ("analysts",)
        assert "analysts" in (found.place.source_line() or "")

    def test_a_service_level_has_the_line_of_its_entry(self, load: Load) -> None:
        old, new = load("orders", "value: 1, unit: y", "value: 1, unit: mo")
        (found,) = changes(old, new)
        assert "property: retention" in (found.place.source_line() or "")
        assert found.message == "the retention was 365 days and is 30 days"

    def test_a_key_of_the_document_has_its_path(self, load: Load) -> None:
        old, new = load("orders", "path: data", "path: files")
        (found,) = changes(old, new)
        assert found.message == "servers[live].path is changed"
        assert "path: files" in (found.place.source_line() or "")

    def test_the_worst_change_is_first(self, load: Load) -> None:
        old, new = load("people", "role: auditors, access: read", "role: auditors, access: masked")
        grades = [each.grade for each in changes(old, new)]
        assert grades == sorted(grades, reverse=True)
        assert changes(old, old) == ()


class TestMaskedTwins:
    @pytest.mark.parametrize("pair", [pair for pair in PAIRS if "~" in pair.codes], ids=lambda pair: pair.new)
    def test_two_twins_have_the_changes_that_their_parents_announce(self, load: Load, pair: Pair) -> None:
        old, new = load(pair.base, pair.old, pair.new)
        of_twins = changes(masked_twin(old), masked_twin(new))
        announced = [each for each in changes(old, new) if each.twin and each.code != "K115"]
        assert set(announced) <= set(of_twins)

    def test_a_change_of_both_is_reported_once(self, load: Load) -> None:
        old, new = load("people", "city, logicalType: string", "city, logicalType: date")
        assert codes(changes(old, new)) == "K102"
        assert codes(changes(masked_twin(old), masked_twin(new))) == "~K102"

    def test_a_hidden_column_does_not_concern_readers_of_the_twin(self, load: Load) -> None:
        old, new = load("people", "      - {name: income, logicalType: integer, tags: [personal]}\n", "")
        assert codes(changes(old, new)) == "K101"
        assert "K101" not in codes(changes(masked_twin(old), masked_twin(new)))

    def test_a_twin_appears_and_disappears(self, load: Load) -> None:
        old, _ = load("people", "width: 10", "width: 10")
        without = replace(old, masking=None)
        assert codes(changes(without, old)) == "~K315"
        assert codes(changes(old, without)) == "~K115"


class TestRareChanges:
    def test_a_column_that_was_personal(self, load: Load) -> None:
        new, old = load("orders", "description: Mail.", "tags: [personal], description: Mail.")
        assert codes(changes(old, new)) == "K331"

    def test_a_product_that_was_restricted(self, load: Load) -> None:
        new, old = load("orders", "internal, description: Mail.", "restricted, description: Mail.")
        assert codes(changes(old, new)) == "K311 K330"

    def test_columns_of_a_table_in_another_order(self, load: Load) -> None:
        old, _ = load("orders", "path: data", "path: data")
        assert codes(changes(old, replace(old, columns=old.columns[::-1]))) == "K407"

    def test_partitions_that_end(self, load: Load) -> None:
        old, _ = load("orders", "path: data", "path: data")
        assert codes(changes(old, replace(old, partitions=None))) == "K108"
        assert codes(changes(replace(old, partitions=None), old)) == "K108"

    def test_a_schema_object_that_the_product_does_not_publish(self, load: Load) -> None:
        other = "  - {name: notes, properties: [{name: text, logicalType: string}]}\n"
        old, new = load("people", "schema:\n", "schema:\n" + other)
        assert codes(changes(old, new)) == "K340"
        assert codes(changes(new, old)) == "K240"

    def test_anchors_are_layout(self, load: Load) -> None:
        old, new = load("people", "role: auditors, access: read", "role: auditors, access: &word read")
        assert changes(old, new) == ()
