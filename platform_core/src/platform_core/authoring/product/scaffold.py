"""The function of a new product, from the source of its contract."""

from __future__ import annotations

import ast
import keyword
import re
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from platform_core.access.query import granted_products
from platform_core.authoring import data_files
from platform_core.authoring.infer import Inferred
from platform_core.authoring.outside import constructor
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Place, UsageError, shown
from platform_core.products.inputs.bind import in_memory
from platform_core.registry.lookup import Registry
from platform_core.sources.source import READERS, Source, is_pattern
from platform_core.sql.quoting import quoted
from platform_core.words import slug

_NOT_NAMES: Final = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_WIDTH: Final = 100
LINE: Final = 110
"""The longest line that the tree's ruff accepts."""
_JOIN: Final = r"(?:(?:left|right|full|inner|cross|semi|anti|asof)\s+)*join"
_CLAUSES: Final = rf"\s(?:from|{_JOIN}|where|group\s+by|having|order\s+by|limit|union|qualify)\b"


@dataclass(frozen=True)
class Maker:
    """A Python function: its imports, the constant of its source file, its code and its inputs."""

    imports: tuple[str, ...]
    constant: str
    function: str
    inputs: Mapping[str, str]
    """Product ids by argument; empty for a file, whose argument is ``raw``."""
    sql: str
    """The returned SQL, with the arguments in braces."""


def maker(inferred: Inferred, product_id: str, registry: Registry, root: Path) -> Maker | None:
    """The function that makes a product from its source; None where a dbt model makes it.

    Raises UsageError U069 for a source that a function cannot read: a table that is not a product, a file of
    another kind, a dbt model of another name.
    """
    subject, (domain, name) = inferred.subject, ProductId(product_id).path
    if subject.kind == "model":
        if subject.words == f"the dbt model {product_id}":
            return None
        raise _cannot(
            f"{subject.words} makes the product of its own name", f"`mesh new product {subject.words[14:]}`"
        )
    if subject.outside is not None:
        return _from_source(inferred, subject.outside.source, f"{name.upper()}_SOURCE", name)
    if subject.file is not None:
        return _from_file(inferred, subject.file, name, root)
    if subject.product is not None:
        columns = _selected(inferred, {})
        argument = _argument(subject.product.name)
        sql = f"SELECT\n{columns}\nFROM {{{argument}}}"
        return _from_products({argument: subject.product.id}, sql, name)
    if subject.sql is None:
        raise _cannot(f"{subject.words} is not a product", "a product, SQL or a file")
    products = granted_products(subject.sql, f"domain:{domain}", registry, root)
    names = [product.name for product in products.values()]
    inputs = {
        _argument(product.name)
        if names.count(product.name) == 1
        else product.id.replace("/", "_"): product.id
        for product in products.values()
    }
    sql = in_lines(_with_arguments(subject.sql, inputs))
    if inferred.conversions or inferred.renamed:
        sql = f"SELECT\n{_selected(inferred, inferred.renamed)}\nFROM (\n{sql}\n)"
    return _from_products(inputs, sql, name)


def module(text: str | None, made: Maker, name: str, path: Path, words: str) -> str:
    """The module with the function: a new one, or the existing one (``text``) with the function at its end.

    Raises UsageError U068 where ``text`` cannot be parsed, U066 where it has the function already.
    """
    block = "\n\n\n".join(part for part in (made.constant, made.function) if part)
    imported = f"from platform_core import {', '.join(made.imports)}"
    if text is None:
        title = name.replace("_", " ").capitalize()
        gap = "\n" if made.constant else "\n\n"
        return f'"""{title}, made from {words}."""\n\n{imported}\n{gap}{block}\n'
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        message = f"{shown(path)} is not valid Python: {error.msg}"
        place = Place(path, error.lineno or 1, error.offset or 1)
        raise UsageError.of("U068", message, place, fix="Correct the file, then call again.") from None
    taken = {node.name: node.lineno for node in tree.body if isinstance(node, ast.FunctionDef)}
    if name in taken:
        message = f'{shown(path)} already has a function "{name}"'
        fix = f"Write the contract alone: `mesh infer ... --as <domain>/{name}`"
        raise UsageError.of("U066", message, Place(path, taken[name]), "a product without a function", fix)
    return f"{_importing(text, tree, made.imports)}\n\n\n{block}\n"


def refuse_taken(path: Path) -> None:
    """Raise UsageError U066 for an existing test."""
    if path.exists():
        fix = "Move it, or write the contract alone: `mesh infer ... --as <domain>/<product>`"
        raise UsageError.of("U066", f"{shown(path)} exists already", None, "a product without a test", fix)


def formatted(text: str, path: Path, root: Path, domain: str) -> str:
    """A module as the tree's ruff writes it, if the tools have one; lines that stay too long are excused."""
    ruff = Path(sys.executable).with_name("ruff")
    own = f'lint.isort.known-first-party=["{domain}"]'  # the new module is not there yet
    sort = ("check", "--select=I", "--fix", "--config", own)
    for command in (sort, ("format",)) if ruff.exists() else ():
        words = [ruff, *command, "--quiet", "--stdin-filename", path, "-"]
        done = subprocess.run(words, input=text, capture_output=True, text=True, encoding="utf-8", cwd=root)
        text = done.stdout or text
    lines = text.split("\n")
    ends: dict[int, int] = {}  # of strings with several lines, where alone a comment can stand
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant | ast.JoinedStr):
            last = node.end_lineno or node.lineno
            ends |= {n: max(last, ends.get(n, 0)) for n in range(node.lineno, last + 1)}
    for n in sorted({ends.get(n, n) for n, line in enumerate(lines, 1) if _is_too_long(line)}):
        lines[n - 1] += "" if "noqa" in lines[n - 1] else "  # noqa: E501"
    return "\n".join(lines)


def _is_too_long(line: str) -> bool:
    width = sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)
    return width > LINE and " " in line.strip() and "noqa" not in line


def _argument(product: str) -> str:
    """A name for an input: ruff refuses ``l``, which looks like a digit."""
    return f"{product}_" if keyword.iskeyword(product) or product == "l" else product


def _importing(text: str, tree: ast.Module, names: tuple[str, ...]) -> str:
    lines = text.rstrip("\n").split("\n")
    last = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "platform_core" and node.end_lineno:
            have = {alias.asname or alias.name for alias in node.names}
            if set(names) <= have:
                return "\n".join(lines)
            every = sorted({alias.name for alias in node.names} | set(names), key=lambda n: (n.islower(), n))
            lines[node.lineno - 1 : node.end_lineno] = [f"from platform_core import {', '.join(every)}"]
            return "\n".join(lines)
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, (ast.Import, ast.ImportFrom)) or (last == 0 and docstring):
            last = node.end_lineno or last
    lines[last:last] = ["", f"from platform_core import {', '.join(names)}"]
    return "\n".join(lines)


def _from_file(inferred: Inferred, file: Path, name: str, root: Path) -> Maker:
    if file.suffix.lower() not in READERS or is_pattern(str(file)):
        kinds = f"a file that ends in {', '.join(READERS)}, without * and ? in its path"
        raise _cannot(f"a product's source cannot be {shown(file)}", kinds)
    package, path = data_files.packaged(file) or (None, "")
    if package is None:
        absolute = file.absolute()
        path = str(absolute.relative_to(root) if absolute.is_relative_to(root) else absolute)
    return _from_source(inferred, Source(f"files/{name}", path, package), f"{name.upper()}_FILE", name)


def _from_source(inferred: Inferred, source: Source, constant: str, name: str) -> Maker:
    sql = f"SELECT\n{_selected(inferred, inferred.renamed)}\nFROM {{raw}}"
    imports, function = ("Source", "Table", "data_product"), _function(name, {"raw": constant}, sql)
    return Maker(imports, f"{constant} = {constructor(source)}", function, {}, sql)


def _from_products(inputs: Mapping[str, str], sql: str, name: str) -> Maker:
    shown_inputs = {argument: f'"{product}"' for argument, product in inputs.items()}
    return Maker(("Table", "data_product"), "", _function(name, shown_inputs, sql), inputs, sql)


def _function(name: str, inputs: Mapping[str, str], sql: str) -> str:
    named = ", ".join(f'"{argument}": {value}' for argument, value in inputs.items())
    taken = ", ".join(f"{argument}: Table" for argument in inputs)
    raw = "r" if "\\" in sql else ""
    body = "\n".join(f"        {line}".rstrip() for line in sql.splitlines())
    quote = "'''" if '"""' in body else '"""'
    decorator = f"@data_product(inputs={{{named}}})" if inputs else "@data_product"
    prefix = f"{raw}f" if inputs or "{" in sql else raw
    return f"{decorator}\ndef {name}({taken}) -> str:\n    return {prefix}{quote}\n{body}\n    {quote}"


def _selected(inferred: Inferred, original: Mapping[str, str]) -> str:
    """The columns of a SELECT in an f-string, in lines. ``original`` holds the source's names of renamed
    ones."""
    items = []
    for new in (column.name for column in inferred.facts.columns):
        old, reading = original.get(new, new), inferred.conversions.get(new)
        value = reading.sql(_name(old)) if reading else _name(old)
        item = value if value == _name(new) else f"{value} AS {_name(new)}"
        items.append(item.replace("{", "{{").replace("}", "}}"))
    lines = ["   "]
    for position, item in enumerate(items):
        word = item + ("," if position < len(items) - 1 else "")
        if len(lines[-1]) + len(word) >= _WIDTH - 12 and lines[-1].strip():
            lines.append("   ")
        lines[-1] += f" {word}"
    return "\n".join(lines)


def _name(name: str) -> str:
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name) and slug(name, "_") == name and name not in reserved()
    return name if plain else quoted(name)


@cache
def reserved() -> frozenset[str]:
    with in_memory() as connection:
        rows = connection.execute(
            "SELECT keyword_name FROM duckdb_keywords()"
            " WHERE keyword_category IN ('reserved', 'type_function')"
        ).fetchall()
    return frozenset(word for (word,) in rows)


def _with_arguments(sql: str, inputs: Mapping[str, str]) -> str:
    forms = [f"(?P<_other>{_NOT_NAMES.pattern})"]
    for argument, product in inputs.items():
        domain, name = (re.escape(part) for part in ProductId(product).path)
        forms.append(rf'(?P<{argument}>"?\b{domain}\b"?\s*\.\s*"?\b{name}\b"?|"{domain}/{name}")')
    return re.sub(
        "|".join(forms),
        lambda match: match[0] if match.lastgroup == "_other" else f"{{{match.lastgroup}}}",
        sql.replace("{", "{{").replace("}", "}}"),
        flags=re.IGNORECASE | re.DOTALL,
    )


def in_lines(sql: str) -> str:
    """A long line of SQL, with each clause on its own line."""
    if len(sql) <= _WIDTH - 12 or "\n" in sql:
        return sql
    depth, lines, start = 0, [], 0
    for part in re.finditer(rf"{_NOT_NAMES.pattern}|\(|\)|{_CLAUSES}", sql, re.IGNORECASE | re.DOTALL):
        depth += {"(": 1, ")": -1}.get(part[0], 0)
        if depth == 0 and part[0][:1].isspace():
            lines.append(sql[start : part.start()])
            start = part.start() + 1
    return "\n".join([*lines, sql[start:]])


def _cannot(what: str, instead: str) -> UsageError:
    return UsageError.of("U069", f"no function can read it: {what}", None, instead, f"Name {instead}.")
