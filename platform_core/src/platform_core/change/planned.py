"""The plan of each product, and the products that a run of it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from platform_core.change.impact import Verdict
from platform_core.diagnostics import Diagnostic
from platform_core.workspace.run.cutoff import ChangedProducts, Cutoff
from platform_core.workspace.run.forecast import Expected
from platform_core.workspace.run.selection import Selection


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader whose columns may differ."""

    product: str
    domain: str
    owner: str | None
    columns: tuple[str, ...] | None
    """The columns that it reads and that may differ; None: all, because the rows may."""
    place: str


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan for one product."""

    verdict: Verdict
    expected: Expected | None = None
    """The time and bytes of its run, from the last one; None if it is not made."""
    demands: str | None = None
    """The lowest version that the changes of its contract need, if the contract has a lower one."""
    readers: tuple[Reader, ...] = ()
    ends: float | None = None
    """The seconds until its run ends, with those before it."""
    endangered: str = ""
    """The promise that a run now would break, in words."""
    inputs: tuple[str, ...] = ()
    """The products that it reads."""
    uses: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The columns that it uses of each."""
    notes: tuple[str, ...] = ()
    """Why its fingerprints are coarse, and what depends on the order of rows."""

    @property
    def made(self) -> bool:
        """Whether a run makes it."""
        return self.verdict.change in ("changed", "affected")


@dataclass(frozen=True)
class ChangePlan:
    """The plan of all products, each after its inputs. ``base`` is a commit; None: what is published."""

    products: tuple[Planned, ...]
    base: str | None = None
    faults: tuple[Diagnostic, ...] = ()

    @property
    def seconds(self) -> float:
        """About how long a run takes."""
        return max((each.ends or 0.0 for each in self.products), default=0.0)

    def marks(self) -> dict[str, str]:
        """The kind of the change of each product that has one."""
        return {each.verdict.product: mark for each in self.products if (mark := each.verdict.mark)}

    def of(self, selection: Selection) -> ChangePlan:
        """The part of a selection of products."""
        if not selection.terms:
            return self
        wanted = selection.resolve({each.verdict.product: each.inputs for each in self.products})
        return replace(self, products=tuple(each for each in self.products if each.verdict.product in wanted))


def changed_products(found: ChangePlan) -> ChangedProducts:
    """The products that a run of the plan makes, or leaves as they are."""
    made = [each for each in found.products if each.made and each.expected is not None]
    reads = {each.verdict.product: each.uses for each in made if not each.verdict.certain}
    return ChangedProducts({each.verdict.product: each.verdict.partitions for each in made}, Cutoff(reads))
