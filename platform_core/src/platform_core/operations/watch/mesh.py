"""The mesh as the watch knows it: contracts, people and graph, read again when their files change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from platform_core.change.kept_prints import KeptPrints
from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.deployment.file import current_deployment
from platform_core.deployment.model import Address
from platform_core.diagnostics import Diagnostic, PlatformError
from platform_core.governance.facts import LocationFacts, MeshFacts
from platform_core.operations.alerts.recipients import Directory
from platform_core.operations.incidents.reach import part_of
from platform_core.operations.incidents.signals import Signal
from platform_core.operations.store.database import OperationsError
from platform_core.registry.lookup import Registry
from platform_core.source.federation import Federation, read_federation
from platform_core.source.workspace import Location, read_locations
from platform_core.workspace.doctor.elsewhere import code_server
from platform_core.workspace.home import Home
from platform_core.workspace.introspection.cache import Introspection, introspect, kept_facts
from platform_core.workspace.introspection.file_watch import FileObserver, Watch

AGAIN: Final = timedelta(minutes=10)
"""A location that does not load is tried again after this time, and at each change of its files."""


@dataclass
class WatchedMesh:
    """The mesh at ``root``. Each part is kept until a file of it changes."""

    root: Path
    products: Mapping[str, DataProduct] = field(default_factory=dict)
    directory: Directory = field(default_factory=lambda: Directory({}, Federation()))
    facts: dict[str, LocationFacts] = field(default_factory=dict)
    faults: tuple[Diagnostic, ...] = ()
    """The faults of the files with people and policies. While there are some, the former ones count."""
    unread: frozenset[str] = frozenset()
    """The products whose contracts cannot be read now."""
    _readable: bool = False
    _declared: Mapping[str, Any] | None = None
    _broken: dict[str, tuple[datetime, Mapping[str, Any] | None, str]] = field(default_factory=dict)
    """When a location that does not load was tried, its files then, and the code of its fault."""

    def refresh(self) -> bool:
        """Read contracts and people again if a file changed; whether one did. Raises OperationsError with the
        faults of the files with people and policies, unless it could read these before."""
        folders = [self.root / "governance", *sorted((self.root / "domains").glob("*/contracts"))]
        files = [self.root / "workspace.yaml"]
        watch = Watch(tuple(map(str, folders)), tuple(map(str, files)))
        declared = FileObserver().record(watch, _now_ns())
        if declared is not None and declared == self._declared:
            return False
        registry = Registry.open(self.root)
        products, _ = registry.scan()
        federation = read_federation(self.root)
        self.products = {product.id: product for product in products}
        self.unread = frozenset(registry.names()) - self.products.keys()
        self.faults = federation.faults
        if self.faults and self._readable:
            federation = self.directory.federation
        elif self.faults:
            raise OperationsError(*self.faults)
        self._readable, self._declared = True, declared
        self.directory = Directory(self.products, federation)
        return True

    @cached_property
    def locations(self) -> Sequence[Location]:
        return read_locations(self.root)

    def look(self, now: datetime) -> tuple[list[Signal], dict[str, str | None]]:
        """The graphs of locations that changed, and the fault of each location, None if it loads. A location
        that does not load keeps its last graph: it is needed just then."""
        self.__dict__.pop("locations", None)
        deployment = current_deployment()
        servers = deployment.servers.domains if deployment is not None and deployment.servers else None
        faults: dict[str, str | None] = {}
        changed: list[LocationFacts] = []
        for location in self.locations:
            if servers is None:
                facts, fault = self._facts(location, now)
            else:
                facts = next(iter(kept_facts(self.root, [location])), None)
                replies = [_silent(location.name, each) for each in servers.get(location.name, ())]
                fault = next(iter(replies), None) if all(replies) else None
            faults[location.name] = fault
            if facts is not None and self.facts.get(location.name) != facts:
                self.facts[location.name] = facts
                changed.append(facts)
        return [*self._graphs(changed, now)] if changed else [], faults

    def _graphs(self, changed: Sequence[LocationFacts], now: datetime) -> Iterator[Signal]:
        makers = {name: each.made_from for name, each in self.mesh.factories.items() if each.made_from}
        prints = KeptPrints(Home.of(self.root).introspection / "fingerprints.json").of(makers.values())
        for facts in changed:
            own = [name for name in makers if ProductId(name).domain == facts.domain]
            part = part_of({name: prints[makers[name]] for name in own})
            yield Signal.of("graph", facts.name, now, now.isoformat(), part=part)

    @property
    def sources(self) -> dict[str, frozenset[str]]:
        """The sources outside of the mesh that each product reads."""
        return {
            ProductId.of(each.domain, factory.name): frozenset(
                table.source for table in factory.made_from.tables if table.outside
            )
            for each in self.facts.values()
            for factory in each.factories
            if factory.made_from is not None
        }

    @property
    def mesh(self) -> MeshFacts:
        return MeshFacts(tuple(self.facts.values()), self.directory.federation)

    def _facts(self, location: Location, now: datetime) -> tuple[LocationFacts | None, str | None]:
        known, before = self.facts.get(location.name), self._broken.get(location.name)
        introspection = Introspection(self.root, Home.of(self.root))
        unchanged = introspection.unchanged(location)
        introspection.stop()
        if unchanged and known is not None:
            self._broken.pop(location.name, None)
            return known, None
        files = self._files(location)
        if before is not None and before[1] == files and now - before[0] < AGAIN:
            return known, before[2]
        [facts] = introspect(self.root, [location])
        if facts.loads:
            self._broken.pop(location.name, None)
            return facts, None
        text = facts.faults[0].render(quote=False) if facts.faults else "error[G491]: it does not load"
        self._broken[location.name] = now, files, text
        return next(iter(kept_facts(self.root, [location])), None), text

    def _files(self, location: Location) -> Mapping[str, Any] | None:
        folder = self.root / "domains" / location.name
        return FileObserver().record(Watch((str(folder),), ()), _now_ns())


def _silent(name: str, address: Address) -> str | None:
    """The fault of a code server that does not answer, as text."""
    try:
        return next((each.render() for each in code_server(name, address) if each.code == "E080"), None)
    except PlatformError as error:
        return error.diagnostics[0].render()


def _now_ns() -> int:
    return int(datetime.now(UTC).timestamp() * 1e9)
