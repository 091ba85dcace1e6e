"""``mesh explain``: the meaning and reason of a code, with an example that breaks it and one that keeps
it."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platform_core.cli.documents import picked
from platform_core.cli.output import answer
from platform_core.codes import family, known_codes, labels, meaning
from platform_core.diagnostics import UsageError
from platform_core.governance.policy_set import BUILT_IN, PolicySet, load_policies
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_root
from platform_core.words import did_you_mean


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", nargs="?", help="such as G101; without one, all policies")


def run(options: argparse.Namespace) -> int:
    catalogue = _catalogue()
    policies = [policy.code for policy in catalogue.policies]
    if options.code is None:
        listed = dict.fromkeys([*policies, *family("G").codes])
        codes = [texts for code in listed if (texts := _explained(code, catalogue))]
        text = "\n".join(f"{each['code']:<6} {each['title']}" for each in codes)
        return answer(options, Path.cwd(), {"codes": codes}, text)
    explained = _explained(options.code.upper(), catalogue)
    if explained is None:
        near = did_you_mean(options.code.upper(), [*policies, *known_codes()])
        message, expected = f'no diagnostic has the code "{options.code}"', "a code such as G101"
        fix = near or "`mesh explain` lists the policies."
        raise UsageError.of("U051", message, None, expected, fix)
    return answer(options, Path.cwd(), {"codes": [explained]}, _in_words(explained))


def _explained(code: str, catalogue: PolicySet) -> dict[str, Any] | None:
    """The texts of a code; None for an unknown code. Members of policies are null for other codes."""
    policy = catalogue.get(code)
    texts = policy or meaning(code)
    if texts is None:
        return None
    facts = {"code": code, "why": texts.rationale, **picked(texts, "title", "failing", "passing", "fix")}
    names = ("severity", "error_from", "scope", "domain")
    if policy is None:
        return {**facts, **dict.fromkeys(names), "family": family(code[0]).about}
    return {**facts, **picked(policy, *names)}


def _catalogue() -> PolicySet:
    """All policies of this mesh; outside of a mesh, the built-in ones."""
    try:
        root = mesh_root()
    except UsageError:
        return PolicySet(BUILT_IN)
    return load_policies(root, Registry.open(root).domains())


def _in_words(facts: Mapping[str, Any]) -> str:
    parts = [f"{facts['code']}: {facts['title']}"]
    if facts["scope"] is None:
        parts.append(textwrap.fill(facts["family"], 100))
    else:
        severity = {"error": "error", "warn": "warning"}[facts["severity"]]
        if facts["error_from"] is not None:
            severity = f"warning, from {facts['error_from']} an error"
        scope = {"mesh": "the whole mesh"}.get(facts["scope"], f"a {facts['scope']}")
        added = f", added by {facts['domain']}" if facts["domain"] else ""
        parts[0] += f"\n{severity}; looks at {scope}{added}"
    parts.append(textwrap.fill(facts["why"], 100))
    for label, name in zip(labels(facts["code"]), ("failing", "passing"), strict=True):
        parts.append(f"{label}:\n\n{textwrap.indent(facts[name].strip(), '    ')}")
    return "\n\n".join([*parts, f"Fix: {facts['fix']}"] if facts["fix"] else parts)
