"""The lock of a new domain: what it needs of the lock of an existing one. No package index is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

_ENTRY: Final = re.compile(r"^(\S+?)(?:\[[^\]]*\])?(?:==| @).*\n(?:[ \t].*\n)*", re.MULTILINE)
_REQUIREMENT: Final = re.compile(r"([\w.-]+)\s*(?:\[([^\]]*)\])?[^;]*;?(.*)")
_EXTRA: Final = re.compile(r"extra\s*==\s*['\"]([^'\"]+)")
LOCK: Final = "requirements.lock"
_TOOLS: Final = ("pytest", "flit-core")


def locked(domain: Path, names: Iterable[str]) -> dict[str, str]:
    """The versions of some packages in the lock of a domain, which may have none of them."""
    lock = domain / LOCK
    text = lock.read_text(encoding="utf-8") if lock.is_file() else ""
    wanted = {_plain(name) for name in names}
    entries = ((_plain(entry[1]), entry[0]) for entry in _ENTRY.finditer(text))
    versions = ((name, re.search(r"==([^\s;\\]+)", text)) for name, text in entries if name in wanted)
    return {name: version[1] for name, version in versions if version is not None}


def lock_of(root: Path, dbt: bool) -> str | None:
    """The text of ``requirements.lock``, out of the lock and the environment of an existing domain; None
    where no domain has all the packages."""
    of_dbt = ["platform-core[dbt]", "dbt-core", "dbt-duckdb"] if dbt else []
    wanted = ("platform-core", "platform-core[dagster]", "dagster", *of_dbt, *_TOOLS)
    for lock in sorted(root.glob(f"domains/*/{LOCK}"), key=lambda path: path.stat().st_size):
        installed = lock.parent.glob(".venv/lib/python*/site-packages")
        requires = {
            _plain(each.name): each.requires or []
            for each in distributions(path=[str(path) for path in installed])
        }
        entries = [
            (_plain(entry[1]), entry[0]) for entry in _ENTRY.finditer(lock.read_text(encoding="utf-8"))
        ]
        known = {"platform-core", *(name for name, _ in entries)} & requires.keys()
        if {name.partition("[")[0] for name in wanted} <= known:
            needed = _closure(wanted, requires)
            return "".join(entry for name, entry in entries if name in needed)
    return None


def _closure(wanted: Iterable[str], requires: Mapping[str, Iterable[str]]) -> set[str]:
    """All packages behind ``wanted``, for every platform: only markers about extras count."""
    seen, left = set[str](), list(wanted)
    while left:
        if (package := left.pop()) in seen:
            continue
        seen.add(package)
        name, _, asked = package.partition("[")
        for line in requires.get(name, ()):
            if (found := _REQUIREMENT.match(line)) is None:
                continue
            of_extra = _EXTRA.search(found[3])
            if of_extra is None or _plain(of_extra[1]) == asked.rstrip("]"):
                needed = _plain(found[1])
                extras = [extra.strip() for extra in (found[2] or "").split(",") if extra.strip()]
                left += [needed, *(f"{needed}[{_plain(extra)}]" for extra in extras)]
    return {package.partition("[")[0] for package in seen}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
