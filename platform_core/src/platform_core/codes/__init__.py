"""The meaning of every code of a diagnostic, in one TOML file per family. Built-in policies use these
texts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

FAMILIES: Final = "ACDEGKLOQRSU"
"""The first letters of the library's own codes."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The texts of a code, named like those of ``governance.policy.Policy``."""

    title: str
    rationale: str
    failing: str
    """The shortest contract, function, setting or command with the fault; or the situation."""
    passing: str
    """The same without the fault, or the action to take."""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    about: str
    codes: Mapping[str, Meaning]


@cache
def family(letter: str) -> Family:
    """The codes with a letter of ``FAMILIES``."""
    document = tomllib.loads((Path(__file__).parent / f"{letter}.toml").read_text(encoding="utf-8"))
    about = document.pop("family")
    meanings = {code: Meaning(**{k: v.strip() for k, v in table.items()}) for code, table in document.items()}
    return Family(about, meanings)


def meaning(code: str) -> Meaning | None:
    """The texts of a code; None where the library has no such code."""
    return family(code[0]).codes.get(code) if code and code[0] in FAMILIES else None


def code_in(text: str) -> str | None:
    """The first code of the library in the text of a fault."""
    found = re.search(r"error\[([A-Z]\d{3})\]:", text)
    return found[1] if found else None


def place_in(text: str) -> str | None:
    """The first place in the text of a fault: the file and its line."""
    found = re.search(r"^ *--> (.+:\d+):\d+$", text, re.MULTILINE)
    return found[1] if found else None


def labels(code: str) -> tuple[str, str]:
    """The words before the two examples of a code: the changes of a contract are not faults."""
    return ("The change", "Its version") if meaning(code) and code[0] == "K" else ("Breaks it", "Keeps it")


def known_codes() -> list[str]:
    """Every code of the library, in order."""
    return [code for letter in FAMILIES for code in family(letter).codes]
