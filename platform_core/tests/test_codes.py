"""Every code that the source can emit has its texts, and every text belongs to such a code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_core.codes import FAMILIES, family, known_codes, meaning
from platform_core.governance.policy_set import BUILT_IN

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "platform_core" / "src", ROOT / "scripts")


def emitted() -> Iterator[str]:
    for file in (file for folder in FOLDERS for file in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            value = node.value if isinstance(node, ast.Constant) else None
            if isinstance(value, str) and re.fullmatch(r"[A-Z]\d{3}", value):
                yield value


def test_every_code_has_texts_and_every_text_a_code() -> None:
    assert sorted(known_codes()) == sorted(set(emitted()))


@pytest.mark.parametrize("letter", FAMILIES)
def test_texts_are_complete(letter: str) -> None:
    found = family(letter)
    assert found.about
    for code, texts in found.codes.items():
        assert code[0] == letter
        assert all((texts.title, texts.rationale, texts.failing, texts.passing)), code
        assert texts.failing != texts.passing, code
        assert not texts.title.endswith("."), code


def test_a_built_in_policy_has_its_texts_from_the_registry() -> None:
    for policy in BUILT_IN:
        texts = meaning(policy.code)
        assert texts is not None
        assert (policy.title, policy.rationale, policy.fix) == (texts.title, texts.rationale, texts.fix)
        assert policy.fix, policy.code
