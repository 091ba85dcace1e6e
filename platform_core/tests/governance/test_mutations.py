"""Every policy is broken by its mutations, at the right place, and by nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from governance.mutating import TODAY, VALID, Mutation, catalogue_of, judged, line_of, look, valid_copy
from governance.mutations import MUTATIONS

from platform_core.codes import family
from platform_core.governance.facts import MeshFacts
from platform_core.governance.facts_document import from_document, to_document
from platform_core.governance.judge import judge
from platform_core.governance.policy_set import load_policies

# Only a location of its own shows that one cannot be looked at: tests/workspace.
ELSEWHERE = {"G491"}


def test_the_valid_mesh_is_silent(tmp_path: Path) -> None:
    judgement = judged(valid_copy(tmp_path))
    assert [d.render() for d in judgement.diagnostics] == []
    assert set(judgement.states.values()) == {"pass", "waived"}
    assert [(d.code, waiver.product) for d, waiver in judgement.waived] == [("G108", "shop/visits")]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_mutation_breaks_its_policy_and_no_other(mutation: Mutation, tmp_path: Path) -> None:
    root = valid_copy(tmp_path, *mutation.edits)
    mesh = look(root, since=mutation.since)
    catalogue = catalogue_of(root, mesh)
    judgement = judge(mesh, catalogue, mutation.today)
    assert {d.code for d in judgement.diagnostics} == {mutation.code}, [
        d.render() for d in judgement.diagnostics
    ]
    places = {(d.place.path, d.place.line) for d in judgement.diagnostics if d.place}
    assert places == {(root / mutation.file, line_of(root, mutation.file, mutation.line))}
    assert all(d.fix for d in judgement.diagnostics)


@pytest.mark.parametrize("mutation", MUTATIONS[::4], ids=str)
def test_facts_are_equal_after_json(mutation: Mutation, tmp_path: Path) -> None:
    root = valid_copy(tmp_path, *mutation.edits)
    mesh = look(root)
    catalogue = catalogue_of(root, mesh)
    documents = [json.dumps(to_document(location, root)) for location in mesh.locations]
    again = MeshFacts(
        tuple(from_document(json.loads(document), root) for document in documents), mesh.federation
    )
    assert judge(again, catalogue, TODAY) == judge(mesh, catalogue, TODAY)


def test_every_policy_has_a_mutation() -> None:
    codes = {policy.code for policy in load_policies(VALID, ["shop", "crew"]).policies} | family(
        "G"
    ).codes.keys()
    without = codes - {m.code for m in MUTATIONS} - ELSEWHERE
    assert not without, f"write a mutation in mutations.py for {sorted(without)}"
