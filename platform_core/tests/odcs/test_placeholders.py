"""A contract with placeholders is refused with one report of all decisions."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_core.diagnostics import ContractError
from platform_core.odcs.reader import load_contract

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: shop/orders
version: 0.1.0
status: draft
description: {purpose: Orders., usage: DECIDE how, limitations: "DECIDE: what"}
team: {name: DECIDE}
slaProperties:
  - {property: retention, value: DECIDE, unit: d}
schema:
  - name: orders
    properties:
      - {name: a, logicalType: integer, classification: DECIDE, description: DECIDE}
      - {name: b, logicalType: integer, classification: public, description: DECIDE}
"""


def load(tmp_path: Path, text: str) -> ContractError:
    path = tmp_path / "orders.odcs.yaml"
    path.write_text(text)
    with pytest.raises(ContractError) as error:
        load_contract(path)
    return error.value


def test_all_decisions_are_one_report_in_the_best_order(tmp_path: Path) -> None:
    [report] = load(tmp_path, CONTRACT).diagnostics
    assert (report.code, report.place and report.place.line) == ("C120", 6)
    assert "shop/orders needs 7 decisions" in report.message
    lines = [line.rpartition("orders.odcs.yaml:")[2] for line in (report.expected or "").splitlines()]
    assert lines == [
        "7: decide the team of governance/teams.yaml that owns it",
        "6: decide how consumers must read it (description.usage)",
        "6: decide its limitations (description.limitations)",
        "9: decide its freshness, and how long versions are kept (slaProperties)",
        "13: decide for a: classification: public, internal, confidential or restricted",
        "13: decide for a, b: its meaning (description)",
    ]


def test_other_faults_are_reported_too(tmp_path: Path) -> None:
    found = load(tmp_path, CONTRACT.replace("kind: DataContract", "kindd: DataContract")).diagnostics
    assert {diagnostic.code for diagnostic in found} == {"C120", "C010"}


def test_a_contract_without_marks_is_read(tmp_path: Path) -> None:
    path = tmp_path / "orders.odcs.yaml"
    text = CONTRACT.replace("value: DECIDE", "value: 30").replace(
        "classification: DECIDE", "classification: public"
    )
    path.write_text(text.replace("DECIDE", "decided"))
    assert load_contract(path).owner == "decided"


def test_a_text_that_mentions_the_word_is_not_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "orders.odcs.yaml"
    path.write_text(CONTRACT.replace("value: DECIDE", "value: 30").replace("DECIDE", "We DECIDE"))
    assert load_contract(path).usage == "We DECIDE how"
