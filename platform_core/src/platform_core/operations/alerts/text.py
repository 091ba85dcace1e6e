"""The text of a message, made once for all tools: what happened, since when, and what to do. Names, counts
and times only: a message leaves the house, so it holds no value of a row and no text of an exception."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from platform_core.contracts.model import DataProduct
from platform_core.operations.alerts.recipients import Recipient
from platform_core.operations.incidents.book import Book, Incident
from platform_core.operations.incidents.reach import Reached
from platform_core.operations.incidents.signals import Signal
from platform_core.words import counted, duration_in_words, listed

Tone = Literal["bad", "good", "news"]
SHOWN: Final = 6
WHAT: Final = {
    "refused": "was not published",
    "unchecked": "was not published",
    "failed": "could not be made",
    "late": "is late",
    "broken": "does not work",
}
NEWS: Final = {
    "published": "has a new version",
    "warned": "was published with a new warning",
    "contract": "has another contract",
    "deprecated": "ends soon and still has readers",
    "waiver": "has a waiver that expires soon",
    "budget": "is over its budget",
    "silent": "was silent: nobody heard of anything",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A message: its ``facts`` and ``links`` are pairs of a name and a value."""

    title: str
    lead: str
    tone: Tone
    facts: tuple[tuple[str, str], ...]
    steps: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    why: str
    """Why the recipient gets it."""
    event: str
    """``opened``, ``repeated``, ``resolved``, or another event of ``governance/alerts.yaml``."""
    subject: str
    """The id of a product, or another cause such as ``location:hr``."""
    thread: str
    """The same for all messages of an incident."""

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Text:
        pairs = {name: tuple((a, b) for a, b in document[name]) for name in ("facts", "links")}
        return cls(**{**document, **pairs, "steps": tuple(document["steps"])})


@dataclass(frozen=True)
class Writer:
    """Writes messages from the book and the contracts; ``ui`` is the address of Dagster's UI, if known."""

    book: Book
    products: Mapping[str, DataProduct]
    ui: str | None
    now: datetime

    def incident(self, incident: Incident, phase: str, recipient: Recipient) -> Text:
        """The message about an incident: ``opened``, ``repeat <n>`` or ``resolved``."""
        repaired = incident.resolved is not None and phase == "resolved"
        subject = named(incident.cause)
        what = "works again" if repaired else what_in_words(incident)
        facts = [*self._facts(incident, recipient)]
        if repaired and incident.resolved is not None:
            took = duration_in_words(_whole(incident.resolved - incident.opened))
            facts.insert(0, ("Repaired after", took))
        lead = f"{subject} {what}."
        if recipient.role == "reader" and not repaired:
            read = "whose products you read" if incident.cause.startswith("location:") else "which you read"
            lead = f"{subject}, {read}, {what}. {self._reach_in_words(incident, recipient)}"
        elif phase.startswith("repeat"):
            lead = f"{lead} It is still so after {duration_in_words(_whole(self.now - incident.opened))}."
        return Text(
            title=f"{subject} {what}",
            lead=lead,
            tone="good" if repaired else "bad",
            facts=tuple(facts),
            steps=() if repaired else tuple(self._steps(incident, recipient)),
            links=tuple(self._links(incident.cause, incident.last)),
            why=_why(recipient, f"incident {incident.id}"),
            event="repeated" if phase.startswith("repeat") else phase,
            subject=incident.cause,
            thread=incident.id,
        )

    def news(self, signal: Signal, event: str, recipient: Recipient) -> Text:
        """The message about a fact that opens no incident."""
        facts = [("Owner", owner) for owner in self._owners(signal.subject)]
        if signal.kind == "published":
            rows = signal.facts["rows"]
            facts.append(
                (
                    "Version",
                    f"{signal.facts['version']}" + (f", {counted(rows, 'row')}" if rows is not None else ""),
                )
            )
        facts += [(name.capitalize(), str(value)) for name, value in signal.facts.get("shown", {}).items()]
        if recipient.products and recipient.role == "reader":
            facts.append(("Yours", listed(recipient.products, SHOWN)))
        what = signal.facts.get("what", NEWS[signal.kind])
        return Text(
            title=f"{signal.subject} {what}",
            lead=f"{signal.subject} {what}.",
            tone="news",
            facts=(*facts, ("Since", at_in_words(signal.at))),
            steps=tuple(signal.facts.get("steps", ())),
            links=tuple(self._links(signal.subject, signal)),
            why=_why(recipient, ""),
            event=event,
            subject=signal.subject,
            thread=signal.key,
        )

    def _facts(self, incident: Incident, recipient: Recipient) -> list[tuple[str, str]]:
        cause, facts = incident.cause, incident.last.facts
        found = [("Since", at_in_words(incident.opened))]
        if owners := self._owners(cause):
            found.append(("Owner", listed(owners, SHOWN)))
        newest = self.book.newest.get(cause)
        version = None
        if newest is not None:
            version = f"version {newest.facts['version']} of {at_in_words(newest.at)}"
        if incident.resolved is not None:
            return [*found, ("Published", version)] if version is not None else found
        if incident.reopened:
            found.append(("Back", f"{counted(incident.reopened, 'time')}, each soon after the repair"))
        counts = [_violations(each, len(incident.faults) > 1) for each in incident.faults]
        if any(counts):
            found.append(("Violations", listed([*filter(None, counts)], SHOWN)))
        if facts.get("place"):
            found.append(("Where", facts["place"]))
        if incident.columns:
            found.append(("Columns", listed(sorted(incident.columns), SHOWN)))
        if facts.get("why"):
            found.append(("Promise", facts["why"]))
        if version is not None:
            found.append(("Readers keep", version))
        if incident.late:
            found.append(("Late because of it", listed(sorted(incident.late), SHOWN)))
        if recipient.role == "owner":
            reached = self.book.affected(incident)
            found.append(("Affected", listed(sorted(reached), SHOWN) or "no product"))
        return found

    def _owners(self, cause: str) -> list[str]:
        """The owner of a product, or those of all products of a location."""
        kind, _, name = cause.partition(":")
        own = [
            each
            for each in self.products.values()
            if each.id == cause or (kind, each.domain) == ("location", name)
        ]
        return sorted({each.owner for each in own if each.owner})

    def _reach_in_words(self, incident: Incident, recipient: Recipient) -> str:
        reached = self.book.affected(incident)
        own = [reached[name] for name in recipient.products if name in reached]
        return f"It concerns {listed([way(each) for each in own], SHOWN)}."

    def _steps(self, incident: Incident, recipient: Recipient) -> list[str]:
        if recipient.role == "reader":
            return ["There is nothing to do: you get a message when it works again."]
        kind, _, name = incident.cause.partition(":")
        code = incident.last.facts.get("code")
        steps = [f"mesh explain {code}"] if code else []
        if "/" in kind:
            steps += [f"mesh show {kind}", f"After the repair: mesh run {kind}+"]
        elif kind == "location":
            steps += [f"mesh validate shows why {name} does not load"]
        elif kind == "daemon":
            steps += ["Start it again: mesh serve"]
        elif kind == "channel":
            steps += [f"After the repair: mesh alert test '{name}'"]
        return [*steps, f"Known already? mesh incident ack {incident.id}"]

    def _links(self, cause: str, signal: Signal) -> list[tuple[str, str]]:
        links = []
        if self.ui is not None and "/" in cause and ":" not in cause:
            links.append(("Product", f"{self.ui}/assets/{cause}"))
        if self.ui is not None and signal.facts.get("run"):
            links.append(("Run", f"{self.ui}/runs/{signal.facts['run']}"))
        product = self.products.get(cause)
        support = product.support if product is not None else ()
        pages = [each for each in support if (each.url or "").startswith(("https://", "http://"))]
        return [*links, *((f"Support {each.channel}", each.url or "") for each in pages)]


def what_in_words(incident: Incident) -> str:
    """The fault of an incident: a code and its title, or a rule."""
    facts, kind = incident.last.facts, WHAT[incident.kind]
    if incident.cause.startswith("source:"):
        return "is not there, or cannot be read" if incident.kind != "late" else "is late"
    if incident.kind == "broken":
        return str(facts.get("what", kind))
    if incident.kind == "refused" and facts.get("rule"):
        rules = [each.facts["rule"] for each in incident.faults if each.facts.get("rule")]
        return f"{kind}: {listed(rules, 3)} {'fails' if len(rules) == 1 else 'fail'}"
    if incident.kind == "unchecked":
        return f"{kind}: {facts['rule']} cannot be checked"
    return f"{kind}: {facts['title']} ({facts['code']})" if facts.get("code") else kind


def _violations(fault: Signal, named: bool) -> str | None:
    """The number of rows that break a rule, ``named`` with its name."""
    count, rows = fault.facts.get("count"), fault.facts.get("rows") or 0
    words = f"{count:,} of {counted(rows, 'row')}" if count is not None else None
    return f"{fault.facts['rule']} {words}" if named and words is not None else words


def named(cause: str) -> str:
    """A cause in words."""
    kind, _, name = cause.partition(":")
    words = {"location": "the code location", "source": "the source", "channel": "the channel"}
    if cause == "daemon":
        return "Dagster's daemon"
    return f"{words[kind]} {name}" if kind in words else cause


def way(reached: Reached) -> str:
    """A reader with the columns through which it is reached."""
    columns = f" (columns {listed(reached.columns, SHOWN)})" if reached.columns else ""
    return f"{reached.product} through {reached.through}{columns}"


def at_in_words(at: datetime) -> str:
    return f"{at.astimezone(UTC):%a %d %b %Y %H:%M} UTC"


def _why(recipient: Recipient, what: str) -> str:
    because = {
        "owner": f"The team {recipient.team} owns it",
        "reader": f"The team {recipient.team} owns products that read it",
        "named": f"The policy names {recipient.team}",
    }[recipient.role]
    if recipient.missing:
        because = f"The team {recipient.missing} has no channel"
    policy = f"policy {recipient.policy.name} of governance/alerts.yaml"
    return "; ".join(filter(None, [because, policy, what]))


def _whole(span: timedelta) -> timedelta:
    return timedelta(minutes=max(1, round(span.total_seconds() / 60)))
