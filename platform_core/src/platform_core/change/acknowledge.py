"""Drafts of acknowledgements: the files in which the readers of a breaking change answer."""

from __future__ import annotations

from pathlib import Path

from platform_core.contracts.product_id import ProductId
from platform_core.files import write_whole
from platform_core.governance.contract_changes import contract_changes
from platform_core.governance.facts import MeshFacts
from platform_core.governance.policies.change import readers_broken
from platform_core.source.acknowledgements import draft
from platform_core.source.federation import read_federation
from platform_core.source.revision import Revision
from platform_core.source.workspace import read_locations
from platform_core.workspace.introspection.cache import introspect


def write_drafts(root: Path, base: Revision | None) -> tuple[Path, ...]:
    """Write a file for each contract whose changes since ``base`` break a reader, and return those written. A
    file that exists stays."""
    mesh = MeshFacts(introspect(root, read_locations(root)), read_federation(root))
    written = []
    for change in contract_changes(root, mesh.products, base):
        readers = sorted(readers_broken(mesh, change))
        speakers = mesh.federation.representatives
        asked = [(reader, speakers.get(ProductId(reader).domain, ())) for reader in readers]
        file = change.acknowledged
        if asked and not file.exists:
            write_whole(file.path, draft(change.new.id, change.new.version, asked))
            written.append(file.path)
    return tuple(written)
