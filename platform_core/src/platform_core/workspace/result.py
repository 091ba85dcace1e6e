"""How a run of the mesh went, product by product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from platform_core.workspace.messages import State


@dataclass(frozen=True, slots=True)
class ProductResult:
    """How one product fared. ``status`` None: it waits."""

    product: str
    location: str
    status: State | None = None
    rows: int | None = None
    seconds: float | None = None
    passed: int = 0
    failed: int = 0
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
