"""Whether a regular expression can be checked in the lake, whose engine (RE2) has no look-around."""

from __future__ import annotations

from functools import lru_cache

from platform_core.sql.engine import refused
from platform_core.sql.quoting import literal


@lru_cache(maxsize=256)
def complaint(pattern: str) -> str | None:
    """What the engine that runs a regular expression says is wrong with it; None where it can be used."""
    return refused(f"SELECT regexp_matches('', {literal(pattern)})")
