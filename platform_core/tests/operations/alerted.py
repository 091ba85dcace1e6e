"""A mesh of contracts and events that nothing ran: who hears of what, by whole rounds of the watch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
from operations.receivers import Receiver, receiving
from small_mesh import SALES, TWO_DAYS, SmallMesh, here

from platform_core.operations.incidents.signals import Signal
from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.mesh import WatchedMesh
from platform_core.operations.watch.round import Result, Rounds
from platform_core.operations.watch.settle import settle
from platform_core.workspace.home import Home

DOMAINS = ("shop", "other", "third", "platform")
TEAM = """\
  {domain}-team:
    domain: {domain}
    channels: [{{channel: "#{domain}", tool: webhook, webhook: {{file: {domain}.txt}}}}]
    members: [{{role: owner, email: {domain}-owner@example.com}}]
"""
OWNERS = "{name: owners, events: [opened, resolved], notify: [owner], repeat: 24h}"
READERS = "{name: readers, events: [opened, resolved], notify: [readers]}"
MESH = "central_team: platform-team\nemail_domains: [example.com]\n"
GRAPH = {
    "shop/sales": {"": {"tills": []}, "amount": {"tills": ["amount"]}, "who": {"tills": ["name"]}},
    "other/amounts": {"": {"shop/sales": []}, "amount": {"shop/sales": ["amount"]}},
    "third/names": {"": {"shop/sales": []}, "who": {"shop/sales": ["who"]}},
}
"""`other/amounts` reads the amounts of `shop/sales`, and `third/names` its names."""


@dataclass
class AlertedMesh:
    mesh: SmallMesh
    receiver: Receiver
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    watched: WatchedMesh | None = None

    def clean(self) -> None:
        """Forget everything that happened, and write the files as they were."""
        for folder in ("operate", "dagster"):
            shutil.rmtree(self.mesh.root / ".mesh" / folder, ignore_errors=True)
        for waivers in (self.mesh.root / "governance").glob("waivers.yaml"):
            waivers.unlink()
        self.receiver.clear()
        self.now = datetime.now(UTC)
        self.teams(*DOMAINS)
        self.policies(OWNERS, READERS)
        self.mesh.write("governance/mesh.yaml", MESH)
        for product in GRAPH:
            self.mesh.contract(product, SALES, promise=TWO_DAYS)
        self.happens(Signal.of("graph", "all", self.now - timedelta(hours=1), part=GRAPH))

    def policies(self, *policies: str, more: str = "") -> None:
        """Write ``alerts.yaml``."""
        lines = "".join(f"  - {each}\n" for each in policies)
        self.mesh.write("governance/alerts.yaml", f"policies:\n{lines}{more}")

    def teams(self, *domains: str, more: str = "") -> None:
        """Write ``teams.yaml``: a team of each domain, and its channel."""
        for domain in domains:
            self.mesh.write(f"governance/{domain}.txt", self.receiver.url(domain))
        teams = "".join(TEAM.format(domain=domain) for domain in domains)
        self.mesh.write("governance/teams.yaml", f"teams:\n{teams}{more}")

    def happens(self, *signals: Signal) -> None:
        """Store signals as another process does it."""
        with Journal.open(self.mesh.root) as journal, journal.transaction():
            settle(journal, journal.record(signals), self.now)

    def refuse(self, product: str = "shop/sales", at: datetime | None = None) -> None:
        facts = {"rule": "range__amount", "columns": ["amount"], "count": 3, "rows": 1200}
        self.happens(Signal.of("refused", product, at or self.now, str(uuid4()), **facts))

    def publish(self, product: str = "shop/sales") -> None:
        self.happens(Signal.of("published", product, self.now, str(uuid4()), version=7))

    def round(self, after: timedelta = timedelta()) -> Result:
        """A round of a new watch, some time after the last one. It knows the locations from the last one."""
        self.now += after
        with Journal.open(self.mesh.root) as journal:
            rounds = Rounds(self.mesh.root, journal, None)
            rounds.mesh = self.watched = self.watched or rounds.mesh
            return rounds.round(self.now)

    def incidents(self, *, unresolved: bool = True) -> list[dict[str, Any]]:
        with Journal.open(self.mesh.root) as journal:
            return journal.incidents(unresolved=unresolved)

    def waiting(self) -> dict[str, str]:
        """The messages that are not sent, and what was wrong with each."""
        with Journal.open(self.mesh.root) as journal:
            rows = journal.database.rows("SELECT key, error FROM mesh_message WHERE state <> 'sent'")
        return {key: error or "" for key, error in rows}

    def titles(self, domain: str) -> list[str]:
        return self.receiver.titles(domain)

    @contextmanager
    def events(self) -> Iterator[Events]:
        """The event log of the mesh."""
        home = Home.of(self.mesh.root)
        home.prepare(self.mesh.root)
        with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
            yield Events(instance)


@dataclass(frozen=True)
class Events:
    """Writes the events that a run would write."""

    instance: dg.DagsterInstance

    def checked(
        self,
        product: str,
        rule: str,
        passed: bool,
        *,
        warning: bool = False,
        text: str | None = None,
        **facts: int,
    ) -> None:
        """The result of a check in a run of its own."""
        level = dg.AssetCheckSeverity.WARN if warning else dg.AssetCheckSeverity.ERROR
        data = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(product.split("/")),
            check_name=rule,
            passed=passed,
            metadata={name: dg.MetadataValue.int(value) for name, value in facts.items()},
            severity=level,
            description=text,
        )
        self._record(dg.DagsterEventType.ASSET_CHECK_EVALUATION, data)

    def published(self, product: str, version: int, **facts: Any) -> None:
        metadata = {"mesh/version": version, **{f"mesh/{name}": value for name, value in facts.items()}}
        made = dg.AssetMaterialization(dg.AssetKey(product.split("/")), metadata=metadata)
        self.instance.report_runless_asset_event(made)

    def _record(self, kind: dg.DagsterEventType, data: Any) -> None:
        event = dg.DagsterEvent(kind.value, "job", event_specific_data=data)
        self.instance.report_dagster_event(event, run_id=str(uuid4()))


@contextmanager
def alerted_mesh(root: Path) -> Iterator[AlertedMesh]:
    """One for the tests of a module, whose first round looks at a location; ``clean`` before each test."""
    with here(root, *DOMAINS) as mesh, receiving() as receiver:
        mesh.location("yard", "defs = dg.Definitions()")
        yield AlertedMesh(mesh, receiver)
