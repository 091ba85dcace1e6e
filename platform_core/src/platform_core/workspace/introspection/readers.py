"""The readers of products, with the columns that they read.

``python -m platform_core.workspace.introspection.readers PRODUCT ...`` writes a JSON list to standard output,
with an object for each reader. It introspects changed locations; a location that does not load counts with
its last good facts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from platform_core.diagnostics import PlatformError
from platform_core.governance.facts import MeshFacts, Read
from platform_core.settings import mesh_root
from platform_core.source.federation import read_federation
from platform_core.source.workspace import read_locations
from platform_core.workspace.introspection.cache import introspect, kept_facts


def reads(root: Path, products: Collection[str]) -> list[Read]:
    """The inputs, foreign keys and dependencies in ``workspace.yaml`` that read products. Raises
    DefinitionError D070 for a broken workspace file."""
    locations = read_locations(root)
    facts = introspect(root, locations)
    lost = [location for location, found in zip(locations, facts, strict=True) if not found.whole]
    known = {found.name: found for found in (*facts, *kept_facts(root, lost))}
    mesh = MeshFacts(tuple(known.values()), read_federation(root))
    return [read for read in mesh.reads if read.source in products]


def readers(root: Path, products: Collection[str]) -> list[dict[str, Any]]:
    """The same as JSON; ``columns`` is None if unknown."""
    return [
        {"reader": read.reader, "source": read.source, "columns": read.columns, "place": str(read.place)}
        for read in reads(root, products)
    ]


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps(readers(mesh_root(), sys.argv[1:])))
    except PlatformError as error:
        sys.exit(str(error))
