"""``mesh incident``: the incidents of the mesh by their causes, and answers to them."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from platform_core.cli.exit_status import FAILED, OK
from platform_core.cli.grammar import one_of
from platform_core.cli.output import answer
from platform_core.cli.table import print_table, print_text
from platform_core.diagnostics import UsageError
from platform_core.operations.alerts.text import named
from platform_core.operations.incidents.signals import DAEMON
from platform_core.operations.store.journal import Journal
from platform_core.operations.watch.answers import acknowledge, incident_of, moment, silence
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import domain_name, product_id
from platform_core.settings import mesh_root
from platform_core.words import age_in_words, counted, duration_in_words, listed

ACTIONS = ("list", "show", "ack", "silence")


def arguments(parser: argparse.ArgumentParser) -> None:
    words = "list (default), show one, ack: somebody works on it and it is not repeated, or silence a cause"
    parser.add_argument(
        "action", nargs="?", type=one_of("ACTION", ACTIONS), default="list", metavar="ACTION", help=words
    )
    named = "the id of an incident; of silence also its cause, such as sales/transactions or location:hr"
    parser.add_argument("name", nargs="?", metavar="ID", help=named)
    parser.add_argument("--all", action="store_true", help="list the resolved ones too")
    parser.add_argument("--by", metavar="NAME", help="who answers; default: the user of this machine")
    until = "the end of a silence: 4h, 2026-12-01 or 2026-12-01T08:00 UTC"
    parser.add_argument("--until", metavar="TIME", help=until)
    parser.add_argument("--why", metavar="TEXT", help="the reason of a silence")


def run(options: argparse.Namespace) -> int:
    root, now = mesh_root(), datetime.now(UTC)
    if options.action == "list":
        if options.name is not None:
            fix = f"`mesh incident show {options.name}`"
            raise UsageError.of("U091", f'unexpected argument "{options.name}"', fix=fix)
        with Journal.open(root) as journal:
            found, watched = journal.incidents(unresolved=not options.all), journal.fact("round") is not None
        status = answer(options, root, {"incidents": found}, lambda: _list(found, watched))
        return FAILED if any(each["resolved"] is None for each in found) else status
    if options.name is None:
        raise UsageError.of("U093", "ID is missing", None, f"mesh incident {options.action} ID")
    by = options.by or getpass.getuser()
    if options.action == "silence":
        if options.until is None or not options.why:
            lacking = "--until" if options.until is None else "--why"
            fix = f"`mesh incident silence {options.name} --until 4h --why '...'`"
            raise UsageError.of("U093", f"{lacking} is missing", None, "an end and a reason", fix)
        until, name = moment(options.until, now), options.name
        if "/" in name and ":" not in name:
            name = product_id(name, Registry.open(root).names())
        if name.startswith("location:"):
            name = f"location:{domain_name(name.removeprefix('location:'), Registry.open(root).domains())}"
        subject = silence(root, name, until, by, options.why, now)
        is_cause = "/" in name or ":" in name or name == DAEMON
        what = named(subject) if is_cause else f"incident {subject}"
        words = f"no message about {what} until {until:%Y-%m-%d %H:%M} UTC, except of its end"
        facts = {
            "cause" if is_cause else "incident": subject,
            "until": until,
            "by": by,
            "why": options.why,
        }
        return answer(options, root, {"silence": facts}, words)
    if options.action == "ack":
        incident = acknowledge(root, options.name, by, now)
    else:
        with Journal.open(root) as journal:
            incident = incident_of(journal.incidents(), options.name)
    answer(options, root, {"incidents": [incident]}, lambda: _show(incident))
    return OK


def _list(found: Sequence[Mapping[str, Any]], watched: bool) -> None:
    if not found:
        print_text("no incident is open" if watched else "the watch has never run: no incident is known")
        return
    rows = [
        [
            each["id"],
            f"{each['state']}{', silent' if each['silenced'] else ''}",
            named(each["cause"]),
            each["what"],
            _age(each["opened"]),
            _reach(each),
        ]
        for each in found
    ]
    print_table(("id", "state", "cause", "what", "since", "affects"), rows)


def _show(each: Mapping[str, Any]) -> None:
    print_text(f"{named(each['cause'])} {each['what']}\n")
    answered, silenced = each["acknowledged"], each["silenced"]
    times = {name: each[name] and datetime.fromisoformat(each[name]) for name in ("opened", "resolved")}
    took = times["resolved"] and duration_in_words(times["resolved"] - times["opened"])
    facts = {
        "id": each["id"],
        "state": each["state"],
        "opened": _at(each["opened"]),
        "detected": _at(each["detected"]),
        "known to": f"{answered['by']} since {_at(answered['at'])}" if answered else None,
        "silent": f"until {_at(silenced['until'])}, {silenced['by']}: {silenced['why']}"
        if silenced
        else None,
        "resolved": f"{_at(each['resolved'])}, after {took}" if took else None,
        "back": counted(each["reopened"], "time") if each["reopened"] else None,
        "columns": listed(each["columns"]) if each["columns"] else None,
        "run": each["run"],
        "late": listed([*each["late"]]) or None,
        "affects": listed(each["affected"], 40) or "no product",
    }
    for name, words in facts.items():
        if words is not None:
            print_text(words, f"{name:<10}")


def _reach(each: Mapping[str, Any]) -> str:
    late = f", {len(each['late'])} late" if each["late"] else ""
    return f"{counted(len(each['affected']), 'product')}{late}"


def _age(at: str) -> str:
    return age_in_words(datetime.fromisoformat(at))


def _at(at: str) -> str:
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M} UTC"
