"""The library's modules as syntax trees, for the tests of this folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "platform_core" / "src" / "platform_core"


@dataclass(frozen=True)
class Module:
    """A file of the library. ``name`` is its path in the package: ``lake/location.py``."""

    name: str
    text: str
    tree: ast.Module

    @property
    def own(self) -> bool:
        """Whether it has code, not only the docstring of its folder."""
        return not self.name.endswith("__init__.py")

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call with the dotted name of what is called: ``os.link``, ``.execute`` on an expression."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield dotted(node.func), node

    def texts(self) -> Iterator[tuple[int, str]]:
        """The line and content of every string except docstrings; the fixed parts of f-strings."""
        documentation = set()
        for node in ast.walk(self.tree):
            # A string that stands alone is documentation: of a module, class, function or attribute.
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                documentation.add(id(node.value))
        for node in ast.walk(self.tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in documentation
            ):
                yield node.lineno, node.value

    def imports(self) -> Iterator[tuple[int, str]]:
        """The line and name of every module that is imported, wherever in the file."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                yield node.lineno, node.module
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Module(path.relative_to(SOURCE).as_posix(), text, ast.parse(text)))
    assert len(found) > 100, "the library is not where it was"
    return tuple(found)
