"""Libraries that only a part of the platform needs: an extra of this distribution, or the reader's own."""

from __future__ import annotations

from typing import Final

from platform_core.diagnostics import UsageError

_OF_DAGSTER: Final = {"dagster", "dagster_duckdb", "jinja2", "numpy", "psutil"}
"""The modules that the extra ``dagster`` brings."""
_OF_REMOTE: Final = {"obstore", "psycopg2"}
"""The modules that the extra ``remote`` brings."""


def missing(error: ModuleNotFoundError) -> UsageError:
    """U110 for a library that is not installed. Raises the error itself for a module of the platform."""
    module = (error.name or "").partition(".")[0]
    if module in ("", "platform_core"):
        raise error
    extra = "dagster" if module in _OF_DAGSTER else "remote" if module in _OF_REMOTE else None
    needed = f"platform-core[{extra}]" if extra else module
    message = f"{module} is not installed" + (f", which {needed} brings" if needed != module else "")
    return UsageError.of("U110", message, fix=f"Run `pip install '{needed}'`.")
