"""The plan of a run: a ready queue over all locations.

An asset may start as soon as all its upstream is made. Assets without upstream and downstream in the plan
come last, so that products about the mesh itself, such as its costs, include this run. The plan grows while
locations load: a loaded location starts before the others have loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic
from platform_core.graph import reached, shortest_cycles
from platform_core.workspace.protocol import Asset, AssetState, Moved
from platform_core.workspace.run.cutoff import Changed, Cutoff

GOOD: Final[frozenset[AssetState]] = frozenset({"ok", "unchanged"})
FINAL: Final[frozenset[AssetState]] = GOOD | {"failed", "skipped", "canceled"}


@dataclass(slots=True)
class Step:
    """One asset of the plan. ``state`` None: it waits."""

    asset: Asset
    location: str
    partitions: tuple[str, ...] | None
    state: AssetState | None = None
    ordered: bool = False

    @property
    def runs_over(self) -> tuple[object, ...]:
        """Equal for assets that may share a run."""
        return (self.asset.grid, self.asset.per_run, self.partitions)

    @property
    def part(self) -> str:
        """Its partitions in the form of --partitions; empty for the whole asset."""
        keys = self.partitions
        if not keys or keys == self.asset.partitions:
            return ""
        return keys[0] if len(keys) == 1 else f"{keys[0]}..{keys[-1]}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Assets of one location for one run, in any order."""

    assets: tuple[str, ...]
    partitions: tuple[str, ...] | None
    per_run: int


@dataclass(slots=True)
class Plan:
    """The state of one ``mesh run``. ``wanted`` are the selected products."""

    wanted: frozenset[str]
    steps: dict[str, Step] = field(default_factory=dict)
    outcomes: dict[str, AssetState] = field(default_factory=dict)
    """The results of wanted products without a step."""
    cutoff: Cutoff = field(default_factory=Cutoff)
    changed: dict[str, Changed] = field(default_factory=dict)
    """The columns that differ in the products that this run has made."""

    def add(
        self, location: str, assets: Iterable[Asset], partitions: Mapping[str, tuple[str, ...] | None]
    ) -> None:
        for asset in assets:
            self.steps[asset.key] = Step(asset, location, partitions[asset.key])

    def of(self, location: str) -> set[str]:
        return {key for key in self.wanted if ProductId(key).domain == location}

    def state(self, key: str) -> AssetState | None:
        step = self.steps.get(key)
        return step.state if step is not None else self.outcomes.get(key)

    def move(self, moved: Moved) -> None:
        if moved.state == "ok":
            self.changed[moved.key] = frozenset(moved.changed) if moved.changed is not None else None
        if moved.key in self.steps:
            self.steps[moved.key].state = moved.state
        else:
            self.outcomes[moved.key] = moved.state

    def open(self) -> tuple[str, ...]:
        steps = [key for key, step in self.steps.items() if step.state not in FINAL]
        return (*steps, *(key for key in self.wanted if key not in self.steps and key not in self.outcomes))

    def done(self, location: str) -> bool:
        return all(step.state in FINAL for step in self.steps.values() if step.location == location)

    def blocked(self) -> tuple[str, ...]:
        waiting = (key for key, step in self.steps.items() if step.state is None and not step.ordered)
        return tuple(key for key in waiting if self.cause(key) is not None)

    def spared(self) -> tuple[str, ...]:
        """The waiting assets whose inputs have ended without a change that concerns them."""
        waiting = (step for step in self.steps.values() if step.state is None and not step.ordered)
        return tuple(
            step.asset.key
            for step in waiting
            if step.asset.key in self.cutoff
            and self._ready(step, ())
            and self.cutoff.spares(step.asset.key, self.changed)
        )

    def cause(self, key: str) -> str | None:
        """The first upstream asset that failed or was skipped."""
        upstream = self.steps[key].asset.upstream if key in self.steps else ()
        return next((up for up in upstream if self.state(up) in FINAL - GOOD), None)

    def ready(self, location: str) -> list[Step]:
        """The steps that a worker of the location can make now."""
        return [step for step in self._waiting(location) if self._ready(step, ())]

    def next_batch(self, location: str) -> Assignment | None:
        """The next assets for a free worker of the location: ready assets with the same partitions, and
        those of the location that become ready through them. A failure in the run stops only the assets
        downstream."""
        ready = self.ready(location)
        if not ready:
            return None
        first = ready[0]
        chosen: dict[str, Step] = {}
        # An asset that takes several runs is alone, so that a failure stops no other asset.
        several = first.asset.per_run > 0 and len(first.partitions or ()) > first.asset.per_run
        grown = True
        while grown and not (several and chosen):
            grown = False
            for step in self._waiting(location):
                if step.asset.key in chosen or first.runs_over != step.runs_over:
                    continue
                group = [self.steps[key] for key in step.asset.together or (step.asset.key,)]
                if all(self._ready(member, chosen) for member in group):
                    chosen |= {member.asset.key: member for member in group}
                    grown = True
                    if several:
                        break
        for step in chosen.values():
            step.ordered = True
        return Assignment(tuple(chosen), first.partitions, first.asset.per_run)

    def reopen(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.steps[key].ordered = False

    def cycle(self) -> tuple[str, ...]:
        """The keys of a cycle, in its order; empty without a cycle."""
        waiting = {key: step.asset.upstream for key, step in self.steps.items() if step.state is None}
        edges = {key: [up for up in upstream if up in waiting] for key, upstream in waiting.items()}
        found = next(shortest_cycles(edges), None)
        return (*found, found[0]) if found else ()

    def _waiting(self, location: str) -> list[Step]:
        alone = self._alone()
        if all(self.state(key) in FINAL for key in (self.steps.keys() | self.wanted) - alone):
            alone = set()
        return [
            step
            for key, step in self.steps.items()
            if step.location == location and step.state is None and not step.ordered and key not in alone
        ]

    def _alone(self) -> set[str]:
        """Keys without upstream and downstream in the plan."""
        known = self.steps.keys() | self.wanted
        edges = [(key, up) for key, step in self.steps.items() for up in step.asset.upstream if up in known]
        groups = [step.asset.together for step in self.steps.values() if len(step.asset.together) > 1]
        return self.steps.keys() - {key for keys in (*edges, *groups) for key in keys}

    def _ready(self, step: Step, along: Collection[str]) -> bool:
        together = step.asset.together
        if step.asset.key in self.cutoff:
            along = ()  # whether it is made depends on the result of its inputs
        return all(
            up in along or up in together or self.state(up) in GOOD
            for up in step.asset.upstream
            if up in self.steps or up in self.wanted
        )


def selected_assets(
    assets: Sequence[Asset], wanted: Collection[str], products: Collection[str]
) -> list[Asset]:
    """A location's part of a selection: its wanted products, the assets of the same steps, and upstream
    assets that are not products."""
    by_key = {asset.key: asset for asset in assets}
    feeding = {
        key: [up for up in asset.upstream if up in by_key and up not in products]
        for key, asset in by_key.items()
    }
    along = {key: {*by_key[key].together, *feeding[key]} for key in by_key}
    chosen = reached((key for key in wanted if key in by_key), along)
    return [asset for asset in assets if asset.key in chosen]


def cycle_diagnostic(keys: Sequence[str]) -> Diagnostic:
    message = f"these products form a cycle: {' -> '.join(keys)}"
    return Diagnostic("R005", message, fix="Remove one of these inputs.")
