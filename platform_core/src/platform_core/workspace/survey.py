"""The graph of the locations that a run may not reach: known without their workers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from platform_core.source.workspace import Location
from platform_core.workspace.home import Home
from platform_core.workspace.introspection import Introspection


class Survey:
    """Of a location that has not changed what is kept is read; any other is looked at in the background.

    Raises:
        UsageError: U050 where MESH_INTROSPECT_TIMEOUT is no number of seconds.
    """

    def __init__(self, root: Path, home: Home, locations: Iterable[Location]) -> None:
        self._looking = Introspection(root, home)
        self._locations = {location.name: location for location in locations}
        found = {name: self._looking.graph(location) for name, location in self._locations.items()}
        self.graphs = {name: graph for name, graph in found.items() if graph is not None}
        self.silent: set[str] = set()
        """Locations that only their worker can tell of: their library is of before 0.4."""
        self._looks = self._looking.begin(self._locations[name] for name in found.keys() - self.graphs.keys())

    def done(self) -> bool:
        """Whether all locations were looked at; of one that does not load the graph is empty."""
        for name in [name for name, look in self._looks.items() if look.done()]:
            loads = self._looks.pop(name).result().loads
            graph = self._looking.graphs.get(name) if loads else ()
            if graph is None:
                self.silent.add(name)
            else:
                self.graphs[name] = graph
        return not self._looks

    def stop(self) -> None:
        self._looking.stop()
