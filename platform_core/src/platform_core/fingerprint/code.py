"""The Python code behind a function: the names of its package that it uses, directly or through others.

The code is parsed and not imported. Comments, docstrings and layout do not count. Statements at the top level
of a module that only have effects count for everything that uses the module.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from platform_core.fingerprint.made_from import digest

DYNAMIC: Final = frozenset(
    {"__import__", "compile", "eval", "exec", "getattr", "globals", "import_module", "locals", "setattr"}
    | {"vars"}
)
"""Names through which code uses names that it does not write."""
OUTSIDE: Final = frozenset(
    {"aiohttp", "boto3", "fsspec", "glob", "http", "httpx", "io", "numpy.random", "obstore", "os", "pathlib"}
    | {"platform_core.client", "platform_core.mesh", "random", "requests", "secrets", "socket", "sqlite3"}
    | {"subprocess", "tempfile", "time", "urllib", "urllib3", "uuid"}
)
"""Modules whose calls read what no fingerprint covers: files, the network, the mesh, the clock, chance."""
_CLOCK: Final = frozenset({"now", "today", "utcnow"})
_SIMPLE: Final = (ast.AnnAssign, ast.Assign, ast.AsyncFunctionDef, ast.ClassDef, ast.FunctionDef)
_WHOLE, _EFFECTS = "", "*"
"""Instead of a name: the whole module, and only its effects."""

Name = tuple[str, str]
"""A module and a name in it."""


@dataclass(frozen=True, slots=True)
class CodePrint:
    """The code of a function."""

    fingerprint: str
    packages: tuple[str, ...] = ()
    """The packages that it imports from elsewhere."""
    dynamic: tuple[str, ...] = ()
    """Names such as ``getattr``; all modules of the package then count."""
    outside: tuple[str, ...] = ()
    """Calls through which it may read what the fingerprint does not cover."""


class Package:
    """The modules of a domain's package by their dotted names."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Raises SyntaxError for a text that is not Python."""
        self._known = frozenset(texts)
        self._modules = {name: _Module(name, text, self._known) for name, text in texts.items()}

    @classmethod
    def read(cls, folder: Path) -> Package:
        """The package in a folder. Raises SyntaxError."""
        texts = {}
        for file in sorted(folder.rglob("*.py")):
            parts = (folder.name, *file.relative_to(folder).with_suffix("").parts)
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            texts[name] = file.read_text(encoding="utf-8")
        return cls(texts)

    def code_of(self, module: str, name: str) -> CodePrint:
        """The code of a function by its module and name."""
        parts, packages = dict[tuple[str, int], str](), set[str]()
        dynamic, outside = set[str](), set[str]()
        seen, left = set[Name](), [(module, name)]
        while left:
            at = left.pop()
            if at in seen:
                continue
            seen.add(at)
            if (found := self._modules.get(at[0])) is None:
                packages.add(at[0].partition(".")[0])
                continue
            left += ((above, _EFFECTS) for above in _above(at[0]) if above in self._modules)
            for node in found.nodes(at[1]):
                parts[at[0], node.lineno] = found.digest(node)
                names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
                names |= {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)} & DYNAMIC
                dynamic |= names & DYNAMIC
                outside |= set(found.calls_outside(node))
                left += (target for each in names for target in found.targets(each))
                left += (target for _, target in _imports(node, found.name, self._known))
        # In the order of the text, since a later definition of a name replaces an earlier one.
        texts = [parts[at] for at in sorted(parts)]
        if dynamic:
            texts = [each.whole for _, each in sorted(self._modules.items())]
        own = {each.partition(".")[0] for each in self._modules} | {"platform_core"}
        return CodePrint(
            digest(*texts),
            tuple(sorted(packages - own)),
            tuple(sorted(dynamic)),
            tuple(sorted(outside)),
        )


class _Module:
    def __init__(self, name: str, text: str, known: frozenset[str]) -> None:
        self.name, self._known = name, known
        self._body = [each for each in ast.parse(text).body if not _is_text(each)]
        self._definitions: dict[str, list[ast.stmt]] = {}
        self._imports: dict[str, list[Name]] = {}
        self._effects: list[ast.stmt] = []
        self._stars: list[str] = []
        self._digests: dict[int, str] = {}
        for statement in self._body:
            bound = set(_bound(statement))
            for each in bound:
                self._definitions.setdefault(each, []).append(statement)
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._import(statement)
            elif not (bound and isinstance(statement, _SIMPLE)):
                self._effects.append(statement)
                self._import(statement)

    def _import(self, statement: ast.stmt) -> None:
        for name, target in _imports(statement, self.name, self._known):
            if name == "*":
                self._stars.append(target[0])
            else:
                self._imports.setdefault(name, []).append(target)

    def nodes(self, name: str) -> Iterator[ast.stmt]:
        """The statements that define a name, and those with effects."""
        yield from self._effects
        if name == _WHOLE:
            yield from (each for found in self._definitions.values() for each in found)
        else:
            yield from self._definitions.get(name, ())

    def targets(self, name: str) -> Iterator[Name]:
        """The places where a name that this module uses is defined."""
        if name in self._definitions:
            yield self.name, name
        yield from self._imports.get(name, ())
        if name not in self._definitions and name not in self._imports:
            yield from ((star, name) for star in self._stars)

    def calls_outside(self, node: ast.stmt) -> Iterator[str]:
        """The calls in a statement that read what no fingerprint covers."""
        for call in (each for each in ast.walk(node) if isinstance(each, ast.Call)):
            path = _dotted(call.func)
            for module, attribute in self._imports.get(path[0], ()) if path else ():
                whole = ".".join(filter(None, (module, attribute, *path[1:])))
                reads = any(f"{whole}.".startswith(f"{outside}.") for outside in OUTSIDE)
                if reads or (whole.startswith("datetime.") and path[-1] in _CLOCK):
                    yield whole
            if path in (["open"], ["input"]) and path[0] not in self._definitions:
                yield path[0]

    def digest(self, node: ast.stmt) -> str:
        if id(node) not in self._digests:
            code = ast.dump(_WithoutDocstrings().visit(copy.deepcopy(node)))
            self._digests[id(node)] = digest(self.name, code)
        return self._digests[id(node)]

    @cached_property
    def whole(self) -> str:
        return digest(self.name, *map(self.digest, self._body))


class _WithoutDocstrings(ast.NodeTransformer):
    def _visited(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        body: list[ast.stmt] = node.body  # type: ignore[attr-defined]
        if _is_text(body[0]):
            node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _visited


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement binds in its module, also inside of ``if`` and ``try``."""
    left: list[ast.AST] = [statement]
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        left.extend(ast.iter_child_nodes(node))


def _imports(node: ast.stmt, module: str, known: frozenset[str]) -> Iterator[tuple[str, Name]]:
    """The imports in a statement: the bound name, and its target."""
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            for alias in each.names:
                yield alias.asname or alias.name.partition(".")[0], (alias.name, _WHOLE)
        elif isinstance(each, ast.ImportFrom):
            base = each.module or ""
            if each.level:
                own = module.split(".")
                package = own if any(name.startswith(f"{module}.") for name in known) else own[:-1]
                base = ".".join(filter(None, [*package[: len(package) - each.level + 1], base]))
            for alias in each.names:
                inner = f"{base}.{alias.name}"
                target = (inner, _WHOLE) if inner in known else (base, alias.name)
                yield alias.asname or alias.name, target


def _dotted(node: ast.expr) -> list[str]:
    """``["os", "path", "join"]``; empty for another expression."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (path := _dotted(node.value)):
        return [*path, node.attr]
    return []


def _above(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:n]) for n in range(1, len(parts)))
