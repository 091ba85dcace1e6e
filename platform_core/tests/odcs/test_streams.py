"""Streams in contracts, with the faults of unsupported ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import ContractError
from platform_core.odcs.reader import load_contract

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: shop/clicks
version: 1.0.0
status: active
team: {name: shop-team}
schema:
  - name: clicks
    physicalType: stream
    customProperties:
      - {property: eventTime, value: clicked, vendor: platform-core}
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: clicked, logicalType: timestamp, required: true}
      - {name: page, logicalType: string}
"""
EVENT_TIME = "      - {property: eventTime, value: clicked, vendor: platform-core}\n"
GRID = """\
      - property: partitions
        value: {every: month, start: "2017-01-01", timezone: UTC}
        vendor: platform-core
"""
COUNT = "    quality: [{metric: rowCount, mustBeGreaterThan: 0%s}]\n    properties:\n"
BATCH = ", customProperties: [{property: scope, value: batch, vendor: platform-core}]"


def read(folder: Path, *changes: tuple[str, str]) -> DataProduct:
    text = CONTRACT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "clicks.odcs.yaml"
    path.write_text(text)
    return load_contract(path, "shop")


def test_the_rules_of_a_stream_check_batches(tmp_path: Path) -> None:
    product = read(tmp_path, ("    properties:\n", COUNT % BATCH))
    assert (product.kind, product.event_time) == ("stream", "clicked")
    assert {rule.scope for rule in product.rules} == {"batch"}
    assert len(product.rules) > 3


def test_a_rule_on_the_whole_stream_may_warn(tmp_path: Path) -> None:
    product = read(tmp_path, ("    properties:\n", COUNT % ", severity: warning"))
    assert [rule.name for rule in product.rules if rule.scope == "product"] == ["row_count"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([("    customProperties:\n" + EVENT_TIME, "")], "C110"),
        ([("value: clicked", "value: clickd")], "C110"),
        ([("value: clicked", "value: page")], "C110"),
        ([("timestamp, required: true", "timestamp")], "C110"),
        ([("physicalType: stream", "physicalType: table")], "C111"),
        ([(EVENT_TIME, EVENT_TIME + GRID), ("timestamp,", "timestamp, partitioned: true,")], "C112"),
        ([("    properties:\n", COUNT % "")], "C113"),
        (
            [
                ("    physicalType: stream\n    customProperties:\n" + EVENT_TIME, ""),
                ("    properties:\n", COUNT % BATCH),
            ],
            "C114",
        ),
    ],
)
def test_an_unsupported_stream_is_one_diagnostic(
    tmp_path: Path, changes: list[tuple[str, str]], code: str
) -> None:
    with pytest.raises(ContractError) as error:
        read(tmp_path, *changes)
    (fault,) = error.value.diagnostics
    assert fault.code == code
    assert fault.place is not None
    assert fault.expected
