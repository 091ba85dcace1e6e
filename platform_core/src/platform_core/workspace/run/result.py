"""How a run of the mesh went, product by product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from platform_core.contracts.product_id import ProductId
from platform_core.workspace.check_counts import NONE, Checks
from platform_core.workspace.protocol import AssetState, Moved
from platform_core.workspace.run.plan import Plan


@dataclass(frozen=True, slots=True)
class ProductResult:
    """How one product fared. ``status`` None: it waits."""

    product: str
    location: str
    status: AssetState | None = None
    rows: int | None = None
    seconds: float | None = None
    checks: Checks = NONE
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


class Results:
    """What becomes of the assets of a run, step by step: ``plan`` gets their states, ``observer`` those of
    the products that were asked for."""

    def __init__(self, plan: Plan, observer: Observer) -> None:
        self._plan, self._observer = plan, observer
        self.products: dict[str, ProductResult] = {}
        self.faults: dict[str, None] = {}

    def expect(self, product: str) -> None:
        """Take in a product that was asked for."""
        self._note(ProductResult(product, ProductId(product).domain))

    def move(self, moved: Moved) -> None:
        self._plan.move(moved)
        if moved.state in ("failed", "ok") and moved.error is not None:
            self.faults[moved.error] = None
        if moved.key in self.products:
            checks = Checks(moved.passed, moved.warned, moved.failed)
            figures = (moved.rows, moved.seconds, checks)
            error = moved.error
            if moved.state == "skipped":
                cause = self._plan.cause(moved.key)
                error = f"not made, because {cause} {_became(self._plan.state(cause))}" if cause else None
            location = self.products[moved.key].location
            step = self._plan.steps.get(moved.key)
            part = step.part if step is not None else ""
            self._note(ProductResult(moved.key, location, moved.state, *figures, error, part))

    def _note(self, result: ProductResult) -> None:
        self.products[result.product] = result
        self._observer.moved(result)


def _became(state: AssetState | None) -> str:
    return {"failed": "failed", "skipped": "was not made either"}.get(state or "", "was not made")
