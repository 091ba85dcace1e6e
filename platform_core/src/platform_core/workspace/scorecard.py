"""How every product stands with every policy: the rows behind the scorecard, from a judged mesh."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from platform_core.contracts.model import DataProduct
from platform_core.governance.facts import MeshFacts
from platform_core.governance.judge import PolicyState
from platform_core.workspace.validate import Examination

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Standing:
    """One product (or location, asset, or the mesh as a whole) and one policy."""

    subject: str
    domain: str | None
    product: str | None
    code: str
    title: str
    state: PolicyState
    waived_until: date | None = None
    days_left: int | None = None
    """Days until the waiver in force expires; 0 on its last one."""


@dataclass(frozen=True)
class Coverage:
    """What a group of products has of what consumers need. Shares from 0 to 1."""

    documentation: float
    """Share of columns with a description."""
    ownership: float
    """Share of products with an owner that the federation knows and can reach (G101, G102, G103)."""
    sla: float
    """Share of products that say how fresh they are (G106)."""
    quality: float
    """Share of products with a rule beyond those of the schema (G107)."""


@dataclass(frozen=True)
class Score:
    """How a product, or a group of them, does: the share of its policies that are kept, waived ones
    counted as kept."""

    kept: float
    failed: int
    warned: int
    waived: int


def standings(found: Examination, today: date) -> tuple[Standing, ...]:
    """The state of every subject with every policy that looked at it, sorted."""
    titles = {policy.code: policy.title for policy in found.catalogue.policies}
    waivers = {(waiver.product, waiver.code): waiver for _, waiver in found.judgement.waived}
    rows = []
    for (subject, code), state in sorted(found.judgement.states.items()):
        product = found.mesh.products.get(subject)
        waiver = waivers.get((subject, code)) if state == "waived" else None
        expires = date.fromisoformat(waiver.expires) if waiver is not None else None
        rows.append(
            Standing(
                subject=subject,
                domain=product.domain if product is not None else _domain_of(found.mesh, subject),
                product=product.name if product is not None else None,
                code=code,
                title=titles.get(code, ""),
                state=state,
                waived_until=expires,
                days_left=(expires - today).days if expires is not None else None,
            )
        )
    return tuple(rows)


def coverage(found: Examination, products: Sequence[DataProduct]) -> Coverage:
    """What is not covered but waived is not covered."""
    states = found.judgement.states

    def keeps(*codes: str) -> Callable[[DataProduct], bool]:
        return lambda product: all(states.get((product.id, code)) == "pass" for code in codes)

    columns = [column for product in products for column in product.columns]
    return Coverage(
        documentation=_share(columns, lambda column: bool(column.description.strip())),
        ownership=_share(products, keeps("G101", "G102", "G103")),
        sla=_share(products, keeps("G106")),
        quality=_share(products, keeps("G107")),
    )


def score(rows: Iterable[Standing]) -> Score:
    states = [row.state for row in rows]
    failed, warned = states.count("fail"), states.count("warn")
    kept = 1 - (failed + warned) / len(states) if states else 1.0
    return Score(kept, failed, warned, states.count("waived"))


def _domain_of(mesh: MeshFacts, subject: str) -> str | None:
    """The domain of a location or of a plain asset."""
    for location in mesh.locations:
        if subject == location.name or any(asset.key == subject for asset in location.assets):
            return location.domain
    return None


def _share(items: Sequence[_Item], has: Callable[[_Item], bool]) -> float:
    return sum(map(has, items)) / len(items) if items else 1.0
