"""The edits of a domain's Python without a product's function. Nothing is guessed: where other code uses the
function, it is refused with the line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Place, UsageError, shown


def without_function(folder: Path, product: ProductId) -> dict[Path, str | None]:
    """The new text of each file of a domain's folder, None for a file that goes: the module of the function,
    and the test of its name. Empty where no function makes the product.

    Raises UsageError U073 where another function or test uses it, U068 for a file that is not Python.
    """
    name, own_test = product.name, folder / "tests" / f"test_{product.name}.py"
    files = [path for part in ("src", "tests") for path in sorted((folder / part).rglob("*.py"))]
    trees = {path: _parsed(path) for path in files}
    for path in (each for each in files if each.is_relative_to(folder / "src")):
        for node in trees[path].body:
            if isinstance(node, ast.FunctionDef) and node.name == name and _makes_a_product(node):
                _require_unused(trees, path, node, own_test)
                others = (tree for other, tree in trees.items() if other != own_test)
                imported = {name for tree in others for _, name, _ in _imports(tree)}
                tests: dict[Path, str | None] = {own_test: None} if own_test in trees else {}
                return {path: _without(path, trees[path], node, imported), **tests}
    return {}


def _makes_a_product(function: ast.FunctionDef) -> bool:
    return any("data_product" in ast.unparse(each) for each in function.decorator_list)


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        message, fix = f"{shown(path)} is not valid Python", "Correct the file, then call again."
        raise UsageError.of("U068", message, Place(path, line or 1), fix=fix) from None


def _imports(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    """The package, the name and the line of each name that is imported from a package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (((node.module or "").split(".")[0], alias.name, node.lineno) for alias in node.names)


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {each.id for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name)}


def _uses(node: ast.stmt, name: str) -> list[int]:
    """The lines that use a name of the module. An argument or a local variable is another thing."""
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id == name]
    arguments = {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
    own = name in arguments or any(isinstance(each.ctx, ast.Store) for each in names)
    return [] if own else [each.lineno for each in names]


def _require_unused(
    trees: dict[Path, ast.Module], module: Path, function: ast.FunctionDef, own_test: Path
) -> None:
    own = module.relative_to(own_test.parent.parent / "src").parts[0]
    for path, tree in trees.items():
        if path == module:
            others = (node for node in tree.body if node is not function)
            lines = [line for node in others for line in _uses(node, function.name)]
        elif path == own_test:
            lines = [at for package, name, at in _imports(tree) if package == own and name != function.name]
        else:
            lines = [at for _, name, at in _imports(tree) if name == function.name]
        for line in lines:
            message = f"{shown(path)} does not belong to {function.name} alone"
            expected = "a function that only its own test uses"
            fix = "Separate them, commit, then call again."
            raise UsageError.of("U073", message, Place(path, line), expected, fix)


def _without(path: Path, tree: ast.Module, function: ast.FunctionDef, imported: set[str]) -> str | None:
    """The text without the function, the constants and the imports that only it uses; None without code."""
    gone: list[ast.stmt] = [function]
    used = _names(gone)
    for node in reversed(tree.body):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            others = _names(each for each in tree.body if each not in (*gone, node))
            if name in used and name not in others and name not in imported:
                gone.append(node)
                used |= _names([node])
    left = [node for node in tree.body if node not in gone]
    docstring = [node for node in left if isinstance(node, ast.Expr)]
    if all(isinstance(node, ast.Import | ast.ImportFrom) or node in docstring[:1] for node in left):
        return None if path.name != "__init__.py" else ""
    needed = _names(left)
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in reversed(tree.body):
        if node in gone:
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
            while first > 1 and lines[first - 2].startswith("#"):
                first -= 1
            end = node.end_lineno or node.lineno
            while end < len(lines) and not lines[end].strip():
                end += 1
            del lines[first - 1 : end]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound = {alias: (alias.asname or alias.name).split(".")[0] for alias in node.names}
            kept = [alias for alias, name in bound.items() if name in needed or name not in used]
            if len(kept) < len(node.names):
                node.names = kept
                lines[node.lineno - 1 : node.end_lineno] = [ast.unparse(node)] if kept else []
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip("\n") + "\n"
