"""Libraries that only a part of the platform needs: an extra of this distribution, or the reader's own."""

from __future__ import annotations

from typing import Final

from platform_core.diagnostics import UsageError

_EXTRAS: Final = {
    **dict.fromkeys(("dagster", "dagster_duckdb", "jinja2", "numpy", "psutil"), "dagster"),
    **dict.fromkeys(("obstore", "psycopg2"), "remote"),
    **dict.fromkeys(("pyspark", "grpc"), "spark"),
}
"""The extra that brings a module."""


def missing(error: ModuleNotFoundError) -> UsageError:
    """U110 for a library that is not installed. Raises the error itself for a module of the platform."""
    module = (error.name or "").partition(".")[0]
    if module in ("", "platform_core"):
        raise error
    needed = f"platform-core[{_EXTRAS[module]}]" if module in _EXTRAS else module
    message = f"{module} is not installed" + (f", which {needed} brings" if needed != module else "")
    return UsageError.of("U110", message, fix=f"Run `pip install '{needed}'`.")
