"""The state of every product with every policy: the rows of the scorecard, from a judged mesh."""

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
    """Days until the waiver expires; 0 on its last day."""


@dataclass(frozen=True)
class Coverage:
    """The coverage of a group of products. Shares from 0 to 1."""

    documentation: float
    """Share of columns with a description."""
    ownership: float
    """Share of products with a known owner that has an address (G101, G102, G103)."""
    sla: float
    """Share of products that declare their freshness (G106)."""
    quality: float
    """Share of products with a rule beyond the schema (G107)."""


@dataclass(frozen=True)
class Score:
    """The score of a product or a group of products. ``kept`` is the share of kept policies; waived ones
    count as kept."""

    kept: float
    failed: int
    warned: int
    waived: int


def standings(found: Examination, today: date) -> tuple[Standing, ...]:
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
    """The coverage of some products. A waived policy does not count as covered."""
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
    subjects = ((each.domain, {each.name, *(asset.key for asset in each.assets)}) for each in mesh.locations)
    return next((domain for domain, names in subjects if subject in names), None)


def _share(items: Sequence[_Item], has: Callable[[_Item], bool]) -> float:
    return sum(map(has, items)) / len(items) if items else 1.0
