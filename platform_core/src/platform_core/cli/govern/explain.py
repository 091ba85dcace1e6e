"""``mesh explain``: what a code means, why, and what breaks and keeps it."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from platform_core.governance.policy import Policy
    from platform_core.governance.policy_set import PolicySet

FAMILIES: Final = {
    "A": "Access: somebody reads what was not granted to them. Grants are `roles` in a product's contract.",
    "C": "Contracts: a file is no valid Open Data Contract Standard document, or says something that the "
    "platform cannot keep. The message quotes the place; `mesh check <product>` checks a single one. C120 "
    "lists what only people can tell of an inferred contract: it stands there as DECIDE until they did.",
    "D": "Definitions: functions, dbt models, contracts and references of a domain do not fit together.",
    "L": "Lakes: a lake cannot be read, written or locked.",
    "Q": "Quality: data does not keep its contract, so nothing was published.",
    "R": "Runs: a run or a worker did not finish.",
    "S": "Sources: a source file is missing or cannot be read.",
    "U": "Usage: a command was called with words that it does not know.",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", nargs="?", help="such as G101; without one, all are listed")


def run(options: argparse.Namespace) -> int:
    from platform_core.cli.output import answer
    from platform_core.governance.policies.meta import ENGINE

    catalogue = _catalogue()
    policies = (*catalogue.policies, *ENGINE)
    if options.code is None:
        codes = [_of_policy(policy) for policy in policies]
        text = "\n".join(f"{policy.code:<6} {policy.title}" for policy in policies)
    else:
        codes = [_explained(options.code, catalogue, [policy.code for policy in policies])]
        text = _in_words(codes[0])
    return answer(options, Path.cwd(), {"codes": codes}, text)


def _explained(written: str, catalogue: PolicySet, known: Sequence[str]) -> dict[str, Any]:
    """What there is to say of a code. Raises UsageError U051."""
    from platform_core.cli.govern.codes import EXPLAINED
    from platform_core.diagnostics import UsageError
    from platform_core.words import did_you_mean

    code = written.upper()
    if (policy := catalogue.get(code)) is not None:
        return _of_policy(policy)
    if code in EXPLAINED:
        return {"code": code, **asdict(EXPLAINED[code])}
    if len(code) == 4 and code[1:].isdigit() and code[0] in FAMILIES:
        return {"code": code, "why": FAMILIES[code[0]]}
    raise UsageError.of(
        "U051",
        f'no diagnostic has the code "{written}"',
        expected="a code such as G101",
        fix=did_you_mean(code, known) or "`mesh explain` lists the policies",
    )


def _of_policy(policy: Policy) -> dict[str, Any]:
    from platform_core.cli.documents import picked

    names = ("code", "title", "fix", "severity", "error_from", "scope", "domain", "failing", "passing")
    return {**picked(policy, *names), "why": policy.rationale}


def _catalogue() -> PolicySet:
    """All policies of this mesh; outside of one, those built in."""
    from platform_core.diagnostics import UsageError
    from platform_core.governance.policy_set import BUILT_IN, PolicySet, load_policies
    from platform_core.registry.lookup import Registry
    from platform_core.settings import mesh_root

    try:
        root = mesh_root()
    except UsageError:
        return PolicySet(BUILT_IN)
    return load_policies(root, Registry.open(root).domains())


def _in_words(said: Mapping[str, Any]) -> str:
    parts = [f"{said['code']}: {said['title']}" if "title" in said else said["code"]]
    if "scope" in said:
        severity = {"error": "error", "warn": "warning"}[said["severity"]]
        if said["error_from"] is not None:
            severity = f"warning, from {said['error_from']} on an error"
        scope = {"mesh": "the whole mesh"}.get(said["scope"], f"a {said['scope']}")
        added = f", added by {said['domain']}" if said["domain"] else ""
        parts[0] += f"\n{severity}; looks at {scope}{added}"
    parts.append(textwrap.fill(said["why"], 100))
    for label, name in (("Breaks it", "failing"), ("Keeps it", "passing")):
        if name in said:
            parts.append(f"{label}:\n\n{textwrap.indent(said[name], '    ')}")
    return "\n\n".join([*parts, f"Fix: {said['fix']}"] if "fix" in said else parts)
