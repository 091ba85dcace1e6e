"""Write docs/codes.md, the reference of all codes, from the registry of codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from platform_core.codes import FAMILIES, Meaning, family
from platform_core.governance.policy_set import BUILT_IN

PAGE = Path(__file__).resolve().parent.parent / "docs" / "codes.md"
HEAD = """\
# Codes

`mesh explain CODE` prints one of these. `make codes` writes this page from the files in
[platform_core/codes](../platform_core/src/platform_core/codes), and a test compares both. An example that
begins with the name of a file is a part of that file. The tests run these examples, and those that are one
`mesh` command.
"""


def page() -> str:
    return "\n".join([HEAD, *(part for letter in FAMILIES for part in _family(letter))])


def _family(letter: str) -> Iterator[str]:
    found = family(letter)
    yield f"## {letter}\n\n{found.about}\n"
    policies = {policy.code: policy for policy in BUILT_IN}
    for code, texts in found.codes.items():
        policy = policies.get(code)
        severity = {"error": "error", "warn": "warning"}[policy.severity] if policy else ""
        yield f"### {code}: {texts.title}\n"
        yield f"{f'Policy on a {policy.scope}, {severity}. ' if policy else ''}{texts.rationale}\n"
        yield from _examples(texts)


def _examples(texts: Meaning) -> Iterator[str]:
    for label, example in (("Breaks it", texts.failing), ("Keeps it", texts.passing)):
        yield f"{label}:\n\n```text\n{example}\n```\n"
    if texts.fix:
        yield f"Fix: {texts.fix}\n" if "\n" not in texts.fix else f"Fix:\n\n```text\n{texts.fix}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
