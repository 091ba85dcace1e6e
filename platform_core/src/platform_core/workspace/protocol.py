"""What the coordinator and a location's worker tell each other: one JSON object a line.

To the worker: ``Order``, and the end of its input, which means "stop now". From the worker:
``Loaded`` or ``Unloadable`` once, then per order ``Moved`` for every asset whose state changed,
and ``Ended``.

A location may run on another version of platform_core than the command: members that have their usual
value are left out, and members that a reader does not know are passed over. What both sides have to
agree on is ``PROTOCOL``; only the form of ``Loaded``'s ``protocol`` stays for ever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from platform_core.governance.facts_document import made, written

PROTOCOL: Final = 1
"""Raised when a message changes so that the other side would misunderstand it."""

AssetState = Literal["running", "ok", "failed", "skipped", "canceled"]


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset that a location can materialize."""

    key: str
    """``<domain>/<product>`` for a product."""
    upstream: tuple[str, ...] = ()
    partitions: tuple[str, ...] | None = None
    """Keys of its grid in order; None for an asset without partitions."""
    grid: str | None = None
    """Two assets with the same grid may share a run over a range of keys."""
    per_run: int = 0
    """How many partitions one run may cover; 0 for any number."""
    together: tuple[str, ...] = ()
    """Keys of all assets that one step always makes with it, itself included."""
    checked_against: tuple[str, ...] = ()
    """Keys of its upstream that only its foreign keys point to: no data of them flows into it."""
    all_of: tuple[str, ...] = ()
    """Keys of its partitioned upstream of which each of its partitions reads all partitions."""
    last_of: tuple[str, ...] = ()
    """Keys of its partitioned upstream of which it reads only the last partition."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Keys of the upstream of which data flows into it."""
        return tuple(key for key in self.upstream if key not in self.checked_against)


@dataclass(frozen=True, slots=True)
class Order:
    """Materialize assets in one go, each over the same consecutive partition keys."""

    number: int
    assets: tuple[str, ...]
    partitions: tuple[str, ...] | None
    per_run: int
    invocation: str


@dataclass(frozen=True, slots=True)
class Loaded:
    assets: tuple[Asset, ...]
    platform_core: str = ""
    """The version that the location runs on; 0.1 did not say it."""
    protocol: int = 1


@dataclass(frozen=True, slots=True)
class Unloadable:
    error: str


@dataclass(frozen=True, slots=True)
class Moved:
    """An asset's state changed. The figures are of its last run; ``error`` is text for people."""

    key: str
    state: AssetState
    rows: int | None = None
    seconds: float | None = None
    passed: int = 0
    failed: int = 0
    warned: int = 0
    """Failed checks that only warn; 0.2 counted them in ``failed``."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    number: int


Message = Order | Loaded | Unloadable | Moved | Ended
_KINDS: Final[Mapping[str, type[Any]]] = {
    kind.__name__: kind for kind in (Order, Loaded, Unloadable, Moved, Ended)
}


def encode(message: Message) -> bytes:
    """One line, ending with its newline."""
    document = {"is": type(message).__name__, **written(message)}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line.

    Raises:
        ValueError: the line is not one of our messages.
    """
    document = json.loads(line)
    try:
        kind = _KINDS[document.pop("is", "")]
        if kind is Loaded and document.get("protocol", 1) != PROTOCOL:
            # Nothing else of it can be counted on.
            return Loaded((), str(document.get("platform_core", "")), document["protocol"])
        message: Message = made(kind, document)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ValueError(f"not a message: {line[:200]!r}") from None
    return message
