"""The messages between the coordinator and a location's worker: one JSON object per line.

To the worker: ``Order``, and the end of its input, which means "stop now". From the worker: ``Loaded`` or
``Unloadable`` once, then per order ``Moved`` for every asset that changed its state, and ``Ended``.

A location may run on another version of platform_core than the command: messages leave out members with
default values, and readers ignore unknown members. Both sides must have the same ``PROTOCOL``; the member
``protocol`` of ``Loaded`` never changes its form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from platform_core.governance.facts_document import made, written

PROTOCOL: Final = 1
"""Increases when the other side would misunderstand a changed message."""

AssetState = Literal["running", "ok", "unchanged", "failed", "skipped", "canceled"]
"""``unchanged``: it was not made, because no column that it reads has changed."""


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset that a location can materialize."""

    key: str
    """``<domain>/<product>`` for a product."""
    upstream: tuple[str, ...] = ()
    partitions: tuple[str, ...] | None = None
    """The keys of its grid in order; None for an asset without partitions."""
    grid: str | None = None
    """Assets with the same grid may share a run over a range of keys."""
    per_run: int = 0
    """The maximum number of partitions in one run; 0 for no limit."""
    together: tuple[str, ...] = ()
    """Keys of all assets that the same step always makes, itself included."""
    checked_against: tuple[str, ...] = ()
    """Upstream keys that only its foreign keys reference: it reads none of their data."""
    all_of: tuple[str, ...] = ()
    """Partitioned upstream keys of which each of its partitions reads all partitions."""
    last_of: tuple[str, ...] = ()
    """Partitioned upstream keys of which it reads only the last partition."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The upstream keys whose data it reads."""
        return tuple(key for key in self.upstream if key not in self.checked_against)


@dataclass(frozen=True, slots=True)
class Order:
    """Materialize assets together, each over the same consecutive partition keys."""

    number: int
    assets: tuple[str, ...]
    partitions: tuple[str, ...] | None
    per_run: int
    invocation: str


@dataclass(frozen=True, slots=True)
class Loaded:
    assets: tuple[Asset, ...]
    platform_core: str = ""
    """The location's version; empty for 0.1."""
    protocol: int = 1


@dataclass(frozen=True, slots=True)
class Unloadable:
    error: str


@dataclass(frozen=True, slots=True)
class Moved:
    """An asset has changed its state. The figures are of its last run; ``error`` is text for people."""

    key: str
    state: AssetState
    rows: int | None = None
    seconds: float | None = None
    passed: int = 0
    failed: int = 0
    warned: int = 0
    """Failed checks of severity WARN; 0.2 counted them in ``failed``."""
    error: str | None = None
    changed: tuple[str, ...] | None = None
    """The columns that differ from the version before; None: the rows, or unknown."""


@dataclass(frozen=True, slots=True)
class Ended:
    number: int


Message = Order | Loaded | Unloadable | Moved | Ended
_KINDS: Final[Mapping[str, type[Any]]] = {kind.__name__: kind for kind in get_args(Message)}


def encode(message: Message) -> bytes:
    """One line, ending with its newline."""
    document = {"is": type(message).__name__, **written(message)}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line. Raises ValueError for any other line."""
    document = json.loads(line)
    try:
        kind = _KINDS[document.pop("is", "")]
        if kind is Loaded and document.get("protocol", 1) != PROTOCOL:
            # Its other members may have another meaning.
            return Loaded((), str(document.get("platform_core", "")), document["protocol"])
        message: Message = made(kind, document)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ValueError(f"not a message: {line[:200]!r}") from None
    return message
