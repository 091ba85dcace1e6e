"""What every code of a diagnostic means. Each family has a TOML file, named by its letter: a line on the
family, and a table for each code. A built-in policy takes its texts from here too."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

FAMILIES: Final = "ACDGLQRSU"
"""The first letters of the library's own codes."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The texts of a code, named like those of ``governance.policy.Policy``."""

    title: str
    rationale: str
    failing: str
    """The shortest contract, function, setting or command that has the fault; or the situation."""
    passing: str
    """The same without the fault; or what to do."""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    about: str
    codes: Mapping[str, Meaning]


@cache
def family(letter: str) -> Family:
    """The codes that begin with one of ``FAMILIES``; read when first asked for."""
    document = tomllib.loads((Path(__file__).parent / f"{letter}.toml").read_text(encoding="utf-8"))
    about = document.pop("family")
    meanings = {code: Meaning(**{k: v.strip() for k, v in table.items()}) for code, table in document.items()}
    return Family(about, meanings)


def meaning(code: str) -> Meaning | None:
    """The texts of a code; None where the library has no such code."""
    return family(code[0]).codes.get(code) if code and code[0] in FAMILIES else None


def known_codes() -> list[str]:
    """Every code of the library, in order."""
    return [code for letter in FAMILIES for code in family(letter).codes]
