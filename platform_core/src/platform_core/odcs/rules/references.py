"""Foreign keys: ODCS relationships of a column or of the schema object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from platform_core.contracts.model import Column, Reference, Rule
from platform_core.contracts.product_id import ProductId
from platform_core.odcs.custom_properties import Level, check_properties
from platform_core.odcs.identity import Identity, stem_of
from platform_core.odcs.rules.column_rules import join_name
from platform_core.odcs.rules.rule_fields import own_name, read_scope, read_severity
from platform_core.source.cursor import Node
from platform_core.words import did_you_mean

_FORM = "<domain>/<product>.odcs.yaml#/schema/<product>/properties/<column>"
_QUALIFIED = re.compile(r"(?:(?P<file>[^#]+)#)?/?schema/(?P<table>[^/]+)/properties/(?P<column>[^/]+)")
_SHORT = re.compile(r"(?P<table>[^./]+)\.(?P<column>[^./]+)")


def reference_rule(
    node: Node, column: Column | None, columns: tuple[Column, ...], identity: Identity, partitioned: bool
) -> Rule | None:
    """A relationship as a rule; None where it is wrong (C056) or names an unknown column (C050)."""
    check_properties(node, Level.RELATIONSHIP)
    target = _Target(node.document.data["schema"], columns, identity)
    ends = _ends(node["to"])
    if not ends or (column is not None and len(ends) != 1):
        _uneven(node, 1, len(ends))
        return None
    sources = (column.name,) if column is not None else target.own(_ends(node["from"]))
    reference = target.reference(ends)
    if sources is None or reference is None:
        return None
    if len(sources) != len(reference.columns):
        _uneven(node, len(sources), len(reference.columns))
        return None
    return Rule(
        name=own_name(node, join_name("references", *sources)),
        kind="reference",
        place=node.place("to"),
        columns=sources,
        severity=read_severity(node),
        scope=read_scope(node, partitioned),
        reference=reference,
    )


def _uneven(node: Node, left: int, right: int) -> None:
    message = f"the foreign key has {left} own columns and {right} in its target"
    node["to"].error("C056", message, "the same number of columns on both sides")


def _ends(node: Node) -> list[Node]:
    ends = node.elements() if isinstance(node.value, list) else [node]
    return [end for end in ends if isinstance(end.value, str)]


@dataclass(frozen=True)
class _Target:
    objects: list[dict[str, Any]]
    """The schema objects of the contract."""
    columns: tuple[Column, ...]
    identity: Identity

    def own(self, ends: list[Node]) -> tuple[str, ...] | None:
        """The columns of this table in a schema-level ``from``."""
        names = []
        for end in ends:
            found = self._resolve(end)
            if found is None:
                return None
            if found[0] != self.identity.id:
                expected = f"columns of {self.identity.name}, the table itself"
                end.error("C056", f'"{end.value}" cannot be checked', expected)
                return None
            names.append(found[1])
        return tuple(names)

    def reference(self, ends: list[Node]) -> Reference | None:
        products, names = [], []
        for end in ends:
            found = self._resolve(end)
            if found is None:
                return None
            products.append(found[0])
            names.append(found[1])
        if len(set(products)) != 1:
            expected = f"columns of one product, {products[0]}"
            ends[-1].error("C056", f'"{ends[-1].value}" cannot be checked', expected)
            return None
        return Reference(products[0], tuple(names))

    def _resolve(self, end: Node) -> tuple[str, str] | None:
        """Product and column of a reference in one of the standard's notations."""
        short = _SHORT.fullmatch(end.value)
        match = short or _QUALIFIED.fullmatch(end.value)
        if match is None:
            message = f'"{end.value}" is not a reference to a column'
            end.error("C056", message, _FORM, "Write the target in this form.")
            return None
        table, column = match["table"], match["column"]
        file = None if short else match["file"]
        if file is None:
            return self._inside(end, table, column)
        product = self._product(file)
        if product is None:
            end.error("C056", f'"{file}" is not a contract file', _FORM)
            return None
        name = ProductId(product).name
        if name != table:
            fix = f"Write {file}#/schema/{name}/properties/{column}."
            end.error("C056", f'"{table}" is not in {file}', _FORM, fix)
            return None
        return self._inside(end, table, column) if product == self.identity.id else (product, column)

    def _product(self, file: str) -> str | None:
        """``hr/store_staffing`` for ``[../]hr/[contracts/]store_staffing.odcs.yaml``."""
        if "://" in file:
            return None
        parts = [part for part in file.split("/") if part not in ("", ".", "..")]
        name = stem_of(parts[-1]) if parts else None
        folders = [part for part in parts[:-1] if part != "contracts"]
        if name is None:
            return None
        return f"{folders[-1] if folders else self.identity.domain}/{name}"

    def _inside(self, end: Node, table: str, column: str) -> tuple[str, str] | None:
        own = self.objects[self.identity.schema_index or 0]
        if table not in (own.get("name"), own.get("id")):
            if any(table in (item.get("name"), item.get("id")) for item in self.objects):
                message = f'"{end.value}" belongs to another table, which is not checked'
                end.faults.remark("C056", message, end.place(), _FORM)
                return None
            fix = f"Write <domain>/{table}.odcs.yaml#/schema/{table}/properties/{column}."
            end.error("C056", f'"{end.value}" belongs to another table, "{table}"', _FORM, fix)
            return None
        for item in own.get("properties") or []:
            if column in (item.get("name"), item.get("id")):
                return self.identity.id, item["name"]
        near = did_you_mean(column, [item.name for item in self.columns])
        end.error("C050", f'{table} has no column "{column}"', fix=near)
        return None
