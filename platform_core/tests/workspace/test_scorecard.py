"""The rows of the scorecard, and the coverage and score of products."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from platform_core.contracts.model import Column, DataProduct
from platform_core.diagnostics import Diagnostic, Place
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.governance.judge import Judgement
from platform_core.governance.policy_set import PolicySet
from platform_core.source.federation import Federation, Waiver
from platform_core.workspace.scorecard import coverage, score, standings
from platform_core.workspace.validate import Examination

HERE = Place(Path("likes.odcs.yaml"))
TODAY = date(2026, 3, 1)


@pytest.fixture
def found() -> Examination:
    """A mesh of one product with one of two columns described, and a waiver for its missing key."""
    likes = DataProduct(
        domain="sales",
        name="likes",
        path=HERE.path,
        place=HERE,
        version="1.0.0",
        status="active",
        columns=(Column("who", HERE, description="Who."), Column("what", HERE)),
        rules=(),
    )
    mesh = MeshFacts((LocationFacts("sales", "sales", (likes,)),), Federation())
    waiver = Waiver("G108", "sales/likes", "No key yet.", ("a@example.com",), "2026-03-11", HERE)
    states = {
        ("sales/likes", "G101"): "pass",
        ("sales/likes", "G102"): "pass",
        ("sales/likes", "G103"): "pass",
        ("sales/likes", "G105"): "fail",
        ("sales/likes", "G106"): "warn",
        ("sales/likes", "G107"): "pass",
        ("sales/likes", "G108"): "waived",
        ("sales", "G203"): "pass",
        ("mesh", "G304"): "pass",
    }
    judgement = Judgement((), ((Diagnostic("G108", "no key", HERE), waiver),), states)
    return Examination(mesh, PolicySet(()), judgement)


def test_a_waiver_has_its_days_left(found: Examination) -> None:
    rows = {(row.subject, row.code): row for row in standings(found, TODAY)}
    assert rows["sales/likes", "G108"].days_left == 10
    assert rows["sales/likes", "G105"].days_left is None


def test_locations_and_the_mesh_have_rows_without_a_product(found: Examination) -> None:
    others = [(row.subject, row.domain, row.product) for row in standings(found, TODAY) if not row.product]
    assert others == [("mesh", None, None), ("sales", "sales", None)]


def test_coverage_of_a_product(found: Examination) -> None:
    covered = coverage(found, list(found.mesh.products.values()))
    assert (covered.documentation, covered.ownership, covered.sla, covered.quality) == (0.5, 1, 0, 1)


def test_the_score_counts_waived_policies_as_kept(found: Examination) -> None:
    overall = score(standings(found, TODAY))
    assert overall.kept == pytest.approx(7 / 9)
    assert (overall.failed, overall.warned, overall.waived) == (1, 1, 1)
