"""The product of a contract: domain, name, and the schema object of its table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from platform_core.contracts.product_id import ProductId
from platform_core.source.cursor import Node
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
    """The schema object of the product's table; None without schema objects."""
    table: str | None = None
    """The name of that schema object."""

    @property
    def id(self) -> ProductId:
        return ProductId.of(self.domain, self.name)


def stem_of(file_name: str) -> str | None:
    """The product name in a contract's file name; None for any other file name."""
    stems = (file_name.removesuffix(suffix) for suffix in SUFFIXES)
    return next((stem for stem in stems if stem and stem != file_name), None)


def claimed(document: Document) -> tuple[str, str] | None:
    """Domain and product of an ``id`` <domain>/<product>; None for any other id, such as a UUID."""
    identifier = document.data.get("id")
    match = _ID.fullmatch(identifier) if isinstance(identifier, str) else None
    return (match[1], match[2]) if match else None


def is_ours(document: Document, domain: str | None) -> bool:
    """Whether the platform's conventions apply: the file is in a domain's folder, or its ``id`` is
    ``<domain>/<product>``. Any other document is a guest, which must only be valid ODCS."""
    return domain is not None or claimed(document) is not None


def identify(contract: Node, domain: str | None) -> Identity:
    """Domain and name from ``id``, else from ``domain`` and ``name``, else from the file's path.

    Repeated values must agree (C020), names must be usable in SQL and Python (C021), and the file must have
    a contract's suffix (C023).
    """
    document, data = contract.document, contract.document.data
    claim = claimed(document)
    strict = is_ours(document, domain)
    file_name = stem_of(document.path.name)
    names = [item["name"] for item in data.get("schema") or []]
    fallback = names[0] if names else file_name or document.path.name.split(".")[0]
    if strict:
        own_domain = claim[0] if claim else data.get("domain") or domain or "unassigned"
        name = claim[1] if claim else data.get("name") or file_name or fallback
        for field, expected in (("domain", own_domain), ("name", name)):
            if data.get(field) is not None and data[field] != expected:
                contract[field].error(
                    "C020",
                    f'{field} is "{data[field]}", but the product is {own_domain}/{name}',
                    f"{field}: {expected}, or no {field}",
                    f"Remove {field}, or correct it.",
                )
        if domain is not None:
            _check_folder(contract["id"], domain, file_name, own_domain, name)
        for word, what in ((own_domain, "domain"), (name, "product")):
            if not _WORD.fullmatch(word):
                message = f'"{word}" cannot be the name of a {what}'
                expected = "lower-case letters, digits and _, a letter first"
                contract["id"].error("C021", message, expected, f"Write {slug(word, '_')}.")
    else:
        own_domain = slug(str(data.get("domain") or "unassigned"), "_")
        name = slug(str(data.get("name") or fallback), "_")
    index = _table(contract["schema"], name, names, strict)
    return Identity(own_domain, name, index, names[index] if index is not None else None)


def _check_folder(node: Node, domain: str, file_name: str | None, own: str, name: str) -> None:
    if own != domain:
        message = f"the contract of {own}/{name} is in the folder of {domain}"
        fix = f"Correct id, or move the file to the contracts of {own}."
        node.error("C020", message, f"id: {domain}/{name}", fix)
    if file_name is None:
        message = f"{node.document.path.name} does not have the suffix of a contract"
        node.error("C023", message, f"{name}{SUFFIXES[0]}", f"Rename the file to {name}{SUFFIXES[0]}.")
    elif file_name != name:
        message = f"the contract of {own}/{name} is in the file {node.document.path.name}"
        fix = did_you_mean(name, [file_name]) or f"Correct id, or name the file {name}.odcs.yaml."
        node.error("C020", message, f"id: {domain}/{file_name}", fix)


def _table(objects: Node, name: str, names: list[str], strict: bool) -> int | None:
    if not names:
        return None
    index = names.index(name) if name in names else 0
    if strict and names[index] != name:
        which = "the schema object is not" if len(names) == 1 else "no schema object is"
        message = f'{which} named "{name}", like the product'
        objects[0]["name"].error("C020", message, f"name: {name}", f"Write name: {name}.")
    physical = objects[index]["physicalName"]
    # The physical name of a file or a model is that of its file.
    filed = objects[index].get("physicalType") in ("file", "model")
    if strict and physical.value is not None and physical.value != names[index] and not filed:
        message = f'physicalName is "{physical.value}", but the table is named "{name}"'
        physical.error("C020", message, fix="Remove physicalName.")
    return index
