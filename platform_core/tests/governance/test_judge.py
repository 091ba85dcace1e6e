"""Ramps, topologies, waivers, policies that raise, and a location on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from governance.mutating import TODAY, Edit, catalogue_of, judged, look, valid_copy
from governance.mutations import (
    HASHED,
    OWNER,
    PEOPLE,
    PERFORMANCE,
    ROSTER,
    SHOP,
    STORES,
    TWIN,
    VISITS,
    WAIVERS,
)

from platform_core.governance.facts import MeshFacts
from platform_core.governance.judge import judge
from platform_core.governance.policy import Policy, Violation
from platform_core.governance.policy_set import PolicySet, load_policies
from platform_core.source.federation import Federation

NO_OWNER = Edit(STORES, OWNER + "\n", "")


def _policy(check: object, **words: object) -> Policy:
    texts = dict.fromkeys(("title", "rationale", "fix", "failing", "passing"), "words")
    return Policy(**{"code": "F900", "scope": "mesh", "check": check, **texts, **words})  # type: ignore[arg-type]


def _breaks(mesh: MeshFacts) -> Iterator[Violation]:
    yield Violation("broken", None)


def _topology(name: str) -> Edit:
    return Edit("governance/mesh.yaml", "topology: federated", f"topology: {name}")


def _approved(*who: str) -> Edit:
    return Edit(WAIVERS, "[shop-owner@example.com, crew-owner@example.com]", f"[{', '.join(who)}]")


@pytest.mark.parametrize(
    ("today", "severity", "state"),
    [(date(2029, 12, 31), "warning", "warn"), (date(2030, 1, 1), "error", "fail")],
)
def test_a_ramp_ends_on_its_day(today: date, severity: str, state: str) -> None:
    policy = _policy(_breaks, error_from=date(2030, 1, 1))
    judgement = judge(MeshFacts((), Federation()), PolicySet((policy,)), today)
    assert [d.severity for d in judgement.diagnostics] == [severity]
    assert judgement.states == {("mesh", "F900"): state}


def test_a_personal_name_is_declared_not_personal_with_a_reason(tmp_path: Path) -> None:
    renamed = Edit(PERFORMANCE, "staff_count, logicalType: integer", "postcode, logicalType: string")
    declared = "customProperties: [{property: notPersonal, value: Of the store., vendor: platform-core}], "
    said = Edit(
        PERFORMANCE, "required: true, classification: internal", f"{declared}classification: internal"
    )

    refused = judged(valid_copy(tmp_path / "named", renamed))
    accepted = judged(valid_copy(tmp_path / "declared", renamed, said))

    assert "G110" in {diagnostic.code for diagnostic in refused.diagnostics}
    assert "G110" not in {diagnostic.code for diagnostic in accepted.diagnostics}


def test_autonomous_domains_are_advised(tmp_path: Path) -> None:
    longer = Edit(ROSTER, "value: 30, unit: d", "value: 40, unit: d")
    root = valid_copy(tmp_path, _topology("autonomous"), NO_OWNER, longer)
    judgement = judged(root)
    assert [(d.code, d.severity) for d in judgement.diagnostics] == [
        ("CREW101", "warning"),
        ("G101", "warning"),
    ]
    assert judgement.states["shop/stores", "G101"] == "warn"
    # What a domain asks of itself it still asks.
    catalogue = catalogue_of(root, look(root))
    strict = tuple(replace(p, severity="error") if p.domain else p for p in catalogue.policies)
    again = judge(look(root), replace(catalogue, policies=strict), TODAY)
    assert [(d.code, d.severity) for d in again.errors] == [("CREW101", "error")]


@pytest.mark.parametrize(
    ("topology", "approvers", "missing"),
    [
        ("federated", ("shop-owner@example.com", "crew-owner@example.com"), None),
        ("federated", ("shop-owner@example.com",), "a representative of crew"),
        ("federated", ("architect@example.com",), "a representative of crew, shop"),
        ("governed", ("architect@example.com",), None),
        ("governed", ("platform@example.com",), None),
        ("governed", ("shop-owner@example.com", "crew-owner@example.com"), "the central team, platform-team"),
        ("autonomous", ("shop-owner@example.com",), None),
        ("autonomous", ("crew-owner@example.com",), "a representative of shop"),
    ],
)
def test_the_approvers_of_a_waiver(
    tmp_path: Path, topology: str, approvers: tuple[str, ...], missing: str | None
) -> None:
    edits = [] if topology == "federated" else [_topology(topology)]
    judgement = judged(valid_copy(tmp_path, *edits, _approved(*approvers)))
    if missing is None:
        assert not judgement.diagnostics
        assert judgement.states["shop/visits", "G108"] == "waived"
        return
    waiver = next(d for d in judgement.diagnostics if d.code == "G403")
    assert waiver.message.endswith(f"lacks the approval of {missing}")
    assert judgement.states["shop/visits", "G108"] == ("warn" if topology == "autonomous" else "fail")


@pytest.mark.parametrize(("day", "over"), [("2030-03-01", False), ("2030-02-28", True)])
def test_a_waiver_holds_through_its_last_day(tmp_path: Path, day: str, over: bool) -> None:
    judgement = judged(valid_copy(tmp_path, Edit(WAIVERS, "2030-06-30", day)), TODAY)
    # With the waiver gone the violation is back, beside it.
    assert {d.code for d in judgement.diagnostics} == ({"G108", "G401"} if over else set())


def test_a_stricter_severity_applies_to_its_domain_alone(tmp_path: Path) -> None:
    root = valid_copy(tmp_path, Edit(STORES, "status: active", "status: deprecated"))
    found = [(d, d.place.path.relative_to(root / "domains")) for d in judged(root).diagnostics if d.place]
    severities = {(path.parts[0], diagnostic.severity) for diagnostic, path in found}
    assert severities == {("crew", "error"), ("shop", "warning")}


def test_a_single_location_is_judged_alone(tmp_path: Path) -> None:
    # An unused waiver of crew, and a product of crew that the shop reads without a grant.
    other = "waivers:\n  - {code: G105, product: crew/roster, reason: R, approvers: [a], expires: 2029-01-01}"
    root = valid_copy(
        tmp_path, NO_OWNER, Edit(WAIVERS, "waivers:", other), Edit(ROSTER, '"domain:shop"', "analysts")
    )
    judgement = judged(root, domains=("shop",))
    assert [d.code for d in judgement.diagnostics] == ["G101"]
    assert not any(code.startswith("G3") for _, code in judgement.states)
    assert {d.code for d in judged(root).diagnostics} == {"G101", "G302", "G401"}


def test_a_policy_that_raises_stops_no_other(tmp_path: Path) -> None:
    def raises(mesh: MeshFacts) -> Iterator[Violation]:
        yield Violation("found before", None)
        raise ValueError("on the\nway")

    policies = (_policy(raises), _policy(_breaks, code="F901"), _policy(lambda mesh: None, code="F902"))
    policies += (_policy(lambda mesh: iter(["text"]), code="F903"),)
    judgement = judge(MeshFacts((), Federation()), PolicySet(policies), TODAY)
    assert sorted(d.code for d in judgement.diagnostics) == ["F900", "F901", "G490", "G490", "G490"]
    first = next(d for d in judgement.diagnostics if "F900 raises" in d.message)
    assert first.message == "the policy F900 raises: ValueError: on the way"
    assert first.place is not None
    assert first.place.source_line() == '        raise ValueError("on the\\nway")'


def test_diagnostics_come_in_the_order_of_their_places(tmp_path: Path) -> None:
    root = valid_copy(tmp_path, NO_OWNER, Edit(VISITS, "version: 1.0.0", "version: x"))
    Edit(STORES, "status: active", "status: live").apply(root)
    found = [(d.place.path.name, d.code) for d in judged(root).diagnostics if d.place]
    assert found == [("stores.odcs.yaml", "G101"), ("stores.odcs.yaml", "G114"), ("visits.odcs.yaml", "G113")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def (", "SyntaxError"),
        ("from hr import nothing_here", "cannot be loaded"),
        ("STRICTER = {'G101': 'error'}", "STRICTER"),
        ("{policy}p = policy('G101', **w)(lambda mesh: iter(()))", "cannot be the code"),
        ("{policy}p = q = policy('F1', **w)(lambda mesh: iter(()))", "cannot be the code"),
        (
            "{policy}p, q = (policy('F101', **w)(lambda mesh: iter(())) for _ in range(2))",
            "two policies have the code F101",
        ),
        (
            "{policy}p = policy('F101', **{**w, 'scope': 'location'})(lambda product: iter(()))",
            'F101 has an unknown parameter "product"',
        ),
        ("{policy}p = policy('C101', **w)(lambda mesh: iter(()))", "cannot be the code"),
        ("{policy}p = policy('lower', **w)(lambda mesh: iter(()))", "cannot be the code"),
    ],
)
def test_bad_modules_of_policies(tmp_path: Path, text: str, words: str) -> None:
    made = "from platform_core.governance.policy import policy\n"
    made += (
        "w = dict.fromkeys(('title', 'rationale', 'fix', 'failing', 'passing'), 'x') | {'scope': 'mesh'}\n"
    )
    path = tmp_path / "governance" / "policies" / "own.py"
    path.parent.mkdir(parents=True)
    path.write_text(text.replace("{policy}", made))
    (fault,) = load_policies(tmp_path, []).faults
    assert fault.code == "G490"
    assert words in fault.message
    assert fault.place is not None
    assert fault.place.path == path


def test_policies_with_functions_of_one_name_all_apply(tmp_path: Path) -> None:
    path = tmp_path / "governance" / "policies" / "own.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "from platform_core.governance.policy import Violation, policy\n"
        "texts = dict.fromkeys(('title', 'rationale', 'fix', 'failing', 'passing'), 'x')\n"
        "@policy('F101', scope='mesh', **texts)\n"
        "def check(mesh):\n    yield Violation('one', None)\n"
        "@policy('F102', scope='mesh', **texts)\n"
        "def check():\n    yield Violation('another', None)\n"
    )
    judgement = judge(MeshFacts((), Federation()), load_policies(tmp_path, []), TODAY)
    assert {d.code: d.message for d in judgement.diagnostics} == {"F101": "one", "F102": "another"}


def test_a_domain_does_not_judge_the_whole_mesh(tmp_path: Path) -> None:
    path = tmp_path / "domains" / "shop" / "src" / "shop" / "policies.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "from platform_core.governance.policy import policy\n"
        "@policy('SHOP101', title='t', scope='mesh', rationale='r', fix='f', failing='a', passing='b')\n"
        "def all_of_it(mesh):\n    return iter(())\n"
    )
    catalogue = load_policies(tmp_path, ["shop"])
    assert [fault.code for fault in catalogue.faults] == ["G490"]
    assert catalogue.get("SHOP101") is None


def test_a_consumer_of_a_masked_twin_does_not_violate_its_parents_grants(tmp_path: Path) -> None:
    reads = Edit(
        SHOP,
        'Input("crew/roster", columns=("employee_id", "store_id"))',
        'Input("crew/profiles", columns=("employee_id",))',
    )
    named = Edit(PEOPLE, "  - name: people\n", f"  - name: people\n    customProperties:\n{TWIN}")
    broken = Edit(PEOPLE, "status: active", "stauts: active")
    judgement = judged(valid_copy(tmp_path, reads, named, broken))
    assert {d.code for d in judgement.errors} == {"C010"}


def test_an_inherited_violation_is_reported_once(tmp_path: Path) -> None:
    named = Edit(
        PEOPLE,
        "schema:\n  - name: people\n",
        "roles:\n  - {role: analysts, access: masked}\n"
        f"schema:\n  - name: people\n    customProperties:\n{TWIN}",
    )
    hashed = Edit(PEOPLE, "{name: employee_id, ", "{name: employee_id, " + HASHED)
    unowned = Edit(PEOPLE, "team: {name: crew-team}\n", "")
    judgement = judged(valid_copy(tmp_path, named, hashed, unowned))
    assert [d.code for d in judgement.errors] == ["G101"]
