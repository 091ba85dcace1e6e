"""The alerts of a mesh: ``governance/alerts.yaml``, the policies by which people hear of what happens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, get_args

from platform_core.diagnostics import Place
from platform_core.secrets import Secret
from platform_core.source.cursor import Node
from platform_core.source.secret_reference import secret_reference

Event = Literal[
    # of incidents
    "opened", "repeated", "resolved",
    # of a product: the first four open incidents
    "refused", "failed", "unchecked", "late", "recovered", "published", "warned", "contract_changed",
    "deprecated_read", "waiver_expiring", "over_budget",
    # of the platform
    "silent",
]  # fmt: skip
EVENTS: Final[tuple[Event, ...]] = get_args(Event)
Tool = Literal["email", "slack", "teams", "webhook"]
TOOLS: Final[tuple[Tool, ...]] = get_args(Tool)
OWNER: Final = "owner"
READERS: Final = "readers"
DOMAIN: Final = "domain:"
ENCRYPTION: Final = ("tls", "starttls", "none")
_FILE: Final = ("policies", "email", "heartbeat")
_POLICY: Final = ("name", "events", "of", "notify", "by", "repeat")
_OF: Final = ("domain", "owner", "tag", "selection")
_EMAIL: Final = ("host", "port", "encryption", "from", "user", "password")
_ADDRESS: Final = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_SPAN: Final = re.compile(r"(?P<count>[1-9]\d{0,4}) ?(?P<unit>min|h|d)")
_UNITS: Final = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """The recipients of events. An empty filter matches everything."""

    name: str
    events: tuple[Event, ...]
    notify: tuple[str, ...]
    """``owner``, ``readers``, teams, and ``domain:<name>`` for the teams of a domain."""
    place: Place
    of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The products by their domain, owner, tag, or a selection as that of ``mesh run``."""
    by: tuple[Tool, ...] = ()
    """The tools of the channels; empty for all."""
    repeat: timedelta | None = None
    """How long after the last message an open incident is repeated."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes messages by SMTP."""

    host: str
    port: int
    encryption: str
    sender: str
    user: str | None = None
    password: Secret | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Alerts:
    """The file; without one there are no policies."""

    policies: tuple[AlertPolicy, ...] = ()
    email: MailServer | None = None
    heartbeat: Secret | None = field(default=None, repr=False)
    """The secret with the address that each whole round of the watch calls."""


def alerts_of(file: Node) -> Alerts:
    """The alerts of ``governance/alerts.yaml``. Faults have the code G406."""
    file.has_only(_FILE, "C010", "alerts.yaml")
    policies = tuple(_policies(file))
    email = _email(file["email"]) if "email" in file.mapping() else None
    return Alerts(policies, email, secret_reference(file, "heartbeat", "G406"))


def _policies(file: Node) -> Iterator[AlertPolicy]:
    names: set[str] = set()
    for entry in file.items("policies"):
        entry.has_only(_POLICY, "C010", "a policy of alerts.yaml")
        name = entry.text("name") or ""
        events, notify, by = map(entry.texts, ("events", "notify", "by"))
        given = (("name", name), ("events", events), ("notify", notify))
        missing = [key for key, value in given if not value]
        if missing or name in names:
            message = f"a policy without {missing[0]}" if missing else f'a second policy "{name}"'
            entry.error("C010", message, "name, events and notify; every name once")
            continue
        names.add(name)
        if "repeated" in events and entry.get("repeat") is None:
            entry["events"].error("C010", "the event repeated without a time", "the key repeat, such as 24h")
        for key, words, known in (("events", events, EVENTS), ("by", by, TOOLS)):
            for number, word in enumerate(words):
                if word not in known:
                    entry[key][number].error("C010", f'unknown word "{word}" in {key}', known=known)
        of = {key: words for key in entry["of"].mapping() if (words := _words(entry["of"], key))}
        entry["of"].has_only(_OF, "C010", "of")
        yield AlertPolicy(
            name,
            tuple(event for event in EVENTS if event in events),
            notify,
            entry.place("name"),
            of,
            tuple(tool for tool in TOOLS if tool in by),
            _span(entry, "repeat"),
        )


def _words(node: Node, key: str) -> tuple[str, ...]:
    return (str(node.get(key)),) if isinstance(node.get(key), str) else node.texts(key)


def _span(node: Node, key: str) -> timedelta | None:
    if (text := node.get(key)) is None:
        return None
    if (found := span(str(text))) is None:
        node[key].error("C010", f'"{text}" is not a span of time', "such as 30 min, 4 h or 7 d")
    return found


def span(text: str) -> timedelta | None:
    """A span of time as people write it, ``4h``; None for anything else."""
    found = _SPAN.fullmatch(text.strip())
    return int(found["count"]) * _UNITS[found["unit"]] if found else None


def _email(node: Node) -> MailServer | None:
    node.has_only(_EMAIL, "C010", "email")
    host, sender, how = node.text("host"), node.text("from"), node.text("encryption") or "tls"
    if not host or not sender:
        node.error("C010", "email without host or from", "host, from and encryption")
        return None
    if not _ADDRESS.fullmatch(sender):
        node["from"].error("C010", f'"{sender}" is not an address', "an address such as mesh@example.com")
    if ("user" in node.mapping()) is not ("password" in node.mapping()):
        node.error("C010", "a user without a password, or a password without a user", "both, or neither")
    if how not in ENCRYPTION:
        node["encryption"].error("C010", f'unknown encryption "{how}"', known=ENCRYPTION)
    port = node.get("port") or {"tls": 465, "starttls": 587}.get(how, 25)
    if type(port) is not int or not 0 < port < 65536:
        node["port"].error("C010", f'"{port}" is not a port', "a number from 1 to 65535")
        port = 465
    return MailServer(host, port, how, sender, node.text("user"), secret_reference(node, "password", "G406"))
