"""``mesh alert``: try a channel, or see who would hear of the events of a product."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from platform_core.cli.exit_status import OK
from platform_core.cli.grammar import one_of
from platform_core.cli.output import answer, note
from platform_core.cli.table import print_table, print_text
from platform_core.diagnostics import UsageError
from platform_core.operations.alerts.delivery import NotAccepted, send, trial
from platform_core.operations.alerts.explain import explain
from platform_core.operations.alerts.text import Text
from platform_core.operations.incidents.book import Book
from platform_core.operations.store.database import OperationsError
from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.mesh import WatchedMesh
from platform_core.registry.typed_names import product_id
from platform_core.settings import mesh_root
from platform_core.words import did_you_mean, listed


def arguments(parser: argparse.ArgumentParser) -> None:
    words = "test: send a trial message to a channel; explain: who would hear of a product, and why"
    actions = one_of("ACTION", ("test", "explain"))
    parser.add_argument("action", type=actions, metavar="ACTION", help=words)
    what = "a channel such as 'sales-analytics #sales-analytics', or a product"
    parser.add_argument("name", metavar="NAME", help=what)
    columns = "of explain: only faults in these columns, separated by commas"
    parser.add_argument("--columns", metavar="COLUMNS", help=columns)


def run(options: argparse.Namespace) -> int:
    root, now = mesh_root(), datetime.now(UTC)
    mesh = WatchedMesh(root)
    mesh.refresh()
    if options.action == "test":
        return _test(options, mesh, now)
    product = product_id(options.name, sorted(mesh.products))
    columns = frozenset(filter(None, options.columns.split(","))) if options.columns else None
    known = [column.name for column in mesh.products[product].columns]
    for column in sorted((columns or frozenset()) - {*known}):
        message = f'{product} has no column "{column}"'
        raise UsageError.of("U099", message, None, listed(known), did_you_mean(column, known))
    signals, _ = mesh.look(now)
    with Journal.open(root) as journal:
        # A location that does not load keeps the graph that the watch knows.
        signals = [*journal.signals(now), *signals]
    found = explain(mesh.directory, Book.replay(signals), product, columns, now)
    rows = [
        {
            "team": each.recipient.team,
            "as": each.recipient.role,
            "channel": each.recipient.target.name,
            "events": list(each.events),
            "products": list(each.recipient.products),
            "policy": each.recipient.policy.name,
            "line": each.recipient.policy.place.line,
            "instead_of": each.recipient.missing,
        }
        for each in found
    ]

    def table() -> None:
        if not rows:
            print_text(f"nobody hears of {product}: no policy of governance/alerts.yaml has a channel for it")
            return
        cells = [
            [
                each.recipient.target.name,
                f"{each.recipient.role} ({each.recipient.team})",
                listed(each.events, 20),
                listed(each.recipient.products, 6) or "-",
                f"{each.recipient.policy.name}, line {each.recipient.policy.place.line}",
            ]
            for each in found
        ]
        print_table(("channel", "as", "hears of", "about", "by policy"), cells)

    return answer(options, root, {"product": product, "recipients": rows}, table)


def _test(options: argparse.Namespace, mesh: WatchedMesh, now: datetime) -> int:
    directory = mesh.directory
    owners = sorted({*directory.federation.teams, *(p.owner for p in mesh.products.values() if p.owner)})
    targets = {target.name: target for owner in owners for target in directory.targets(owner)}
    target = targets.get(options.name)
    if target is None:
        message = f'no channel is named "{options.name}"'
        fix = (
            did_you_mean(options.name, targets) or "Add webhook or email to a team of governance/teams.yaml."
        )
        raise UsageError.of("O006", message, None, listed(sorted(targets)) or "a channel", fix)
    message_to = trial(target, now)
    try:
        send(target, Text.of_document(message_to.body), message_to.key, directory.alerts.email)
    except NotAccepted as error:
        fix = "Correct the channel in governance/teams.yaml, or the secret that it names."
        raise OperationsError.of(
            "O007", f"{target.name} did not take the message: {error}", fix=fix
        ) from None
    note(options, f"sent with the key {message_to.key}")
    answer(
        options, mesh.root, {"channel": target.name, "key": message_to.key}, f"{target.name} took the message"
    )
    return OK
