"""What the coordinator and a location's worker tell each other: one JSON object a line.

To the worker: ``Order``, and the end of its input, which means "stop now". From the worker:
``Loaded`` or ``Unloadable`` once, then per order ``Moved`` for every asset whose state changed,
and ``Ended``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

State = Literal["running", "ok", "failed", "skipped", "canceled"]


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


@dataclass(frozen=True, slots=True)
class Unloadable:
    error: str


@dataclass(frozen=True, slots=True)
class Moved:
    """An asset's state changed. The figures are of its last run; ``error`` is text for people."""

    key: str
    state: State
    rows: int | None = None
    seconds: float | None = None
    passed: int = 0
    failed: int = 0
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
    document = {"is": type(message).__name__, **asdict(message)}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line.

    Raises:
        ValueError: the line is not one of our messages.
    """
    document = json.loads(line)
    kind = _KINDS.get(document.pop("is", "")) if isinstance(document, dict) else None
    if kind is None or not set(document) <= {field.name for field in fields(kind)}:
        raise ValueError(f"not a message: {line[:200]!r}")
    if kind is Loaded:
        return Loaded(tuple(Asset(**_tuples(asset)) for asset in document["assets"]))
    message: Message = kind(**_tuples(document))
    return message


def _tuples(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in document.items()}
