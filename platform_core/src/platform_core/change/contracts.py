"""The changes of a contract that a plan names."""

from __future__ import annotations

from collections.abc import Iterator

from platform_core.change.impact import Moved
from platform_core.compatibility.change import Grade
from platform_core.compatibility.compare import changes
from platform_core.contracts.model import DataProduct


def contract_words(old: DataProduct, new: DataProduct) -> tuple[str, ...]:
    """The changes of a contract without neutral ones, in words, with their codes."""
    found = (each for each in changes(old, new) if each.grade > Grade.NEUTRAL)
    return tuple(f"{each.code} {each.message}" for each in found)


def concerned(old: DataProduct, new: DataProduct) -> Iterator[Moved]:
    """The columns whose readers a broken or weaker promise concerns; its rows for the whole product."""
    for each in changes(old, new):
        if each.grade >= Grade.RISKY and not each.twin:
            columns = frozenset(each.columns or ())
            yield Moved(rows=each.columns is None and each.roles is None, columns=columns)


def regrouped(old: DataProduct, new: DataProduct) -> bool:
    """Whether the partitions differ, so that others exist."""
    grids = [p and (p.column, p.every, p.timezone, p.start, p.end) for p in (old.partitions, new.partitions)]
    return grids[0] != grids[1]
