"""Whether a regular expression can be checked in the lake, whose engine (RE2) has no look-around."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=256)
def complaint(pattern: str) -> str | None:
    """What is wrong with a regular expression; None where it can be used.

    The Rust engine that validates JSON Schema is of RE2's family: what it takes, DuckDB takes.
    """
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    import jsonschema_rs

    try:
        jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
    except ValueError:
        return "it looks around or back, or uses what RE2 does not have"
    return None
