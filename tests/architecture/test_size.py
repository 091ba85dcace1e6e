"""The library stays small: no duplicate function, no module of two lines, no unnoticed growth."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter, defaultdict

from architecture.library import ROOT, modules

MOST_LINES = 350
MOST_MODULES = 14
STATEMENTS = 5


class _Nameless(ast.NodeTransformer):
    """A syntax tree in which every name, text and number is the n-th of its kind: two functions that do the
    same with other names become one."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def _name(self, name: str) -> str:
        return self._names.setdefault(name, f"n{len(self._names)}")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._name(node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._name(node.arg), None)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        return ast.Attribute(node.value, self._name(f".{node.attr}"), node.ctx)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(self._name(repr(node.value)))

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        self.generic_visit(node)
        return ast.keyword(self._name(f"={node.arg}"), node.value)


def _body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return function.body[1:] if documented else function.body


def _statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return sum(isinstance(node, ast.stmt) for statement in _body(function) for node in ast.walk(statement))


def test_no_function_is_written_twice() -> None:
    found = defaultdict(list)
    for module in modules():
        for node in ast.walk(ast.parse(module.text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _statements(node) >= STATEMENTS:
                nameless = _Nameless()
                arguments = ast.dump(nameless.visit(node.args))
                shape = arguments + "".join(ast.dump(nameless.visit(statement)) for statement in _body(node))
                found[shape].append(f"{module.name}:{node.lineno} {node.name}")
    assert [places for places in found.values() if len(places) > 1] == []


def test_no_module_is_two() -> None:
    assert {module.name: module.lines for module in modules() if module.lines > MOST_LINES} == {}


def test_no_folder_is_two() -> None:
    folders = Counter(module.name.rpartition("/")[0] for module in modules() if module.own)
    assert {folder: count for folder, count in folders.items() if count > MOST_MODULES} == {}


def test_the_library_does_not_grow_unnoticed() -> None:
    """`most_lines` of [tool.mesh.library] in pyproject.toml is raised together with its reason."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    most = settings["tool"]["mesh"]["library"]["most_lines"]
    assert sum(module.lines for module in modules()) <= most
