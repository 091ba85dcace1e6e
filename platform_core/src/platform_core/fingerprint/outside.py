"""Names in Python code through which it may read what no fingerprint covers."""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator, Sequence
from typing import Final

OUTSIDE: Final = frozenset(
    {"aiohttp", "boto3", "bz2", "dbm", "duckdb", "fileinput", "fsspec", "ftplib", "getpass", "glob", "gzip"}
    | {"http", "httpx", "importlib.resources", "io", "linecache", "locale", "lzma", "mmap", "numpy.random"}
    | {"obstore", "os", "paramiko", "pathlib", "pkgutil", "platform", "platform_core.client"}
    | {"platform_core.mesh", "psycopg", "psycopg2", "pyarrow.dataset", "pyarrow.fs", "pyarrow.parquet"}
    | {"random", "requests", "s3fs", "secrets", "shelve", "shutil", "socket", "sqlalchemy", "sqlite3"}
    | {"subprocess", "sys.argv", "sys.stdin", "tarfile", "tempfile", "time", "urllib", "urllib3", "uuid"}
    | {"zipfile"}
)
"""Modules with what no fingerprint covers: files, the network, the mesh, the clock, chance."""
_PURE: Final = frozenset(
    {"os.path.basename", "os.path.dirname", "os.path.join", "os.path.splitext", "os.sep"}
)
_READING: Final = re.compile(
    r"(read|scan)(_\w+)?|connect|exists|fromfile|genfromtxt|getenv|glob|is_dir|is_file|iterdir|load|loadtxt"
    r"|open|rglob|safe_load|stat|urlopen"
)
"""Methods that read, by their names."""
_CLOCK: Final = frozenset({"now", "today", "utcnow"})


def reads_outside(
    node: ast.stmt, imports: Sequence[tuple[str, tuple[str, str]]], defined: Container[str]
) -> Iterator[str]:
    """The names in a statement through which it may read what no fingerprint covers. ``imports`` has the
    module and the name in it for each imported name, ``defined`` the names of the module itself."""
    hidden = {id(each) for part in ast.walk(node) for each in _left_out(part)}
    for each in ast.walk(node):
        if not isinstance(each, ast.Name | ast.Attribute) or id(each) in hidden:
            continue
        path = _dotted(each) or ["", each.attr if isinstance(each, ast.Attribute) else ""]
        found = {".".join(filter(None, (*at, *path[1:]))) for name, at in imports if name == path[0]}
        if found:
            yield from filter(_is_outside, found)
        elif isinstance(each, ast.Attribute) and _READING.fullmatch(path[-1]):
            yield f".{path[-1]}"
        elif path in (["open"], ["input"]) and path[0] not in defined:
            yield path[0]


def _is_outside(name: str) -> bool:
    last = name.rpartition(".")[2]
    clock = name.startswith("datetime.") and last in _CLOCK
    module = any(f"{name}.".startswith(f"{each}.") for each in OUTSIDE)
    return name not in _PURE and (clock or module or _READING.fullmatch(last) is not None)


def _left_out(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node that do not count as names of their own: annotations, and the start of a path."""
    if isinstance(node, ast.Attribute):
        yield node.value
    for field in ("annotation", "returns"):
        yield from ast.walk(found) if (found := getattr(node, field, None)) is not None else ()


def _dotted(node: ast.expr) -> list[str]:
    """``["os", "path", "join"]``; empty for another expression."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (path := _dotted(node.value)):
        return [*path, node.attr]
    return []
