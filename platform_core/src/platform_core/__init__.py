"""The platform of the mesh: contracts, publication and governance for domains on Dagster.

Names load at their first use, so that a command without Dagster does not wait for its import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# flit reads the version from here without importing the package.
from .version import __version__ as __version__

if TYPE_CHECKING:
    from platform_core.contracts.model import DataProduct
    from platform_core.contracts.partitions import Window
    from platform_core.diagnostics import Deprecation, Diagnostic, Place, PlatformError
    from platform_core.governance.location import domain_definitions
    from platform_core.products.assets.plain import checks, owners, sla
    from platform_core.products.batch import Batch
    from platform_core.products.declare import Input, data_product
    from platform_core.products.model import Model
    from platform_core.products.resource import LakeResource
    from platform_core.products.result import Result
    from platform_core.products.table import Table
    from platform_core.sources.source import Source

__all__ = [
    "Batch",
    "DataProduct",
    "Diagnostic",
    "Input",
    "LakeResource",
    "Model",
    "Place",
    "PlatformError",
    "Result",
    "Source",
    "Table",
    "Window",
    "checks",
    "data_product",
    "domain_definitions",
    "owners",
    "sla",
]

_HOMES = {
    "Batch": "products.batch",
    "DataProduct": "contracts.model",
    "Diagnostic": "diagnostics",
    "Input": "products.declare",
    "LakeResource": "products.resource",
    "Model": "products.model",
    "Place": "diagnostics",
    "PlatformError": "diagnostics",
    "Result": "products.result",
    "Source": "sources.source",
    "Table": "products.table",
    "Window": "contracts.partitions",
    "checks": "products.assets.plain",
    "data_product": "products.declare",
    "domain_definitions": "governance.location",
    "owners": "products.assets.plain",
    "sla": "products.assets.plain",
}

_DEPRECATED: dict[str, Deprecation] = {}
"""Deprecated public names; ``docs/platform.md`` has the period until their removal."""


def __getattr__(name: str) -> Any:
    if name in _DEPRECATED:
        _DEPRECATED[name].warn()
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        from platform_core.extras import missing

        raise missing(error) from None


def __dir__() -> list[str]:
    return __all__
