"""The files of a folder of contracts."""

from __future__ import annotations

import re
from pathlib import Path

from platform_core.diagnostics import ContractError, Diagnostic, Place
from platform_core.odcs.custom_properties import find_property
from platform_core.odcs.identity import stem_of
from platform_core.source.cursor import Faults, Node
from platform_core.source.document import parse

_CONTRACT = re.compile(rb"^kind:[ ]*[\"']?DataContract\b", re.MULTILINE)
_ID = re.compile(rb"^id:[ ]*[\"']?([a-z0-9_]+/[a-z0-9_]+)[\"']?[ ]*(?:#.*)?\r?$", re.MULTILINE)


def entries(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:
        return []


def contracts_in(folder: Path) -> dict[str, tuple[Path, ...]]:
    found: dict[str, tuple[Path, ...]] = {}
    for entry in sorted(entries(folder)):
        name = stem_of(entry) or _misnamed(folder / entry)
        if name is not None and not name.startswith("."):
            found[name] = (*found.get(name, ()), folder / entry)
    return found


def _misnamed(path: Path) -> str | None:
    """The product of a contract whose file has a wrong suffix; None for any other file."""
    named = path.suffix.lower() in (".yaml", ".yml") and _CONTRACT.search(_content(path))
    return path.name.partition(".")[0] if named else None


def _content(path: Path) -> bytes:
    """Empty for an unreadable file: reading the contract reports it."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""


def ids_in(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The files of a folder by the id in a line of their own, without parsing them."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in (path for files in contracts_in(folder).values() for path in files):
        if (match := _ID.search(_content(path))) is not None:
            found[match[1].decode()] = (*found.get(match[1].decode(), ()), path)
    return found


def twin_named_in(path: Path, domain: str) -> str | None:
    """The masked twin that a contract declares. Only a file with the word ``maskedAs`` is parsed; if that
    fails, the text after the word counts, so that a reader of the twin sees the file's faults."""
    text = _content(path)
    if b"maskedAs" not in text:
        return None
    try:
        document = parse(path)
    except ContractError:
        match = re.search(rb"maskedAs[\"']?\s*[,\n]\s*value:\s*[\"']?([a-z0-9_/]+)", text)
        named: object = match[1].decode() if match else None
    else:
        tables = Node(document, Faults(strict=False), (), document.data).items("schema")
        found = (find_property(table, "maskedAs") for table in tables)
        named = next((node.value for node in found if node is not None), None)
    return named.removeprefix(f"{domain}/") if isinstance(named, str) else None


def rivals(product_id: str, files: tuple[Path, ...]) -> Diagnostic:
    message = f"{product_id} has two contracts: {files[0].name} and {files[1].name}"
    fix = f"Keep one of them, named {files[0].name}."
    return Diagnostic("C022", message, Place(files[1]), "one file per product", fix)
