"""What the assets of locations read, by the facts of the locations: no worker is started for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from platform_core.governance.facts import LocationFacts
from platform_core.product_id import ProductId
from platform_core.source.workspace import Location
from platform_core.workspace.home import Home
from platform_core.workspace.introspection import Introspection
from platform_core.workspace.messages import Asset


class Survey:
    """Locations that changed are looked at in the background, until ``stop``.

    Raises:
        UsageError: U050 where MESH_INTROSPECT_TIMEOUT is no number of seconds.
    """

    def __init__(self, root: Path, home: Home, locations: Iterable[Location]) -> None:
        looking = Introspection(root, home)
        found = [(location, looking.kept(location)) for location in locations]
        self._kept = {location.name: facts for location, facts in found if facts is not None}
        self._looks = looking.begin(location for location, facts in found if facts is None)
        self.stop = looking.stop

    def assets(self) -> Mapping[str, Sequence[Asset]] | None:
        """Those of each location, none of one that does not load; None while they are looked at."""
        if not all(look.done() for look in self._looks.values()):
            return None
        facts = self._kept | {name: look.result() for name, look in self._looks.items()}
        return {name: tuple(assets_of(each)) for name, each in facts.items()}


def assets_of(facts: LocationFacts) -> Iterator[Asset]:
    """The assets of a location as its worker tells them, without what a run of them needs."""
    referenced = {str(product.id): product.referenced for product in facts.products}
    for asset in facts.assets:
        if asset.materializable:
            factory = facts.factory.get(ProductId(asset.key).name) if asset.product else None
            inputs = {read.product: read.partitions for read in (factory.inputs if factory else ())}
            yield Asset(
                asset.key,
                tuple(key for key in asset.deps if key != asset.key),
                checked_against=tuple(key for key in referenced.get(asset.key, ()) if key not in inputs),
                all_of=tuple(sorted(name for name in inputs if inputs[name] == "all")),
                last_of=tuple(sorted(name for name in inputs if inputs[name] == "last")),
            )
