"""Who reads some products, and which columns of them.

``python -m platform_core.workspace.introspection.readers PRODUCT ...`` writes a JSON list to standard
output, with an object for each reader. It introspects locations that changed. For a location that does not
load now, the last good facts count.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from platform_core.diagnostics import PlatformError
from platform_core.governance.facts import MeshFacts
from platform_core.settings import mesh_root
from platform_core.source.federation import read_federation
from platform_core.source.workspace import read_locations
from platform_core.workspace.introspection.cache import introspect, kept_facts


def readers(root: Path, products: Collection[str]) -> list[dict[str, Any]]:
    """The inputs, foreign keys and dependencies of the locations of ``workspace.yaml`` that read products;
    ``columns`` are None where they are not known.

    Raises:
        DefinitionError: D070 where the workspace file is broken.
    """
    locations = read_locations(root)
    facts = introspect(root, locations)
    lost = [location for location, found in zip(locations, facts, strict=True) if not found.whole]
    known = {found.name: found for found in (*facts, *kept_facts(root, lost))}
    mesh = MeshFacts(tuple(known.values()), read_federation(root))
    return [
        {"reader": read.reader, "source": read.source, "columns": read.columns, "place": str(read.place)}
        for read in mesh.reads
        if read.source in products
    ]


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps(readers(mesh_root(), sys.argv[1:])))
    except PlatformError as error:
        sys.exit(str(error))
