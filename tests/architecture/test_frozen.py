"""A frozen class does not change: no code changes the values of its fields."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from architecture.library import modules

CHANGEABLE = re.compile(r"\b(dict|list|set|defaultdict|Counter)\[")
CHANGES = {"add", "append", "clear", "discard", "extend", "insert", "pop", "remove", "setdefault", "update"}


def fields(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """The fields whose values can be changed in place, and whether their class is frozen."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            frozen = any("frozen=True" in ast.unparse(each) for each in node.decorator_list)
            for each in node.body:
                if isinstance(each, ast.AnnAssign) and CHANGEABLE.search(ast.unparse(each.annotation)):
                    yield ast.unparse(each.target), frozen
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute):
            yield node.target.attr, False


def changed(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The attributes whose values are changed in place, with the line: ``run.faults.append(...)``."""
    for node in ast.walk(tree):
        value: ast.AST | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
            value = node.func.value
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            value = node.value
        if isinstance(value, ast.Attribute):
            yield value.attr, node.lineno


def test_nothing_in_a_frozen_class_is_changed() -> None:
    every = {field for module in modules() for field in fields(module.tree)}
    # Where a class that is not frozen has a field of that name, the text does not tell which it is.
    frozen = {name for name, is_frozen in every if is_frozen and (name, False) not in every}
    found = [
        f"{module.name}:{line}: {name}"
        for module in modules()
        for name, line in changed(module.tree)
        if name in frozen
    ]
    assert found == []
    assert {"representatives", "renamed"} <= frozen
