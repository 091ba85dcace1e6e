"""Texts are plain technical English: sentences with a subject, one word for one thing.

`CONTRIBUTING.md` has the words. The texts are the strings, docstrings and comments of the library, the
scripts, the benchmarks and the domains, the names and docstrings of tests, and the pages.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from architecture.library import ROOT

CODE = ("platform_core/src", "platform_core/tests", "tests", "domains", "governance", "scripts", "benchmarks")
PAGES = (
    "*.md",
    "docs/*.md",
    "docs/concepts/*.md",
    "docs/roles/*.md",
    "docs/decisions/*.md",
    "platform_core/README.md",
)
# What is refused, and what to write. A pattern sees one text with its lines joined.
REFUSED = {
    r"(?<!here )\b(?:is|are|was|were) no (?!longer\b|more\b)": 'write "is not a"',
    r"(?:^|[.;:] )Who(?:ever)? [a-z]+s\b(?![^.]*\?)": 'name the subject: "A reader that ..."',
    r"(?:^|[.;:] )What (?!to\b|if\b)(?![^.]*\?)": 'name the subject: "The columns that ..."',
    r"\b[Ww]hoever\b": 'name the subject: "a person who", "a domain that"',
    r"\bnobody who\b|\bis nobody\b": 'write "is not a known principal"',
    r"\b(?:said|told|tells?|says?)\b": "declares, states, reports, shows",
    r"\b[Aa]new\b": "again",
    r"\b[Bb]eside\b": "next to, with",
    r"\bfor ever\b": "forever",
    r"\bfor good\b": "permanently",
    r"\ball the same\b": "anyway",
    r"\b(?:is|are) to be\b": "must be",
    r"\bmend(?:s|ed|ing)?\b|\bMend\b": "fix, repair",
    r"\bforetells?\b": "predicts",
    r"\bheld? against\b": "checked against",
    r"\bwithout a word\b": "silently",
    r"\bon (?:its|the|their) way\b": "in progress, unfinished",
}
"""The lists of words that the code itself looks for are no sentences; see `WORD_LISTS`."""
WORD_LISTS = {"platform_core/src/platform_core/contracts/personal_names.py"}


@cache
def code() -> tuple[Path, ...]:
    found = [
        path for folder in CODE for path in sorted((ROOT / folder).rglob("*.py")) if ".venv" not in path.parts
    ]
    assert len(found) > 300
    return tuple(path for path in found if path.relative_to(ROOT).as_posix() not in WORD_LISTS)


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The line and text of every string; the values of an f-string count as one letter."""
    parts = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts.update(id(value) for value in node.values)
            values = (v.value if isinstance(v, ast.Constant) else "x" for v in node.values)
            yield node.lineno, "".join(map(str, values))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


def comments(text: str) -> Iterator[tuple[int, str]]:
    """Comments, those on lines that follow each other as one."""
    first, last, words = 0, 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1 and words:
                yield first, " ".join(words)
                words = []
            first = token.start[0] if not words else first
            last = token.start[0]
            words.append(token.string.lstrip("# "))
    if words:
        yield first, " ".join(words)


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from paragraphs(text)
        return
    tree = ast.parse(text)
    if "tests" in path.parts:
        # Of a test its name and its docstring; what it writes into files is its input.
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.lower().startswith("test"):
                yield node.lineno, f"{node.name.replace('_', ' ').removeprefix('test ').capitalize()}."
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
                yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
        return
    yield from strings(tree)
    yield from comments(text)


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """The paragraphs of a page, without code: blocks in fences, spans in backticks."""
    text = re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text, flags=re.M | re.S)
    number = 1
    for paragraph in re.split(r"\n[ \t]*\n", text):
        yield number, re.sub(r"`[^`]*`", "x", paragraph)
        number += paragraph.count("\n") + 2


def refused_in(path: Path) -> Iterator[str]:
    for line, text in texts_of(path):
        joined = " ".join(text.split())
        for pattern, instead in REFUSED.items():
            for match in re.finditer(pattern, joined):
                around = joined[max(0, match.start() - 30) : match.end() + 30]
                yield f"{path.relative_to(ROOT)}:{line} ...{around}...: {instead}"


@pytest.mark.parametrize("folder", CODE)
def test_code_uses_the_words(folder: str) -> None:
    found = [text for path in code() if path.is_relative_to(ROOT / folder) for text in refused_in(path)]
    assert not found, "\n".join(found)


def test_pages_use_the_words() -> None:
    pages = [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    assert len(pages) > 10
    found = [text for path in pages for text in refused_in(path)]
    assert not found, "\n".join(found)


def assigned_to_fix(target: ast.expr, value: ast.expr) -> list[ast.expr]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=True)
        return [found for one, other in pairs for found in assigned_to_fix(one, other)]
    return [value] if isinstance(target, ast.Name) and target.id == "fix" else []


def fixes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text that is a fix: an argument or a variable of that name, or the last argument of `of`."""
    for node in ast.walk(tree):
        found: list[ast.expr] = []
        if isinstance(node, ast.keyword) and node.arg == "fix":
            found = [node.value]
        elif isinstance(node, ast.Assign):
            found = [value for target in node.targets for value in assigned_to_fix(target, node.value)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "of":
            found = node.args[4:5]
        while found:
            value = found.pop()
            if isinstance(value, ast.IfExp):
                found += [value.body, value.orelse]
            elif isinstance(value, ast.JoinedStr):
                # A fix may begin or end with a value.
                parts = (v.value if isinstance(v, ast.Constant) else "`x`" for v in value.values)
                yield value.lineno, "".join(map(str, parts))
            elif isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.lineno, value.value


def test_a_fix_is_a_sentence() -> None:
    """It begins with a capital letter or with code, and ends with a full stop or with code."""
    found = [
        f"{path.relative_to(ROOT)}:{line} {text}"
        for path in code()
        if "src" in path.parts and "platform_core" in path.parts
        for line, text in fixes(ast.parse(path.read_text(encoding="utf-8")))
        if not re.match(r"[A-Z`\"]", text) or not re.search(r"[.?`\"]$", text)
    ]
    assert not found, "\n".join(found)
