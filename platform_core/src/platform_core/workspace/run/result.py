"""The result of a run of the mesh, product by product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from platform_core.contracts.product_id import ProductId
from platform_core.workspace.protocol import AssetState, Moved
from platform_core.workspace.records.check_counts import NONE, Checks
from platform_core.workspace.run.plan import GOOD, Plan


@dataclass(frozen=True, slots=True)
class ProductResult:
    """The result of one product. ``status`` None: it waits."""

    product: str
    location: str
    status: AssetState | None = None
    rows: int | None = None
    seconds: float | None = None
    checks: Checks = NONE
    error: str | None = None
    partitions: str = ""
    """The partitions that the run makes, ``first..last``; empty for the whole product."""


@dataclass(frozen=True, slots=True)
class MeshResult:
    products: tuple[ProductResult, ...]
    faults: tuple[str, ...]
    """Each cause once, rendered, also of assets that are not products."""
    seconds: float
    interrupted: bool = False
    unloaded: Mapping[str, str] = field(default_factory=dict)
    """The code locations that do not load, with their faults."""

    @property
    def ok(self) -> bool:
        return not self.interrupted and all(product.status in GOOD for product in self.products)


class Observer:
    """Observes a run, in its thread. This one shows nothing."""

    def moved(self, result: ProductResult) -> None:
        """A product's state has changed."""

    def tick(self) -> None:
        """Some time has passed."""

    def close(self) -> None:
        """The run has ended."""


class Results:
    """The results of a run as they arrive: ``plan`` gets the states of all assets, ``observer`` those of the
    selected products."""

    def __init__(self, plan: Plan, observer: Observer) -> None:
        self._plan, self._observer = plan, observer
        self.products: dict[str, ProductResult] = {}
        self.faults: dict[str, None] = {}

    def expect(self, product: str) -> None:
        self._show(ProductResult(product, ProductId(product).domain))

    def move(self, moved: Moved) -> None:
        self._plan.move(moved)
        if moved.state in ("failed", "ok") and moved.error is not None:
            self.faults[moved.error] = None
        if moved.key in self.products:
            checks = Checks(moved.passed, moved.warned, moved.failed)
            figures = (moved.rows, moved.seconds, checks)
            error = moved.error
            if moved.state == "skipped":
                error = self._why_skipped(moved.key)
            if moved.state == "unchanged":
                error = "not made, because no column that it reads has changed"
            location = self.products[moved.key].location
            step = self._plan.steps.get(moved.key)
            part = step.part if step is not None else ""
            self._show(ProductResult(moved.key, location, moved.state, *figures, error, part))

    def _show(self, result: ProductResult) -> None:
        self.products[result.product] = result
        self._observer.moved(result)

    def _why_skipped(self, key: str) -> str | None:
        if (cause := self._plan.cause(key)) is None:
            return None
        results = {"failed": "failed", "skipped": "was not made either"}
        return f"not made, because {cause} {results.get(self._plan.state(cause) or '', 'was not made')}"
