"""The contracts of the mesh that differ from those at the base, in git."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import ContractError, DefinitionError
from platform_core.governance.facts import ContractChange
from platform_core.registry.lookup import Registry
from platform_core.settings import CONTRACTS, mesh_home
from platform_core.source.acknowledgements import acknowledgements
from platform_core.source.revision import Revision, default_revision


def contract_changes(
    root: Path, products: Mapping[str, DataProduct], base: Revision | None = None
) -> tuple[ContractChange, ...]:
    """The contracts that differ from ``base``, by default from ``default_revision``; none without git, for
    contracts in another folder, and for those that the base does not have or cannot read.

    Raises UsageError: U096 for an unknown MESH_BASE, U097 without a common history.
    """
    found = base or (default_revision(root) if CONTRACTS.folder() is None else None)
    if found is None:
        return ()
    changed = {root / file for file in found.changed() if "/contracts/" in file}
    wanted = [each for each in products.values() if each.path in changed]
    if not wanted:
        return ()
    return tuple(changes_since(Registry.open(found.extract(mesh_home(root) / "base")), root, wanted))


def changes_since(before: Registry, root: Path, products: Iterable[DataProduct]) -> Iterator[ContractChange]:
    """The contracts of products with the former ones, as far as ``before`` has them."""
    for product in products:
        if product.twin_of is not None:
            continue  # its parent has the contract
        try:
            old = before.get(product.id)
        except (ContractError, DefinitionError):
            continue  # a new product, or one that had faults
        yield ContractChange(old, product, acknowledgements(root, product.id, product.version))
