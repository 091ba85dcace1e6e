"""Two versions of one contract: their order, and the changes that break consumers of the older one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from platform_core.contracts.model import Column, DataProduct, place_in
from platform_core.diagnostics import Place
from platform_core.odcs.masks import in_twin

_NOWHERE: Final = Place(Path())


@dataclass(frozen=True, slots=True)
class Break:
    """A change that breaks consumers."""

    message: str
    place: Place


def number(version: str) -> tuple[int, ...] | None:
    """``1.2.0`` as numbers; None for any other form of version."""
    parts = version.partition("-")[0].partition("+")[0].split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else None


def raised(old: str, new: str) -> bool:
    """Whether a version announces a break: a higher major version, or before 1.0 a higher minor one."""
    before, after = number(old), number(new)
    if before is None or after is None:
        return old != new
    size = 2 if before[0] == 0 else 1
    return after[:size] > before[:size]


def breaking_after(version: str) -> str:
    """The next version that may break consumers."""
    parts = number(version) or (1,)
    return f"0.{(*parts, 0)[1] + 1}.0" if parts[0] == 0 else f"{parts[0] + 1}.0.0"


def breaks(old: DataProduct, new: DataProduct) -> Iterator[Break]:
    """The changes that break consumers of ``old``: columns, key, partitions, grants, status."""
    for before in old.columns:
        after = new.column(before.name)
        if after is None:
            yield Break(f'the column "{before.name}" is removed', place_in(new, "/schema"))
        else:
            yield from _column(before, after)
    if old.key != new.key:
        yield Break(f"the key was {_names(old.key)} and is {_names(new.key)}", place_in(new, "/schema"))
    if old.kind != new.kind:
        yield Break(f"it was a {old.kind} and is a {new.kind}", new.place)
    if old.file != new.file:
        yield Break(f"its file was {old.file or 'none'} and is {new.file or 'none'}", new.place)
    grid = [p and (p.column, p.every, p.timezone, p.start) for p in (old.partitions, new.partitions)]
    if grid[0] != grid[1]:
        place = new.partitions.place if new.partitions is not None else new.place
        yield Break("its partitions changed", place)
    if new.restricted and not old.restricted:
        yield Break(f"it is now restricted to {new.domain}", new.place)
    for role in sorted({g.role for g in old.grants} - {g.role for g in new.grants}):
        yield Break(f"the grant to {role} is removed", place_in(new, "/roles"))
    if _twin(old) not in (None, _twin(new)):
        yield Break(f"the masked twin {_twin(old)} is removed", new.place)
    if new.status == "retired" and old.status not in ("retired", "deprecated"):
        yield Break("it is retired without having been deprecated", place_in(new, "/status"))


def _column(before: Column, after: Column) -> Iterator[Break]:
    for what, old, new in (
        ("type", before.logical_type, after.logical_type),
        ("physical type", before.physical_type, after.physical_type),
    ):
        if old is not None and old != new:
            yield Break(f'the {what} of "{before.name}" was {old} and is {new or "open"}', after.place)
    if before.required and not after.required:
        yield Break(f'"{before.name}" was required and is optional', after.place)
    if before.unique and not (after.unique or after.key_position == 1):
        yield Break(f'"{before.name}" was unique and is not', after.place)
    masks = [mask and replace(mask, place=_NOWHERE) for mask in (before.mask, after.mask)]
    if in_twin(before) and masks[0] != masks[1]:
        yield Break(f'the mask of "{before.name}" changed', after.place)


def _twin(product: DataProduct) -> str | None:
    return product.masking.name if product.masking is not None else None


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
