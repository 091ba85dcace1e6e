"""The Python code behind a function: the names of its package that it uses, directly or through others.

The code is parsed and not imported. Comments, docstrings and layout do not count. Statements at the top level
of a module that only have effects count for everything that uses the module.
"""

from __future__ import annotations

import ast
import copy
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from platform_core.fingerprint.made_from import digest
from platform_core.fingerprint.outside import reads_outside

DYNAMIC: Final = frozenset(
    {"__dict__", "__doc__", "__file__", "__globals__", "__import__", "__subclasses__", "attrgetter"}
    | {"compile", "delattr", "eval", "exec", "getattr", "getsource", "globals", "import_module", "locals"}
    | {"methodcaller", "modules", "reload", "resolve_name", "run_module", "run_path", "setattr", "vars"}
)
"""Names through which code uses names, or files of the package, that it does not write."""
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

    def __init__(self, texts: Mapping[str, str | bytes], others: Mapping[str, bytes] | None = None) -> None:
        """``others`` are files that are not Python. A text that Python cannot parse counts as it is."""
        self._known = frozenset(texts)
        self._own = frozenset(map(_root, texts))
        self._affected: dict[str, set[Name]] = {}
        self._modules = {name: _Module(name, text, self._known) for name, text in texts.items()}
        self._others = [f"{name} {content!r}" for name, content in sorted((others or {}).items())]

    @classmethod
    def read(cls, folder: Path) -> Package:
        """The package in a folder, with what its symbolic links point to."""
        texts, others, seen = dict[str, str | bytes](), dict[str, bytes](), set[str]()
        for at, folders, files in os.walk(folder, followlinks=True):
            folders[:] = [each for each in folders if each != "__pycache__"]
            if (real := os.path.realpath(at)) in seen:
                folders.clear()  # a link to a folder above
            seen.add(real)
            for file in (Path(at, each) for each in files if Path(at, each).is_file()):
                path = file.relative_to(folder)
                if file.suffix == ".py":
                    name = ".".join((folder.name, *path.with_suffix("").parts))
                    texts[name.removesuffix(".__init__")] = file.read_bytes()
                else:
                    others[path.as_posix()] = file.read_bytes()
        return cls(texts, others)

    def code_of(self, module: str, name: str) -> CodePrint:
        """The code of a function by its module and name."""
        seen = self._closure([(module, name)])
        while more := [
            (each, _EFFECTS)
            for each in self._modules
            if (each, _EFFECTS) not in seen and self._touches(each, seen)
        ]:
            seen |= self._closure(more)
        # In the order of the text, since a later definition of a name replaces an earlier one.
        parts = {
            (found.name, node.lineno, node.col_offset): (found, node)
            for at, what in sorted(seen)
            if (found := self._modules.get(at)) is not None
            for node in found.nodes(what)
        }
        texts = [found.digest(node) for _, (found, node) in sorted(parts.items(), key=lambda each: each[0])]
        dynamic = {each for found, node in parts.values() for each in found.uses(node)[0]} & DYNAMIC
        if dynamic := dynamic | {what for _, what in seen if what in DYNAMIC}:
            texts = [each.whole for _, each in sorted(self._modules.items())] + self._others
        foreign = {at for at, _ in seen if at not in self._modules}
        outside = {each for found, node in parts.values() for each in found.outside(node)}
        return CodePrint(
            digest(*texts),
            tuple(sorted({_root(each) for each in foreign} - self._own - {"platform_core"})),
            tuple(sorted(dynamic)),
            tuple(sorted(outside | {each for each in foreign if _root(each) in self._own})),
        )

    def _closure(self, left: list[Name]) -> set[Name]:
        """The names that some names use, directly or through others, with them."""
        seen = set[Name]()
        while left:
            if (at := left.pop()) in seen:
                continue
            seen.add(at)
            if (found := self._modules.get(at[0])) is not None:
                left += ((above, _EFFECTS) for above in _above(at[0]) if above in self._modules)
                left += found.leads_to(at[1])
                left += (target for node in found.nodes(at[1]) for target in found.uses(node)[1])
                if at[1] == _WHOLE:
                    above, _, last = at[0].rpartition(".")
                    left += (
                        [(above, last)] if above in self._modules and self._modules[above].has(last) else []
                    )
                    left += ((each, _WHOLE) for each in self._known if each.startswith(f"{at[0]}."))
        return seen

    def _touches(self, module: str, seen: set[Name]) -> bool:
        """Whether the effects of a module may change what is used."""
        direct = {
            target for node in self._modules[module].effects for target in self._modules[module].uses(node)[1]
        }
        if module not in self._affected:
            self._affected[module] = {each for each in self._closure([*direct]) if each[1] != _EFFECTS}
        modules = {at for at, _ in seen}
        wholes = {at for at, what in self._affected[module] if what == _WHOLE}
        foreign = {_root(at) for at, _ in direct} - self._own
        shared = not seen.isdisjoint(self._affected[module]) or not modules.isdisjoint(wholes)
        return shared or not foreign.isdisjoint(map(_root, modules))


class _Module:
    def __init__(self, name: str, text: str | bytes, known: frozenset[str]) -> None:
        self.name, self._known = name, known
        try:
            self._tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            self._tree = ast.parse(f"{text!r}.not_python")
        self._definitions: dict[str, list[ast.stmt]] = {}
        self._imports: dict[str, list[Name]] = {}
        self.effects: list[ast.stmt] = []
        self._digests: dict[int, str] = {}
        body = [each for each in self._tree.body if not _is_text(each)]
        for statement in body:
            for each in set(_bound(statement)):
                self._definitions.setdefault(each, []).append(statement)
            if not isinstance(statement, _SIMPLE):
                for each, target in _imports(statement, name, known):
                    self._imports.setdefault(each, []).append(target)
        for statement in body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                continue
            if not isinstance(statement, _SIMPLE) or not {*_bound(statement)} or self._has_effects(statement):
                self.effects.append(statement)

    def _has_effects(self, statement: ast.stmt) -> bool:
        """Whether an own decorator, an own base class, a call of an own name or an assignment to a part of
        something may change something else."""
        run = [*_run_at_import(statement)]
        inner = [each for part in run for each in ast.walk(part)]
        if any(
            isinstance(each, ast.Attribute | ast.Subscript) and isinstance(each.ctx, ast.Store)
            for each in inner
        ):
            return True
        names = map(_leftmost, (*run, *(each.func for each in inner if isinstance(each, ast.Call))))
        return any(
            each in self._definitions or any(at in self._known for at, _ in self._imports.get(each, ()))
            for each in names
        )

    def nodes(self, name: str) -> Iterator[ast.stmt]:
        """The statements that define a name, and those with effects."""
        yield from self.effects
        if name == _WHOLE:
            yield from (each for found in self._definitions.values() for each in found)
        else:
            yield from self._definitions.get(name, ())

    def has(self, name: str) -> bool:
        return name in self._definitions or name in self._imports

    def leads_to(self, name: str) -> Iterator[Name]:
        """The places from which this module has a name that another one uses."""
        if name == _WHOLE:
            yield from (target for found in self._imports.values() for target in found)
        elif name != _EFFECTS:
            yield from self.targets(name)
            if not self.has(name):
                yield self.name, _WHOLE  # __getattr__, or a module that something else imports

    def targets(self, name: str) -> Iterator[Name]:
        """The places where a name that this module uses is defined."""
        if name in self._definitions:
            yield self.name, name
        yield from self._imports.get(name, ())
        if name not in self._definitions:
            yield from self._imports.get("*", ())

    def uses(self, node: ast.stmt) -> tuple[set[str], list[Name]]:
        """The names in a statement, with attributes that are dynamic, and the places of their definitions."""
        names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        found = [target for each in names for target in self.targets(each)]
        found += (target for _, target in _imports(node, self.name, self._known))
        names |= {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)} & DYNAMIC
        return names, found

    def outside(self, node: ast.stmt) -> Iterator[str]:
        imports = [(name, at) for name, found in self._imports.items() for at in found]
        return reads_outside(node, [*imports, *_imports(node, self.name, self._known)], self._definitions)

    def digest(self, node: ast.stmt) -> str:
        if id(node) not in self._digests:
            code = ast.dump(_WithoutDocstrings().visit(copy.deepcopy(node)))
            self._digests[id(node)] = digest(self.name, code)
        return self._digests[id(node)]

    @cached_property
    def whole(self) -> str:
        return digest(self.name, ast.dump(self._tree))


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


def _run_at_import(statement: ast.stmt) -> Iterator[ast.AST]:
    """The parts of a simple statement that run when its module is imported."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (*statement.decorator_list, statement.args)
    elif isinstance(statement, ast.ClassDef):
        yield from (*statement.decorator_list, *statement.bases)
        yield from (each.value for each in statement.keywords)
        yield from (part for each in statement.body for part in _run_at_import(each))
    else:
        yield statement


def _leftmost(node: ast.AST) -> str:
    """The name with which a path or a call starts; empty for another node."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _root(module: str) -> str:
    return module.partition(".")[0]


def _imports(node: ast.stmt, module: str, known: frozenset[str]) -> Iterator[tuple[str, Name]]:
    """The imports in a statement: the bound name, and its target."""
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            for alias in each.names:
                yield alias.asname or _root(alias.name), (alias.name, _WHOLE)
                if not alias.asname and "." in alias.name:
                    yield _root(alias.name), (_root(alias.name), _WHOLE)
        elif isinstance(each, ast.ImportFrom):
            base = each.module or ""
            if each.level:
                own = module.split(".")
                package = own if any(name.startswith(f"{module}.") for name in known) else own[:-1]
                base = ".".join(filter(None, [*package[: len(package) - each.level + 1], base]))
            for alias in each.names:
                inner = f"{base}.{alias.name}"
                target = (inner, _WHOLE) if inner in known else (base, alias.name)
                yield alias.asname or alias.name, (base, _WHOLE) if alias.name == "*" else target


def _above(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:n]) for n in range(1, len(parts)))
