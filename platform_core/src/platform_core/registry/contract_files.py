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
_SAID = re.compile(rb"^id:[ ]*[\"']?([a-z0-9_]+/[a-z0-9_]+)[\"']?[ ]*(?:#.*)?\r?$", re.MULTILINE)


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
    """The product of a contract whose file has another suffix; None for a file that is no contract."""
    named = path.suffix.lower() in (".yaml", ".yml") and _CONTRACT.search(_content(path))
    return path.name.partition(".")[0] if named else None


def _content(path: Path) -> bytes:
    """Nothing of what is no file or cannot be read: whoever reads the contract is told."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""


def ids_in(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The files of a folder by the id that each says in a line of its own; no contract is parsed."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in (path for files in contracts_in(folder).values() for path in files):
        if (said := _SAID.search(_content(path))) is not None:
            found[said[1].decode()] = (*found.get(said[1].decode(), ()), path)
    return found


def twin_named_in(path: Path, domain: str) -> str | None:
    """The masked twin that a contract names. Only a file that holds the word is parsed; where it cannot
    be, the word beside it counts, so that whoever reads the twin is told of the file's faults."""
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
    fix = f"Keep one of them, as {files[0].name}."
    return Diagnostic("C022", message, Place(files[1]), "one file for a product", fix)
