"""A small mesh with a watch: `shop/sales` is read by another domain, and each team has a channel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from operations.receivers import Receiver, receiving
from small_mesh import GOVERNED, KEPT, TWO_DAYS, SmallMesh, here

from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.round import Result, Rounds
from platform_core.workspace.home import Home

TABLE = (
    GOVERNED.replace("amount,", "amount, required: true,")
    + '      - {name: who, logicalType: string, classification: internal, description: "Name."}\n'
)
"""A table as the policies want it, since `mesh run` asks them."""
PROMISE = TWO_DAYS + KEPT
GOOD = "SELECT 1::BIGINT AS id, 2.5::DOUBLE AS amount, 'Ada' AS who"
BAD = GOOD.replace("2.5", "-2.5")
CODE = """
@data_product
def sales():
    return {query!r}
"""
READERS = """
@data_product(inputs={"sales": "shop/sales"})
def amounts(sales: Table):
    return f"SELECT id, amount, 'x' AS who FROM {sales}"


@data_product(inputs={"sales": "shop/sales"})
def names(sales: Table):
    return f"SELECT id, 1.0::DOUBLE AS amount, who FROM {sales}"
"""
TEAM = """\
  {domain}-team:
    domain: {domain}
    email: {domain}@example.com
    channels: [{{channel: "#{domain}", tool: webhook, webhook: {{file: {domain}.txt}}}}]
    members: [{{role: owner, email: {domain}-owner@example.com}}]
"""
POLICIES = """\
policies:
  - name: owners
    events: [opened, repeated, resolved, warned, contract_changed, over_budget]
    notify: [owner]
    repeat: 24h
  - {name: readers, events: [opened, resolved, warned], notify: [readers]}
"""
DOMAINS = ("shop", "other", "third", "platform")


@dataclass
class WatchedShop:
    mesh: SmallMesh
    receiver: Receiver
    instance: dg.DagsterInstance
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    rounds: Rounds | None = None

    def make(self, *products: str, query: str = GOOD) -> list[bool]:
        self.mesh.code("shop", CODE.format(query=query))
        made = [self.mesh.run(each.partition("/")[0], each, self.instance).success for each in products]
        self.now = max(self.now, datetime.now(UTC))
        return made

    def round(self, after: timedelta = timedelta()) -> Result:
        """A round of a new watch, some time after the last one."""
        self.now = max(self.now + after, datetime.now(UTC))
        with Journal.open(self.mesh.root) as journal:
            return Rounds(self.mesh.root, journal, None).round(self.now)

    def incidents(self, *, unresolved: bool = True) -> list[dict[str, Any]]:
        with Journal.open(self.mesh.root) as journal:
            return journal.incidents(unresolved=unresolved)

    def messages(self, domain: str) -> list[str]:
        return self.receiver.titles(domain)


@contextmanager
def watched_shop(root: Path) -> Iterator[WatchedShop]:
    """`other/amounts` reads the amounts of `shop/sales`, and `third/names` its names."""
    with here(root, *DOMAINS) as mesh, receiving() as receiver:
        for domain in DOMAINS:
            mesh.write(f"governance/{domain}.txt", receiver.url(domain))
        teams = "".join(TEAM.format(domain=domain) for domain in DOMAINS)
        mesh.write("governance/teams.yaml", f"teams:\n{teams}")
        mesh.write("governance/mesh.yaml", "central_team: platform-team\nemail_domains: [example.com]\n")
        mesh.write("governance/alerts.yaml", POLICIES)
        roles = '[{role: "domain:other", access: read}, {role: "domain:third", access: read}]'
        mesh.contract("shop/sales", TABLE, roles=roles, promise=PROMISE)
        mesh.contract("other/amounts", TABLE, promise=PROMISE)
        mesh.contract("third/names", TABLE, promise=PROMISE)
        one, two = READERS.strip().split("\n\n\n")
        mesh.code("other", one)
        mesh.code("third", two)
        mesh.code("shop", CODE.format(query=GOOD))
        for domain in ("shop", "other", "third"):
            mesh.location(domain)
        home = Home.of(root)
        home.prepare(root)
        with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
            shop = WatchedShop(mesh, receiver, instance)
            assert shop.make("shop/sales", "other/amounts", "third/names") == [True] * 3
            yield shop
