"""``mesh explain``: what a code means, why, and what breaks and keeps it."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from platform_core.governance.catalogue import Catalogue
    from platform_core.governance.policy import Policy

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
    from platform_core.cli.codes import EXPLAINED
    from platform_core.errors import Diagnostic, UsageError
    from platform_core.governance.policies.engine import ENGINE
    from platform_core.words import did_you_mean

    catalogue = _catalogue()
    if options.code is None:
        print("\n".join(f"{each.code:<6} {each.title}" for each in (*catalogue.policies, *ENGINE)))
        return 0
    code = options.code.upper()
    policy = catalogue.get(code)
    if policy is not None:
        print(_explained(policy))
    elif code in EXPLAINED:
        said = EXPLAINED[code]
        print(f"{code}: {said.title}\n\n{_wrapped(said.why)}\n\nFix: {said.fix}")
    elif len(code) == 4 and code[1:].isdigit() and code[0] in FAMILIES:
        print(f"{code}\n\n{_wrapped(FAMILIES[code[0]])}")
    else:
        known = [each.code for each in (*catalogue.policies, *ENGINE)]
        raise UsageError(
            Diagnostic(
                "U051",
                f'no diagnostic has the code "{options.code}"',
                expected="a code such as G101",
                fix=did_you_mean(code, known) or "`mesh explain` lists the policies",
            )
        )
    return 0


def _catalogue() -> Catalogue:
    """All policies of this mesh; outside of one, those built in."""
    from platform_core.contracts.registry import Registry
    from platform_core.errors import UsageError
    from platform_core.governance.catalogue import BUILT_IN, Catalogue, load
    from platform_core.settings import mesh_root

    try:
        root = mesh_root()
    except UsageError:
        return Catalogue(BUILT_IN)
    return load(root, Registry.open(root).domains())


def _explained(policy: Policy) -> str:
    severity = {"error": "error", "warn": "warning"}[policy.severity]
    if policy.error_from is not None:
        severity = f"warning, from {policy.error_from} on an error"
    added = f", added by {policy.domain}" if policy.domain else ""
    parts = [
        f"{policy.code}: {policy.title}\n{severity}; looks at a {policy.scope}{added}".replace(
            "looks at a mesh", "looks at the whole mesh"
        ),
        _wrapped(policy.rationale),
        f"Breaks it:\n\n{textwrap.indent(policy.failing, '    ')}",
        f"Keeps it:\n\n{textwrap.indent(policy.passing, '    ')}",
        f"Fix: {policy.fix}",
    ]
    return "\n\n".join(parts)


def _wrapped(words: str) -> str:
    return textwrap.fill(words, 100)
