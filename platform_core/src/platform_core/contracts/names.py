"""Which product a contract is about: domain, name, and the schema object that describes its table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from platform_core.contracts.faults import Faults
from platform_core.product_id import ProductId
from platform_core.source.document import Document
from platform_core.words import did_you_mean, slug

SUFFIXES = (".odcs.yaml", ".odcs.yml")
_ID = re.compile(r"([^/\s]+)/([^/\s]+)")
_WORD = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Identity:
    domain: str
    name: str
    schema_index: int | None
    """Which schema object is the product's table; None where there is none."""
    table: str | None = None
    """The name of that schema object."""

    @property
    def id(self) -> ProductId:
        return ProductId.of(self.domain, self.name)


def stem_of(file_name: str) -> str | None:
    """A contract file's product name; None for a file that is no contract by its name."""
    for suffix in SUFFIXES:
        if file_name.endswith(suffix) and len(file_name) > len(suffix):
            return file_name[: -len(suffix)]
    return None


def claimed(document: Document) -> tuple[str, str] | None:
    """Domain and product as ``id`` says them; None for another form of id (a UUID, say)."""
    identifier = document.data.get("id")
    match = _ID.fullmatch(identifier) if isinstance(identifier, str) else None
    return (match[1], match[2]) if match else None


def ours(document: Document, domain: str | None) -> bool:
    """Whether the platform's conventions hold for a document: it lies in a domain's folder, or its
    ``id`` is ``<domain>/<product>``. Any other is a guest that only has to be valid ODCS."""
    return domain is not None or claimed(document) is not None


def identify(document: Document, domain: str | None, faults: Faults) -> Identity:
    """Domain and name from ``id``, else from ``domain`` and ``name``, else from where the file is.

    What is said more than once must agree (C020); names must be usable in SQL and Python (C021).
    """
    data = document.data
    said = claimed(document)
    strict = ours(document, domain)
    file_name = stem_of(document.path.name)
    objects = data.get("schema") or []
    names = [item["name"] for item in objects]
    fallback = names[0] if names else file_name or document.path.name.split(".")[0]
    if strict:
        own_domain = said[0] if said else data.get("domain") or domain or "unassigned"
        name = said[1] if said else data.get("name") or file_name or fallback
        for field, value, expected in _statements(data, own_domain, name):
            if value != expected:
                faults.error(
                    "C020",
                    f'{field} is "{value}", but the product is {own_domain}/{name}',
                    document.place(field),
                    expected=f"{field}: {expected}, or nothing, since id says it",
                    fix=f"Remove {field}, or correct the one that is wrong.",
                )
        _check_folder(document, domain, file_name, own_domain, name, faults)
        for word, what in ((own_domain, "domain"), (name, "product")):
            if not _WORD.fullmatch(word):
                faults.error(
                    "C021",
                    f'"{word}" cannot be the name of a {what}',
                    document.place("id"),
                    expected="lower-case letters, digits and _, a letter first",
                    fix=f"Write {slug(word, '_')}.",
                )
    else:
        own_domain = slug(str(data.get("domain") or "unassigned"), "_")
        name = slug(str(data.get("name") or fallback), "_")
    index = _table(document, name, names, strict, faults)
    return Identity(own_domain, name, index, names[index] if index is not None else None)


def _statements(data: dict[str, object], domain: str, name: str) -> Iterator[tuple[str, object, str]]:
    if data.get("domain") is not None:
        yield "domain", data["domain"], domain
    if data.get("name") is not None:
        yield "name", data["name"], name


def _check_folder(
    document: Document, domain: str | None, file_name: str | None, own: str, name: str, faults: Faults
) -> None:
    if domain is None:
        return
    if own != domain:
        faults.error(
            "C020",
            f"the contract is {own}/{name}'s, but lies in the folder of {domain}",
            document.place("id"),
            expected=f"id: {domain}/{name}",
            fix=f"Correct id, or move the file to the contracts of {own}.",
        )
    if file_name is not None and file_name != name:
        faults.error(
            "C020",
            f"the contract is {own}/{name}'s, but its file is {document.path.name}",
            document.place("id"),
            expected=f"id: {domain}/{file_name}",
            fix=did_you_mean(name, [file_name]) or f"Correct id, or name the file {name}.odcs.yaml.",
        )


def _table(document: Document, name: str, names: list[str], strict: bool, faults: Faults) -> int | None:
    if not names:
        return None
    if name in names:
        index = names.index(name)
    else:
        index = 0
        if strict:
            which = "the schema object is" if len(names) == 1 else "none of the schema objects is"
            faults.error(
                "C020",
                f'{which} named "{name}" like the product',
                document.place("schema", 0, "name"),
                expected=f"name: {name}",
                fix=f"Write name: {name}.",
            )
    physical = document.at("schema", index, "physicalName")
    # The physical name of a file or a model is that of its file.
    filed = document.at("schema", index, "physicalType") in ("file", "model")
    if strict and physical is not None and physical != names[index] and not filed:
        faults.error(
            "C020",
            f'physicalName is "{physical}", but the table is named "{name}" like the product',
            document.place("schema", index, "physicalName"),
            fix="Remove physicalName.",
        )
    return index
