"""Foreign keys: ODCS relationships of a column or of the schema object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from platform_core.contracts.constraints import join_name
from platform_core.contracts.faults import Faults
from platform_core.contracts.model import Column, Reference, Rule
from platform_core.contracts.names import Identity, stem_of
from platform_core.contracts.properties import Level, check_properties
from platform_core.contracts.terms import own_name, read_scope, read_severity
from platform_core.product_id import ProductId
from platform_core.source.document import Document
from platform_core.words import did_you_mean

if TYPE_CHECKING:
    from open_data_contract_standard.model import Relationship

Where = tuple[str | int, ...]
_FORM = "<domain>/<product>.odcs.yaml#/schema/<product>/properties/<column>"
_QUALIFIED = re.compile(r"(?:(?P<file>[^#]+)#)?/?schema/(?P<table>[^/]+)/properties/(?P<column>[^/]+)")
_SHORT = re.compile(r"(?P<table>[^./]+)\.(?P<column>[^./]+)")


def reference_rule(
    document: Document,
    item: Relationship,
    where: Where,
    column: Column | None,
    columns: tuple[Column, ...],
    identity: Identity,
    partitioned: bool,
    faults: Faults,
) -> Rule | None:
    """One relationship as a rule; None where it is wrong (C056) or names an unknown column (C050)."""
    check_properties(document, where, Level.RELATIONSHIP, faults)
    target = _Target(document, columns, identity, faults)
    if column is not None:
        if isinstance(item.to, list) and len(item.to) != 1:
            _uneven(document, where, 1, len(item.to), faults)
            return None
        sources: tuple[str, ...] | None = (column.name,)
    else:
        sources = target.own(_listed(item.from_), (*where, "from"))
    reference = target.reference(_listed(item.to), (*where, "to"))
    if sources is None or reference is None:
        return None
    if len(sources) != len(reference.columns):
        _uneven(document, where, len(sources), len(reference.columns), faults)
        return None
    return Rule(
        name=own_name(document, where, join_name("references", *sources)),
        kind="reference",
        place=document.place(*where, "to"),
        columns=sources,
        severity=read_severity(document, where, faults),
        scope=read_scope(document, where, partitioned, faults),
        reference=reference,
    )


def _uneven(document: Document, where: Where, left: int, right: int, faults: Faults) -> None:
    faults.error(
        "C056",
        f"a foreign key from {left} to {right} columns",
        document.place(*where, "to"),
        expected="as many columns on both sides",
    )


def _listed(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


class _Target:
    def __init__(
        self, document: Document, columns: tuple[Column, ...], identity: Identity, faults: Faults
    ) -> None:
        self.document, self.columns, self.identity, self.faults = document, columns, identity, faults

    def own(self, said: list[str], where: Where) -> tuple[str, ...] | None:
        """Columns of this table that a schema-level ``from`` names."""
        names = []
        for index, text in enumerate(said):
            found = self._resolve(text, self._place_of(where, index))
            if found is None:
                return None
            product, name = found
            if product != self.identity.id:
                self._wrong(text, where, index, f"columns of {self.identity.name}, the table itself")
                return None
            names.append(name)
        return tuple(names)

    def reference(self, said: list[str], where: Where) -> Reference | None:
        products, names = [], []
        for index, text in enumerate(said):
            found = self._resolve(text, self._place_of(where, index))
            if found is None:
                return None
            products.append(found[0])
            names.append(found[1])
        if len(set(products)) != 1:
            self._wrong(said[-1], where, len(said) - 1, f"columns of one product, {products[0]}")
            return None
        return Reference(products[0], tuple(names))

    def _place_of(self, where: Where, index: int) -> Where:
        return (*where, index) if isinstance(self.document.at(*where), list) else where

    def _wrong(self, text: str, where: Where, index: int, expected: str) -> None:
        at = self.document.place(*self._place_of(where, index))
        self.faults.error("C056", f'"{text}" cannot be checked', at, expected)

    def _resolve(self, text: str, where: Where) -> tuple[str, str] | None:
        """Product and column that a reference in one of the standard's notations means."""
        short = _SHORT.fullmatch(text)
        match = short or _QUALIFIED.fullmatch(text)
        place = self.document.place(*where)
        if match is None:
            message = f'"{text}" names no column of a table'
            self.faults.error("C056", message, place, _FORM, "Write the target in this form.")
            return None
        table, column = match["table"], match["column"]
        file = None if short else match["file"]
        if file is None:
            return self._inside(text, table, column, where)
        product = self._product(file)
        if product is None or ProductId(product).name != table:
            name = ProductId(product).name if product else "<product>"
            self.faults.error(
                "C056",
                f'"{file}" is no contract of a product' if product is None else f'"{table}" is not in {file}',
                place,
                expected=_FORM,
                fix=f"Write {file}#/schema/{name}/properties/{column}." if product else None,
            )
            return None
        if product == self.identity.id:
            return self._inside(text, table, column, where)
        return product, column

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

    def _described(self, table: str) -> bool:
        """Whether another schema object of this document goes by a name or id."""
        return any(table in (item.get("name"), item.get("id")) for item in self.document.at("schema"))

    def _inside(self, text: str, table: str, column: str, where: Where) -> tuple[str, str] | None:
        """A reference within this document, by name or by id."""
        place = self.document.place(*where)
        index = self.identity.schema_index
        own: dict[str, Any] = self.document.at("schema", index or 0) or {}
        if table not in {own.get("name"), own.get("id")}:
            if self._described(table):
                message = f'"{text}" is about a table beside the product; it is not checked'
                self.faults.remark("C056", message, place, _FORM)
                return None
            self.faults.error(
                "C056",
                f'"{text}" is about another table, "{table}"',
                place,
                expected=_FORM,
                fix=f"Write <domain>/{table}.odcs.yaml#/schema/{table}/properties/{column}.",
            )
            return None
        for item in own.get("properties") or []:
            if column in (item.get("name"), item.get("id")):
                return self.identity.id, item["name"]
        known = [item.name for item in self.columns]
        self.faults.error(
            "C050", f'"{column}" is no column of {table}', place, fix=did_you_mean(column, known)
        )
        return None
