"""A dbt model, read with dbt's own lexer: its sources and refs, and its SQL if that is known without dbt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import DefinitionError, Place, shown
from platform_core.source.file_kind import FileKind
from platform_core.source.text import read_text
from platform_core.sql.quoting import quoted

OF_DBT: Final = FileKind(
    "file of a dbt project",
    "a project that `dbt parse` reads",
    "Fix the file.",
    code="D011",
    raised=DefinitionError,
    may_be_empty=True,
)

_CALL: Final = re.compile(
    r"""\b(?P<function>source|ref)\s*\(\s*['"](?P<first>[^'"]+)['"]"""
    r"""(?:\s*,\s*['"](?P<second>[^'"]+)['"])?\s*\)"""
)
_CONFIG: Final = re.compile(r"\s*config\s*\(")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of ``source`` or ``ref`` with constant names, such as ``source('sales', 'stores')``."""

    function: str
    name: str
    """The id of the source's product, or the name of the model."""
    place: Place


@dataclass(frozen=True, slots=True)
class DbtModel:
    """A model's file. ``sql`` has ``"sales"."stores"`` for a source and ``"__model"`` for a ref; None if
    only dbt can render it. ``config`` has the arguments of ``config`` calls; None for one that is not a
    constant."""

    calls: tuple[Call, ...] = ()
    sql: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refs(self) -> list[str]:
        """The models that it reads, without duplicates."""
        return list(dict.fromkeys(call.name for call in self.calls if call.function == "ref"))


def read_model(path: Path) -> DbtModel:
    """Read a model's file. Raises DefinitionError D011 if it is not text or not Jinja."""
    from jinja2 import Environment, TemplateSyntaxError, nodes

    text = re.sub(r"\r\n?", "\n", read_text(path, OF_DBT))
    extensions = ["jinja2.ext.do", "jinja2.ext.loopcontrols"]  # dbt's
    jinja = Environment(extensions=extensions, keep_trailing_newline=True)
    try:
        tree = jinja.parse(text)
    except (TemplateSyntaxError, RecursionError) as error:
        reason = getattr(error, "message", "nested too deeply")
        place = Place(path, getattr(error, "lineno", 1))
        raise OF_DBT.error("C004", f"{shown(path)} is not Jinja: {reason}", place) from None
    calls: list[Call] = []
    pieces: list[str | None] = []
    begin = at = 0
    for _, kind, value in jinja.lexer.tokeniter(text, None):
        # The lexer omits the spaces that {{- and -}} remove.
        start = text.index(value, at)
        at = start + len(value)
        if kind == "data":
            pieces.append(value)
        elif kind in ("variable_begin", "block_begin"):
            begin = at
        elif kind in ("variable_end", "block_end"):
            found = list(_calls(path, text, begin, start))
            pieces.append(_in_sql(text[begin:start], found) if kind == "variable_end" else None)
            calls += found
    known = [piece for piece in pieces if piece is not None]
    sql = "".join(known).rstrip("; \n") if len(known) == len(pieces) else None
    config = {
        keyword.key: keyword.value.value if isinstance(keyword.value, nodes.Const) else None
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name == "config"
        for keyword in call.kwargs
    }
    return DbtModel(tuple(calls), sql, config)


def _calls(path: Path, text: str, begin: int, end: int) -> Iterator[Call]:
    for call in _CALL.finditer(text, begin, end):
        start, first, second = call.start(), call["first"], call["second"]
        column = start - text.rfind("\n", 0, start)
        place = Place(path, text.count("\n", 0, start) + 1, column, call.end() - start)
        name = ProductId.of(first, second or "") if call["function"] == "source" else second or first
        yield Call(call["function"], name, place)


def _in_sql(inner: str, calls: list[Call]) -> str | None:
    """The SQL of a pair of braces, with as many lines, so that faults have the file's line."""
    lines = "\n" * inner.count("\n")
    if len(calls) != 1 or not _CALL.fullmatch(inner.strip()):
        return lines if _CONFIG.match(inner) else None
    [call] = calls
    path = ProductId(call.name).path if call.function == "source" else [f"__{call.name}"]
    return ".".join(map(quoted, path)) + lines
