"""Products in YAML and SQL: Components in a domain's ``defs`` folder, read without Dagster."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast, get_args

from platform_core.diagnostics import DefinitionError, Diagnostic
from platform_core.products.declare import Engine, Input, ProductFunction
from platform_core.products.makers.places import DEFS, DEFS_FILE
from platform_core.products.table import Table
from platform_core.source.cursor import Node, open_leniently
from platform_core.source.file_kind import FileKind
from platform_core.source.text import read_text
from platform_core.sources.source import Kind, Source

TYPE: Final = "platform_core.components.DataProduct"
_IS_OURS: Final = re.compile(rf"""\btype["']?\s*:\s*["']?{re.escape(TYPE)}(?![\w.])""")
_BEGIN: Final = f"""Write:
type: {TYPE}
attributes:
  sql: <product>.sql
  inputs: {{<name in the SQL>: <domain>/<product>}}"""
_OF_SOURCE: Final = (
    "source", "kind", "path", "package", "table", "secret", "version", "time_column", "columns"
)  # fmt: skip
_INPUT: Final = "<domain>/<product>, or {source: shop/orders, kind: postgres, table: orders, secret: SHOP_DB}"
FILE: Final = FileKind("Component", "a mapping with type and attributes", _BEGIN, "D080", DefinitionError)
SQL: Final = FileKind("SQL file", "one SELECT", "Write one SELECT.", "D080", DefinitionError)


def component_files(package: Path) -> list[Path]:
    """The files in a package's ``defs`` folder that declare products; those of other Components are left
    out."""
    found = sorted((package / DEFS).rglob(DEFS_FILE))
    return [file for file in found if file.is_file() and _IS_OURS.search(file.read_text("utf-8", "replace"))]


def has_others(package: Path) -> bool:
    """Whether the ``defs`` folder has definitions other than the platform's, which Dagster loads."""
    ours = {file.parent for file in component_files(package)}
    for file in (package / DEFS).rglob("*"):
        of_ours = bool(ours.intersection((file.parent, *file.parent.parents)))
        if file.suffix in (".py", ".yaml") and file.name != "__init__.py" and not of_ours:
            return True
    return False


def component_functions(package: Path) -> tuple[list[ProductFunction], list[Diagnostic]]:
    """The products that are declared in ``defs``, each as a function that returns its SQL, and the faults
    (D080) of those that cannot be read."""
    found: list[ProductFunction] = []
    faults: list[Diagnostic] = []
    for file in component_files(package):
        try:
            found.append(read_component(file, package.name))
        except DefinitionError as error:
            faults += error.diagnostics
    return found, faults


def read_component(file: Path, domain: str) -> ProductFunction:
    """The product of a Component, with the name of its folder. Raises DefinitionError D080 for a file of
    another form, and for SQL that is missing."""
    root = open_leniently(file, FILE)
    attributes = root["attributes"]
    name, inputs = attributes.text("sql") or "", attributes["inputs"]
    reads = inputs.mapping() if inputs.value is not None else {}
    if (
        not root.faults.errors
        and root.has_only(("type", "attributes"), "D080", "a Component")
        and attributes.is_mapping(
            "D080", "attributes", "sql and inputs", _BEGIN, only=("sql", "inputs", "engine", "view")
        )
    ):
        if root.text("type") != TYPE:
            root["type"].error("D080", "this Component does not declare a product", TYPE, _BEGIN)
        elif not name:
            attributes.lacks(("sql",), "D080", "a Component", "sql: <product>.sql")
        elif "/" in name or not (file.parent / name).is_file():
            message = f'"{name}" is not a file in the folder of the Component'
            attributes["sql"].error("D080", message, "a file with one SELECT", "Write it there.")
        elif attributes["view"].value not in (None, True, False):
            attributes["view"].error("D080", "view is not true or false", "view: true", "Write view: true.")
        for each in reads:
            _require_input(each, inputs[each])
    if root.faults.errors:
        raise DefinitionError(*root.faults.errors)
    return ProductFunction(
        file.parent.name,
        _returns(read_text(file.with_name(name), SQL).strip().rstrip(";"), domain),
        {each: Input(read) if isinstance(read, str) else _source(read) for each, read in reads.items()},
        root.place("type"),
        places={each: inputs[each].place() for each in reads},
        engine=cast(Engine, attributes.text("engine") or "duckdb"),
        view=bool(attributes["view"].value),
    )


def _require_input(name: str, node: Node) -> None:
    """Refuse an input that names neither a product nor a source (D080)."""
    value = node.value
    if isinstance(value, str) and value:
        return
    if not isinstance(value, dict):
        node.error("D080", f'the input "{name}" does not name a product or a source', _INPUT)
    elif node.has_only(_OF_SOURCE, "D080", f'the source of "{name}"'):
        texts = all(isinstance(value.get(key, ""), str) for key in ("source", "kind", "path", "table"))
        if not texts or not value.get("source") or value.get("kind", "file") not in get_args(Kind):
            node.error("D080", f'the source of "{name}" is not complete', _INPUT)


def _source(declared: Mapping[str, Any]) -> Source:
    return Source(declared["source"], **{key: value for key, value in declared.items() if key != "source"})


def _returns(sql: str, domain: str) -> Callable[..., str]:
    def made(**_: Table) -> str:
        return sql

    made.__module__ = domain
    return made
