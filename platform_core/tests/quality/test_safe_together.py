"""Two products together: no difference of their counts reveals a small group."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from small_mesh import SmallMesh

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import DataProduct, Reference, Rule
from platform_core.diagnostics import ContractError
from platform_core.quality.audit import audit

SERVING = (
    "(VALUES ('HR', 'clerk', 40), ('HR', 'boss', 11), ('R&D', 'boss', 51), ('R&D', 'lead', 78)) t(d, r, n)"
)
TOLD = {
    "a group of its own": ("('HR', 'clerk', 52), ('R&D', 'boss', 54)", 1),
    "less than the other tells": ("('HR', 'clerk', 37)", 1),
    "a whole department": ("('HR', 'all', 53)", 1),
    "what is left of a department": ("('HR', 'clerk', 52), ('HR', 'others', 13)", 1),
    "nobody": ("('HR', 'boss', 11), ('HR', 'clerk', 52), ('R&D', '(other)', 134)", 0),
    "many": ("('R&D', '(other)', 134)", 0),
}


@pytest.mark.parametrize(("rows", "found"), TOLD.values(), ids=TOLD)
def test_subtraction_reveals_no_small_group(
    make_rule: Callable[..., Rule], make_product: Callable[..., DataProduct], rows: str, found: int
) -> None:
    rule = make_rule(
        "together",
        *("d", "r", "n"),
        limits=Bounds(minimum=5),
        reference=Reference("hr/serving", ("d", "r", "n")),
    )
    product = make_product(rule)
    relation = f"(FROM (VALUES {rows}) t(d, r, n))"
    with duckdb.connect() as con:
        [outcome] = audit(
            con, product.rules, relation, product=product, resolve=lambda _: f"(FROM {SERVING})"
        )
        assert bool(outcome.violations) == bool(found)
        assert outcome.passed == (found == 0)
        assert outcome.sample == ()
        [unpublished] = audit(con, product.rules, relation, product=product, resolve=lambda _: None)
        assert unpublished.passed


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{by: [team], counts: [people, n], minimum: 5}", "has no other product"),
        ("{product: shop/all, by: [people, no], counts: [people, n], minimum: 5}", "one to four own columns"),
        ("{product: shop/all, by: team, counts: [people, n], minimum: 5}", "one to four own columns"),
        ("{product: shop/all, by: [team], counts: [no, n], minimum: 5}", "an own column"),
        ("{product: shop/all, by: [team], counts: [people], minimum: 5}", "an own column"),
        (
            "{product: shop/all, by: [team], counts: [people, n], minimum: 1}",
            "not a whole number of 2 or more",
        ),
        ("{product: shop/all, by: [team], counts: [people, n], minimum: 5, of: 1}", 'unknown key "of"'),
        ("[1]", "is not a mapping"),
    ],
)
def test_counts_that_cannot_be_compared_are_refused(tmp_path: Path, value: str, words: str) -> None:
    mesh = SmallMesh.make(tmp_path, "shop")
    mesh.contract(
        "shop/teams",
        "    customProperties:\n"
        f"      - {{property: safeTogether, value: {value}, vendor: platform-core}}\n"
        "    properties:\n"
        "      - {name: team, logicalType: string, primaryKey: true, classification: internal}\n"
        "      - {name: people, logicalType: integer, classification: internal}\n",
    )
    with pytest.raises(ContractError) as error:
        mesh.registry.get("shop/teams")
    assert error.value.diagnostics[0].code == "C096"
    assert words in str(error.value)
