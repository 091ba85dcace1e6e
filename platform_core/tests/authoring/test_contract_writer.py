"""The canonical form of a contract: every reader of YAML reads the same, and comments are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_core.authoring.contract_format import formatted
from platform_core.authoring.contract_writer import COLUMN_WIDTH, write
from platform_core.diagnostics import ContractError
from platform_core.source.document import parse

ROOT = Path(__file__).resolve().parents[3]

WORDS_OF_YAML = "y no On null ~ 1e3 008 0o17 0x1F 10:00 1_000 2017-01-01 ="
NOT_TEXT = ["", " ", *WORDS_OF_YAML.split()]
NOT_PLAIN = ["<<", "- a", "a: b", "a #b", "#a", "*a", "&a", "!a", "%a", "@a", "`a`", "'a", '"a', "a,b", "[a]"]
NOT_A_LINE = [
    "a\n",
    "\na",
    "a\n b\n",
    " a",
    "a ",
    "a\tb",
    "a  b",
    "\u2028",
    "\x85x",
    "\ufeff",
    "\x07",
    "one\ntwo\n\n3",
]
LONG = [
    "word " * 40,
    "word  " * 30,
    "word " * 40 + "end",
    "---",
    "...",
    "|",
    ">",
    "?",
    ": a",
    "a:",
    "{a}",
    "é",
]
HARD = st.sampled_from([*NOT_TEXT, *NOT_PLAIN, *NOT_A_LINE, *LONG])
SCALARS = st.one_of(HARD, st.text(max_size=40), st.integers(), st.booleans(), st.none()) | st.floats(
    allow_nan=False, allow_infinity=False
)
KEYS = st.one_of(
    st.sampled_from(["description", "properties", "quality", "enum", "url", "tags", "name"]), HARD
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
def test_written_contracts_read_the_same(tmp_path: Path, data: dict[str, Any]) -> None:
    path = tmp_path / "any.odcs.yaml"
    path.write_text(write(data), encoding="utf-8")
    assert parse(path).data == data
    # So do readers that still follow YAML 1.1.
    assert yaml.safe_load(path.read_text()) == data


@pytest.mark.parametrize("number", [1e20, 1.5e-7, -0.0])
def test_a_text_of_digits_stays_text(tmp_path: Path, number: float) -> None:
    path = tmp_path / "any.odcs.yaml"
    path.write_text(write({"value": number}))
    assert parse(path).data == {"value": number}


@pytest.mark.parametrize(
    "path",
    sorted(ROOT.glob("domains/*/contracts/*.odcs.yaml")),
    ids=lambda path: f"{path.parts[-3]}/{path.name}",
)
def test_the_contracts_of_this_repository_are_canonical(path: Path) -> None:
    text = formatted(path)
    assert text == path.read_text(), "run `mesh format`"


def test_a_column_is_one_line_where_it_fits() -> None:
    column = {"description": "A. " * 20, "name": "id", "logicalType": "integer", "primaryKey": True}
    line = write({"schema": [{"name": "t", "properties": [column]}]}).splitlines()[3]
    assert line.startswith("      - {name: id, logicalType: integer, primaryKey: true, description: ")
    wide = column | {"description": "A. " * (COLUMN_WIDTH // 3)}
    lines = write({"schema": [{"name": "t", "properties": [wide]}]}).splitlines()
    assert lines[3:7] == [
        "      - name: id",
        "        logicalType: integer",
        "        primaryKey: true",
        '        description: "' + wide["description"] + '"',
    ]


def test_formatting_keeps_comments_and_values_of_aliases(tmp_path: Path) -> None:
    path = tmp_path / "any.odcs.yaml"
    path.write_text(
        "# At the top.\n"
        "id: shop/orders\n"
        "schema:\n"
        "  # Of the table.\n"
        "  - name: orders # at the end of a line\n"
        "    properties:\n"
        "      # Of the column.\n"
        "      - {name: a, enum: &few [{value: '# no comment'}]}\n"
        "      - name: b\n"
        "        enum: *few\n"
        "    quality:\n"
        "      - query: |-\n"
        "          SELECT 1\n"
        "          # not a comment of YAML\n"
        "# At the bottom.\n"
    )
    once = formatted(path)
    assert once == (
        "# At the top.\n"
        "id: shop/orders\n"
        "schema:\n"
        "  # Of the table.\n"
        "  # at the end of a line\n"
        "  - name: orders\n"
        "    properties:\n"
        "      # Of the column.\n"
        '      - {name: a, enum: [{value: "# no comment"}]}\n'
        '      - {name: b, enum: [{value: "# no comment"}]}\n'
        "    quality:\n"
        "      - query: |-\n"
        "          SELECT 1\n"
        "          # not a comment of YAML\n"
        "# At the bottom.\n"
    )
    path.write_text(once)
    assert formatted(path) == once


def test_the_terms_of_operation_are_formatted(tmp_path: Path) -> None:
    path = tmp_path / "any.odcs.yaml"
    path.write_text(
        "id: shop/orders\n"
        "customProperties:\n"
        "- property: serviceLevelTarget\n"
        "  value: 99.50\n"
        "- {value: {bytes: 5000000000, seconds: 60}, property: budget}\n"
    )
    once = formatted(path)
    assert once == (
        "id: shop/orders\n"
        "customProperties:\n"
        "  - {property: serviceLevelTarget, value: 99.5}\n"
        "  - {property: budget, value: {bytes: 5000000000, seconds: 60}}\n"
    )
    path.write_text(once)
    assert formatted(path) == once


def test_other_files_are_not_formatted(tmp_path: Path) -> None:
    path = tmp_path / "any.odcs.yaml"
    path.write_text("id: [")
    with pytest.raises(ContractError) as error:
        formatted(path)
    assert error.value.diagnostics[0].code == "C004"
