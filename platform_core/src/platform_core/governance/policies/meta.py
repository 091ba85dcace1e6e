"""What governance says of itself: its files, its waivers and its policies. ``judge`` and its neighbours
find these; they are listed here for the words that go with their codes, and cannot be waived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from platform_core.governance.facts import MeshFacts
from platform_core.governance.policy import Policy, Violation

_WAIVER = """\
- code: G108
  product: marketing/coupons
  reason: The source has no key before its next delivery.
  approvers: [sales-owner@example.com, marketing-owner@example.com]
  expires: {expires}"""


def _found_elsewhere(mesh: MeshFacts) -> Iterator[Violation]:
    return iter(())


def _said(code: str, title: str, rationale: str, fix: str, failing: str, passing: str) -> Policy:
    return Policy(code, title, "mesh", rationale, fix, failing, passing, _found_elsewhere)


ENGINE: Final[tuple[Policy, ...]] = (
    _said(
        "G401",
        "A waiver has not expired",
        "A waiver is for a time: on the day after `expires` the policy holds again. Whoever still needs the "
        "exception agrees on it anew, and says why it took longer.",
        "Keep the policy and remove the waiver, or agree on another day.",
        _WAIVER.format(expires="2024-03-31  # over"),
        _WAIVER.format(expires="2027-03-31"),
    ),
    _said(
        "G402",
        "A waiver waives something",
        "A waiver that waives nothing would hide the next violation of its policy from everybody.",
        "Remove the waiver.",
        _WAIVER.format(expires="2027-03-31") + "\n# while marketing/coupons has a key",
        "waivers: []",
    ),
    _said(
        "G403",
        "A waiver has the consent that the topology asks for",
        "federated: a representative of every domain. governed: a member of the central team. autonomous: a "
        "representative of the product's own domain. All are named in governance/mesh.yaml.",
        "Let them agree, then add one of their addresses to approvers.",
        "approvers: [marketing-owner@example.com]  # federated, and there are two domains",
        "approvers: [sales-owner@example.com, marketing-owner@example.com]",
    ),
    _said(
        "G404",
        "A waiver is about a policy and a product that there are",
        "A slip in a waiver leaves the violation in force and the waiver without use. Faults of contracts, "
        "definitions and of governance's own files (C..., D..., G4...) cannot be waived.",
        "Correct the waiver, or remove it.",
        "- code: G801  # no such policy",
        "- code: G108",
    ),
    _said(
        "G405",
        "A domain is never laxer than the federation",
        "What the domains agreed on holds for all of them. A domain may turn a warning into an error for its "
        "own products, and add policies; an exception is a waiver, which others agree to.",
        'Remove the entry, or make it "error".',
        'STRICTER = {"G105": "warn"}  # domains/hr/src/hr/policies.py',
        'STRICTER = {"G308": "error"}',
    ),
    _said(
        "G406",
        "The federation's files can be read",
        "governance/teams.yaml, mesh.yaml and waivers.yaml are read strictly: an unknown key or a value of "
        "another kind would be an agreement that nobody keeps.",
        "Correct the file.",
        "topologie: federated",
        "topology: federated",
    ),
    _said(
        "G490",
        "Policies load and raise nothing",
        "A policy that raises has found nothing, which is not the same as nothing to find. The same goes for "
        "a module of policies that cannot be imported, and for two policies of one code.",
        "Mend the policy.",
        "def named(product, location, mesh):\n    product.naem  # AttributeError",
        "def named(product, location, mesh):\n    yield Violation(...)",
    ),
    _said(
        "G491",
        "Every location can be looked at",
        "A location whose interpreter is missing, or whose code fails, hangs or exits while it is loaded, "
        "is not judged; the others are.",
        "Mend what the message names; `make setup` installs the interpreters.",
        "executable_path: domains/hr/.venv/bin/pyton",
        "executable_path: domains/hr/.venv/bin/python",
    ),
)
