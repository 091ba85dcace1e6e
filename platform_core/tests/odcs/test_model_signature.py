"""The property ``model`` of a contract: features, metric and baseline."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import ContractError
from platform_core.odcs.reader import load_contract

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: lab/chances
version: 1.0.0
status: active
schema:
  - name: chances
    physicalType: model
    customProperties: [{property: model, vendor: platform-core, value: VALUE}]
    properties: [{name: id, logicalType: integer, primaryKey: true}]
"""
GOOD = "{target: bought, metric: roc_auc, features: [{name: size, type: double}]}"


def load(folder: Path, value: str) -> DataProduct:
    path = folder / "chances.odcs.yaml"
    path.write_text(CONTRACT.replace("VALUE", value))
    return load_contract(path, "lab")


def test_a_signature(tmp_path: Path) -> None:
    product = load(tmp_path, GOOD.replace("metric", "better: lower, margin: 0.5, trusted: [a.B], metric"))
    signature = product.signature
    assert signature is not None
    assert (signature.target, signature.metric, signature.better, signature.margin) == (
        "bought",
        "roc_auc",
        "lower",
        0.5,
    )
    assert [(f.name, f.type, f.place.line) for f in signature.features] == [("size", "DOUBLE", 9)]
    assert signature.trusted == ("a.B",)
    assert product.file == "chances.skops"
    rules = {rule.name: rule for rule in product.rules}
    assert rules["beats_baseline"].severity == rules["artifact_reads_back"].severity == "error"
    assert (
        rules["beats_baseline"].description == "On the holdout, roc_auc is at least 0.5 below the baseline's."
    )


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        ("7", "C105", "model is not a mapping"),
        (GOOD.replace("target:", "targte:"), "C105", 'unknown key "targte" in model'),
        (GOOD.replace("metric: roc_auc, ", ""), "C105", "model does not declare metric"),
        (GOOD.replace("metric", "better: hihger, metric"), "C105", 'better is "hihger"'),
        (GOOD.replace("metric", "margin: -1, metric"), "C105", 'margin is "-1"'),
        (GOOD.replace("metric", "margin: big, metric"), "C105", 'margin is "big"'),
        (GOOD.replace("metric", "trusted: everything, metric"), "C105", "trusted is not a list of types"),
        (GOOD.replace("type: double", "typ: double"), "C106", "a feature has other members"),
        (GOOD.replace("[{name: size, type: double}]", "[size]"), "C106", "a feature has other members"),
        (GOOD.replace("[{name: size, type: double}]", "size"), "C106", "features is not a list"),
        (GOOD.replace("}]", "}, {name: size, type: date}]"), "C106", 'duplicate feature "size"'),
    ],
)
def test_a_wrong_signature(tmp_path: Path, value: str, code: str, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        load(tmp_path, value)
    (fault,) = caught.value.diagnostics
    assert fault.code == code
    assert words in fault.message
    assert fault.place is not None
    assert fault.place.line == 9


def test_a_table_has_no_signature(tmp_path: Path) -> None:
    path = tmp_path / "chances.odcs.yaml"
    path.write_text(CONTRACT.replace("VALUE", GOOD).replace("    physicalType: model\n", ""))
    with pytest.raises(ContractError) as caught:
        load_contract(path, "lab")
    assert [fault.code for fault in caught.value.diagnostics] == ["C104"]


def test_the_facts_of_a_model_survive_a_document(tmp_path: Path) -> None:
    from platform_core.governance.facts import LocationFacts
    from platform_core.governance.facts_document import from_document, to_document

    product = load(tmp_path, GOOD)
    facts = LocationFacts("lab", "lab", (product,))
    read = from_document(to_document(facts, tmp_path), tmp_path)
    assert read.products[0].signature == product.signature
    assert read.products[0].file == product.file
    assert read.products[0].kind == "model"
