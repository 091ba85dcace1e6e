"""The examples in docs/governance.md agree with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from governance.mutating import Edit, judged, valid_copy
from governance.mutations import OWNER, STORES, WAIVERS

from platform_core.governance.policy_set import load_policies

DOCUMENT = (Path(__file__).parents[3] / "docs" / "governance.md").read_text()


@pytest.mark.parametrize("topology", ["federated", "governed", "autonomous"])
def test_a_topology_changes_what_is_shown(topology: str, tmp_path: Path) -> None:
    edits = [Edit(STORES, OWNER + "\n", ""), Edit(WAIVERS, ", crew-owner@example.com", "")]
    if topology != "federated":
        edits.append(Edit("governance/mesh.yaml", "topology: federated", f"topology: {topology}"))
    judgement = judged(valid_copy(tmp_path, *edits))
    shown = re.search(rf"[Uu]nder `topology: {topology}`[^`]*?```text\n(.*?)```", DOCUMENT, re.DOTALL)
    assert shown is not None
    said = [f"{d.severity}[{d.code}]: {d.message}" for d in judgement.diagnostics]
    assert shown[1].splitlines() == said


def test_the_policy_shown_works(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    reporting = Edit(STORES, "status: active", "status: active\ntags: [reporting]")
    root = valid_copy(tmp_path, Edit("governance/policies/reports.py", None, code), reporting)
    assert load_policies(root, []).get("F102") is not None
    assert [d.code for d in judged(root).diagnostics] == ["F102"]
    Edit(STORES, "  purpose: About stores.", "  purpose: About stores.\n  limitations: Few.").apply(root)
    assert not judged(root).diagnostics
