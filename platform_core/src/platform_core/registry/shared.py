"""The registry that repositories share: ``<domain>/<product>.odcs.yaml`` in the folder MESH_REGISTRY."""

from __future__ import annotations

from pathlib import Path

from platform_core.compatibility.versions import behind, same
from platform_core.contracts.model import DataProduct, place_in
from platform_core.diagnostics import ContractError, shown
from platform_core.odcs.identity import SUFFIXES
from platform_core.odcs.reader import load_contract
from platform_core.registry.contract_files import rivals
from platform_core.source.document import parse


def same_content(one: Path, other: Path) -> bool:
    """Whether two contracts have the same content, apart from comments and layout."""
    return one.read_bytes() == other.read_bytes() or parse(one).data == parse(other).data


def require_not_behind(product: DataProduct, shared: Path) -> None:
    """Check a contract of this tree against the registered one, which must be older or the same.

    Raises:
        ContractError: C140 where both have the same version and other content, C141 where this tree's
            is older, C022 where two are registered; or the faults of the registered file.
    """
    named = (shared / product.domain / f"{product.name}{suffix}" for suffix in SUFFIXES)
    files = tuple(file for file in named if file.is_file())
    if len(files) > 1:
        raise ContractError(rivals(product.id, files))
    if not files or same_content(product.path, files[0]):
        return
    registered = files[0]
    there = load_contract(registered, product.domain).version
    place = place_in(product, "/version")
    if same(product.version, there):
        message = f"{product.id} {there} has other content in the registry"
        expected = f"the content of {shown(registered)}, or another version"
        fix = "Raise the version and register it, or restore the registered contract."
        raise ContractError.of("C140", message, place, expected, fix)
    if behind(product.version, there):
        message = f"{product.id} is {product.version} here, but {there} in the registry"
        fix = "Update this checkout."
        raise ContractError.of("C141", message, place, f"{there} or newer, as in {shown(registered)}", fix)
