"""Libraries that only a part of the platform needs: extras of this distribution, or the reader's own."""

from __future__ import annotations

from typing import Final

from platform_core.diagnostics import UsageError
from platform_core.version import __version__

_OF_DAGSTER: Final = (
    "dagster",
    "dagster_duckdb",
    "dagster_shared",
    "jinja2",
    "numpy",
    "psutil",
    "sqlalchemy",
)
_EXTRAS: Final = {**dict.fromkeys(_OF_DAGSTER, "dagster"), "dagster_dbt": "dbt", "dbt": "dbt", "dlt": "dlt"}
"""Extras by the modules that they bring."""


def missing(error: ModuleNotFoundError) -> UsageError:
    """U110 for a library that is not installed. Raises the error itself for a module of the platform."""
    module = (error.name or "").partition(".")[0]
    if module in ("", "platform_core"):
        raise error
    extra = _EXTRAS.get(module)
    package = f"platform-core[{extra}]" if extra else module
    message = f"this needs {module}, which is not installed"
    expected = f"platform-core {__version__} with the extra {extra}" if extra else f"the library {module}"
    return UsageError.of("U110", message, None, expected, f"Run `pip install '{package}'`.")
