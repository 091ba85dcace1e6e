"""Contracts: an Open Data Contract Standard file becomes a frozen ``DataProduct``."""

from platform_core.contracts.bounds import Bounds
from platform_core.contracts.model import (
    Column,
    DataProduct,
    Deadline,
    Grant,
    MaximumAge,
    Partitions,
    Reference,
    Rule,
    Support,
)
from platform_core.contracts.reader import load_contract
from platform_core.contracts.registry import Registry
from platform_core.contracts.windows import Window, spanning, window, windows
from platform_core.settings import mesh_root

__all__ = [
    "Bounds",
    "Column",
    "DataProduct",
    "Deadline",
    "Grant",
    "MaximumAge",
    "Partitions",
    "Reference",
    "Registry",
    "Rule",
    "Support",
    "Window",
    "load_contract",
    "mesh_root",
    "spanning",
    "window",
    "windows",
]
