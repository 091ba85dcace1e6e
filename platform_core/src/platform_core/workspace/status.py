"""Products that break their promises, since when, and the products that they affect.

The status comes from contracts, the instance and the lakes, without loading a location. The readers of a
product come from the recorded inputs of the last materializations, and from the cached facts of locations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, get_args

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, PlatformError
from platform_core.graph import reached
from platform_core.lake.damage import each_once, newest_versions
from platform_core.lake.lakes import current_lakes
from platform_core.lake.reclassified import exposed_leftovers
from platform_core.lake.versions import Published
from platform_core.registry.lookup import Registry
from platform_core.source.workspace import read_locations
from platform_core.words import listed
from platform_core.workspace.home import Home
from platform_core.workspace.introspection.cache import kept_facts
from platform_core.workspace.records.check_counts import Checks, Outcome
from platform_core.workspace.records.lateness import lateness
from platform_core.workspace.records.products import (
    Failure,
    Materialization,
    checked,
    failures,
    newest,
    publications,
    recorded,
)

TroubleKind = Literal["failing", "overdue", "stale"]
STATES: Final[tuple[TroubleKind, ...]] = get_args(TroubleKind)
"""The worst first."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble of a product. ``since`` is None for a product that was never made."""

    product: str
    state: TroubleKind
    since: datetime | None
    why: str
    owner: str | None
    affects: tuple[str, ...]
    """Products that read it, directly or through others."""

    @property
    def domains(self) -> tuple[str, ...]:
        """The other domains that it affects."""
        others = {ProductId(product).domain for product in self.affects}
        return tuple(sorted(others - {ProductId(self.product).domain}))


@dataclass(frozen=True, slots=True)
class Retained:
    """Versions that a lake keeps longer than the contract's retention."""

    product: str
    versions: int
    oldest: datetime
    retention: timedelta


@dataclass(frozen=True)
class Status:
    """The status of the whole mesh. ``begun`` is False before the first run."""

    begun: bool
    products: tuple[DataProduct, ...]
    troubles: tuple[Trouble, ...]
    retained: tuple[Retained, ...]
    faults: tuple[Diagnostic, ...]
    outcomes: Mapping[str, Sequence[Outcome]] = field(default_factory=dict)
    """The outcomes of the newest checks by product."""

    @property
    def checks(self) -> Checks:
        return Checks.of([each for product in self.products for each in self.outcomes.get(product.id, ())])


def mesh_status(root: Path, now: datetime | None = None) -> Status:
    now = now or datetime.now(UTC)
    products, faults = Registry.open(root).scan()
    location = current_lakes(root)
    faults = (*faults, *exposed_leftovers(location, products))
    readable = [product for product in products if location.is_readable(product.lake)]
    versions, (_, damaged) = publications(location, readable), newest_versions(location, readable)
    faults = (*faults, *each_once(damaged))
    with recorded(root) as instance:
        begun = instance is not None
        made = newest(instance, [p.id for p in products]) if instance else {}
        checks = checked(Home.of(root).dagster, products) if instance else {}
        failed = failures(instance, products, made, checks) if instance else {}
    outcomes = {name: [each.outcome for each in found.values()] for name, found in checks.items()}
    readers, broken = _readers(root, made)
    troubles = [
        Trouble(p.id, state, since, why, p.owner, tuple(sorted(reached([p.id], readers) - {p.id})))
        for p in products
        for state, since, why in _troubles(p, made, failed, versions, damaged, now)
    ]
    troubles.sort(key=lambda t: (STATES.index(t.state), t.since or now, t.product))
    retained = [r for p in products if (r := _retained(p, versions.get(p.id, ()), now)) is not None]
    return Status(begun, products, tuple(troubles), tuple(retained), (*faults, *broken), outcomes)


def _troubles(
    product: DataProduct,
    made: Mapping[str, Materialization],
    failed: Mapping[str, Failure],
    versions: Mapping[str, tuple[Published, ...]],
    damaged: Collection[str],
    now: datetime,
) -> Iterable[tuple[TroubleKind, datetime | None, str]]:
    own = made.get(product.id)
    if product.id in damaged:
        yield "failing", now, "its published version is damaged"
    if (failure := failed.get(product.id)) is not None:
        checks = f"failed: {listed(list(failure.checks))}" if failure.checks else "the last run failed"
        yield "failing", failure.since, checks
    if own is None:
        if product.id not in versions:
            yield "stale", None, "never made"
        return
    for late in lateness(product, own, now, failing=failure is not None):
        yield "overdue", late.since, late.why
    behind = {
        name: min(newer)
        for name, read in (own.inputs or {}).items()
        if (newer := _newer(versions.get(name, ()), read))
    }
    if behind:
        yield "stale", min(behind.values()), f"older than {listed(sorted(behind))}"


def _newer(versions: Sequence[Published], read: int) -> list[datetime]:
    """The times of the versions after the one that was read, unless the newest has the same content."""
    then = next((each.content for each in versions if each.version == read), None)
    if then is not None and versions[0].content == then:
        return []
    return [each.at for each in versions if each.version > read]


def _readers(
    root: Path, made: Mapping[str, Materialization]
) -> tuple[dict[str, set[str]], tuple[Diagnostic, ...]]:
    """The readers of each product, and the faults of ``workspace.yaml``, which may hide some."""
    readers: dict[str, set[str]] = {}
    for product, own in made.items():
        for source in own.inputs or ():
            readers.setdefault(source, set()).add(product)
    try:
        locations = read_locations(root)
    except PlatformError as error:
        return readers, error.diagnostics
    for facts in kept_facts(root, locations):
        for factory in facts.factories:
            for wanted in factory.inputs:
                readers.setdefault(wanted.product, set()).add(ProductId.of(facts.domain, factory.name))
    return readers, ()


def _retained(product: DataProduct, versions: tuple[Published, ...], now: datetime) -> Retained | None:
    if product.retention is None:
        return None
    # The retention of a version begins when the next one replaces it, so never for the newest.
    old = [
        version
        for version, following in zip(versions[1:], versions, strict=False)
        if now - following.at > product.retention
    ]
    if not old:
        return None
    return Retained(product.id, len(old), old[-1].at, product.retention)
