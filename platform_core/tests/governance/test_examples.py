"""Examples of codes, run on the valid mesh: those of policies, and all others that name one of its files."""

from __future__ import annotations

from pathlib import Path

import pytest
from governance.examples import lay_over, names_a_file
from governance.mutating import VALID, judged, valid_copy

from platform_core.codes import known_codes, meaning
from platform_core.diagnostics import Diagnostic, PlatformError
from platform_core.governance.policy_set import load_policies
from platform_core.registry.lookup import Registry

# Only a location of its own shows that one cannot be looked at: tests/workspace.
ELSEWHERE = {"G491"}
ABOUT_CHANGES = {"G501", "G502", "G503"}
POLICIES = {policy.code: policy for policy in load_policies(VALID, ["shop", "crew"]).policies}
EXAMPLES = POLICIES | {code: texts for code in known_codes() if (texts := meaning(code)) is not None}
OF_GOVERNANCE = sorted((POLICIES.keys() | {code for code in EXAMPLES if code[0] == "G"}) - ELSEWHERE)
REST = EXAMPLES.keys() - OF_GOVERNANCE - ELSEWHERE
OTHERS = sorted(code for code in REST if names_a_file(VALID, EXAMPLES[code].failing))


@pytest.mark.parametrize("code", OF_GOVERNANCE)
def test_the_breaking_example_of_a_policy_breaks_it_and_no_other(code: str, tmp_path: Path) -> None:
    lay_over(valid_copy(tmp_path), EXAMPLES[code].failing)
    found = judged(tmp_path, since=code in ABOUT_CHANGES).diagnostics
    assert {diagnostic.code for diagnostic in found} == {code}, [d.render() for d in found]


@pytest.mark.parametrize("code", OF_GOVERNANCE)
def test_the_keeping_example_of_a_policy_breaks_none(code: str, tmp_path: Path) -> None:
    lay_over(valid_copy(tmp_path), EXAMPLES[code].passing)
    assert [d.render() for d in judged(tmp_path, since=code in ABOUT_CHANGES).diagnostics] == []


@pytest.mark.parametrize("code", OTHERS)
def test_the_examples_of_other_codes(code: str, tmp_path: Path) -> None:
    look = _contracts if code.startswith("C") else _definitions
    lay_over(valid_copy(tmp_path / "failing"), EXAMPLES[code].failing)
    assert code in {each.code for each in look(tmp_path / "failing")}
    lay_over(valid_copy(tmp_path / "passing"), EXAMPLES[code].passing)
    # A short example leaves out what policies ask for, and breaks them.
    assert [each.render() for each in look(tmp_path / "passing") if each.code[0] != "G"] == []


def _contracts(root: Path) -> tuple[Diagnostic, ...]:
    registry = Registry.open(root)
    products, faults = registry.scan(*registry.domains())
    return (*faults, *(fault for product in products for fault in registry.unresolved(product)))


def _definitions(root: Path) -> tuple[Diagnostic, ...]:
    try:
        return judged(root).diagnostics
    except PlatformError as error:  # of the module itself
        return error.diagnostics
