"""Signals: facts that open, change or end incidents, or that somebody may want to hear of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, get_args

from platform_core.fingerprint.made_from import digest

Kind = Literal[
    # faults of products
    "refused", "failed", "unchecked", "late",
    # the other news of products
    "published", "warned", "contract", "deprecated", "waiver", "budget", "silent",
    # causes other than products
    "broken", "works",
    # the graph of a location, and answers of people
    "graph", "ack", "silence",
]  # fmt: skip
FAULTS: Final = frozenset[Kind]({"refused", "failed", "unchecked"})
"""The faults that a product has by itself; such an incident is its own."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
DAEMON: Final = "daemon"


@dataclass(frozen=True, slots=True)
class Signal:
    """One fact, at a time in UTC. ``key`` is the same whenever the same fact is read."""

    key: str
    kind: Kind
    subject: str
    """A product's id; ``location:hr``, ``source:<name>``, ``channel:<name>``, ``daemon``, ``watch``; an
    incident's id."""
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: Kind, subject: str, at: datetime, *identity: str, **facts: Any) -> Signal:
        """A signal whose key is its kind, subject and ``identity``, such as the id of a run."""
        return cls(digest(kind, subject, *identity), kind, subject, at, facts)

    @property
    def columns(self) -> frozenset[str] | None:
        """The columns that are wrong; None where all may be."""
        columns = self.facts.get("columns")
        return None if columns is None else frozenset(columns)
