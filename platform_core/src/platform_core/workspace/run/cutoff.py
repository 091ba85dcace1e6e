"""The products that a run leaves as they are, because no column that they read has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Changed = frozenset[str] | None
"""The columns of a new version that differ from the version before; None: its rows, or unknown."""


@dataclass(frozen=True, slots=True)
class Cutoff:
    """``reads`` has the products that only a changed input concerns: the columns that each uses, by input."""

    reads: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)

    def __contains__(self, product: object) -> bool:
        return product in self.reads

    def spares(self, product: str, changed: Mapping[str, Changed]) -> bool:
        """Whether the new versions of its inputs, by product, differ in no column that it uses."""
        for name, used in self.reads[product].items():
            if name in changed and ((columns := changed[name]) is None or columns & used):
                return False
        return True


@dataclass(frozen=True, slots=True)
class ChangedProducts:
    """The products of a plan with the partitions of each, None for all, and those that may stay unmade."""

    partitions: Mapping[str, tuple[str, ...] | None]
    cutoff: Cutoff
