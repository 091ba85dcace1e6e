"""How a run of the mesh went, product by product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from platform_core.workspace.messages import State

Outcome = Literal["passed", "warned", "failed"]
"""Of one check; a failed check of severity WARN is a warning."""


@dataclass(frozen=True, slots=True)
class Checks:
    """How many checks had which outcome. As text: ``29 ok, 2 warnings``, and ``1 failed`` where one did."""

    passed: int = 0
    warned: int = 0
    failed: int = 0

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Checks:
        return cls(*(outcomes.count(each) for each in get_args(Outcome)))

    def __str__(self) -> str:
        words = ("ok", "warning" if self.warned == 1 else "warnings", "failed")
        counts = (self.passed, self.warned, self.failed)
        return ", ".join(f"{count} {word}" for count, word in zip(counts, words, strict=True) if count)


@dataclass(frozen=True, slots=True)
class ProductResult:
    """How one product fared. ``status`` None: it waits."""

    product: str
    location: str
    status: State | None = None
    rows: int | None = None
    seconds: float | None = None
    checks: Checks = Checks()
    error: str | None = None
    partitions: str = ""
    """The partitions that the run makes of it, ``first..last``; empty where it makes the whole."""


@dataclass(frozen=True, slots=True)
class MeshResult:
    """How a run of the mesh ended."""

    products: tuple[ProductResult, ...]
    faults: tuple[str, ...]
    """Each cause once, rendered; failures of assets that are no products included."""
    seconds: float
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        return not self.interrupted and all(product.status == "ok" for product in self.products)


class Observer(Protocol):
    """Who watches a run. Called in the running thread."""

    def moved(self, result: ProductResult) -> None:
        """A product's state changed."""

    def tick(self) -> None:
        """Some time has passed."""
