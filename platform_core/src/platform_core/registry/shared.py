"""The registry that domains in repositories of their own share: a folder of contracts named by MESH_REGISTRY,
``<domain>/<product>.odcs.yaml``."""

from __future__ import annotations

from pathlib import Path

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import ContractError, shown
from platform_core.odcs.identity import SUFFIXES
from platform_core.odcs.reader import load_contract
from platform_core.registry.compatibility import number
from platform_core.registry.contract_files import rivals
from platform_core.source.document import parse


def same_content(one: Path, other: Path) -> bool:
    """Whether two contracts say the same: comments and layout are no part of it."""
    return one.read_bytes() == other.read_bytes() or parse(one).data == parse(other).data


def require_not_behind(product: DataProduct, shared: Path) -> None:
    """Hold the contract of this tree against the registered one, which may only be older, or say the same.

    Raises:
        ContractError: C140 where both have one version and say different things, C141 where this tree's
            is the older; C022 where two are registered; or the faults of the registered file.
    """
    named = (shared / product.domain / f"{product.name}{suffix}" for suffix in SUFFIXES)
    files = tuple(file for file in named if file.is_file())
    if len(files) > 1:
        raise ContractError(rivals(product.id, files))
    if not files or same_content(product.path, files[0]):
        return
    registered = files[0]
    there = load_contract(registered, product.domain).version
    ours, theirs = number(product.version), number(there)
    place = product.places.get("/version") or product.place
    if product.version == there:
        message = f"{product.id} {there} says one thing here and another in the registry"
        expected = f"what {shown(registered)} says, or another version"
        fix = "Raise the version and register it, or take the registered contract back."
        raise ContractError.of("C140", message, place, expected, fix)
    if ours is not None and theirs is not None and ours < theirs:
        message = f"{product.id} is {product.version} here, and {there} was registered"
        fix = "Update this checkout: versions do not go back."
        raise ContractError.of("C141", message, place, f"{there} or newer, as in {shown(registered)}", fix)
