"""The plan of a change: what it does to each product, and to the readers of each, before it is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from platform_core.change.base import Base, base_of, locked_packages
from platform_core.change.contracts import concerned, contract_words, regrouped
from platform_core.change.impact import NEVER, NEW, Current, Former, Moved, Verdict, impact, union
from platform_core.change.kept_prints import KeptPrints
from platform_core.change.planned import ChangePlan, Planned, Reader
from platform_core.change.published import last_runs, published_states
from platform_core.contracts.cron import Schedule
from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import partition_windows
from platform_core.fingerprint.made_from import MadeFrom, QueryPrint, stamped
from platform_core.governance.facts import ContractChange, InputFacts, MeshFacts, Read
from platform_core.lake.lakes import current_lakes
from platform_core.source.federation import read_federation
from platform_core.source.revision import Revision
from platform_core.source.workspace import read_locations
from platform_core.words import duration_in_words
from platform_core.workspace.home import Home
from platform_core.workspace.introspection.cache import introspect
from platform_core.workspace.run.forecast import Forecast, estimate

_NOTHING = Forecast((), 0.0)


@dataclass(frozen=True)
class _Now:
    """The mesh as it is."""

    root: Path
    mesh: MeshFacts
    prints: Mapping[MadeFrom, QueryPrint] = field(default_factory=dict)

    @cached_property
    def products(self) -> dict[str, DataProduct]:
        """The products of the locations, without those of other repositories."""
        own = {location.domain for location in self.mesh.locations}
        return {name: each for name, each in self.mesh.products.items() if each.domain in own}

    @cached_property
    def reads(self) -> dict[str, list[Read]]:
        """The reads of data by the product that is read."""
        found: dict[str, list[Read]] = {}
        for read in self.mesh.reads:
            if read.kind != "reference":
                found.setdefault(read.source, []).append(read)
        return found

    def current(self, packages: bool) -> dict[str, Current]:
        """The parts that each product is made from; ``packages``: by the locks, not the environments."""
        libraries = {each.domain: each.library for each in self.mesh.locations}
        found = {}
        for name, product in self.products.items():
            factory = self.mesh.factories.get(name)
            maker = factory.made_from if factory is not None else None
            if factory is None or maker is None:
                found[name] = Current(factory.kind if factory else "function")
                continue
            stamp = {**stamped(maker, self.prints[maker]), "library": libraries[product.domain]}
            if packages:
                stamp["packages"] = locked_packages(self.root, product.domain, dict(maker.packages))
            found[name] = Current(factory.kind, stamp, maker, self.prints[maker])
        return found


def plan(root: Path, found: Revision | None = None, now: datetime | None = None) -> ChangePlan:
    """The plan of every product of the mesh, against a commit or against what is published. Raises
    DefinitionError D070 for a broken workspace file."""
    home = Home.of(root)
    facts = introspect(root, read_locations(root))
    mesh = MeshFacts(facts, read_federation(root))
    base = base_of(root, home, found, facts) if found is not None else None
    sides = (mesh, base.mesh) if base is not None else (mesh,)
    makers = (each.made_from for side in sides for each in side.factories.values())
    prints = KeptPrints(home.introspection / "fingerprints.json").of(filter(None, makers))
    here = _Now(root, mesh, prints)
    current = here.current(packages=base is not None)
    if base is None:
        published = published_states(current_lakes(root), here.products, mesh.known)
        states, former, faults = published.states, published.contracts, published.faults
    else:
        states, former = _base_states(base, here)
        faults = base.faults
    verdicts = {
        name: replace(each, partitions=_covering(here.products[name], each.partitions))
        for name, each in impact(current, states, NEVER if base is None else NEW).items()
    }
    lost = published.gone if base is None else [name for name in former if name not in verdicts]
    gone = {name: _disappeared(name, base, here) for name in lost}
    made = {name: each for name, each in verdicts.items() if each.change in ("changed", "affected")}
    forecast = _forecast(root, here, made) if made else _NOTHING
    expected = {each.product: each for each in forecast.products}
    moment = now or datetime.now(UTC)
    planned = (
        Planned(
            verdict,
            expected.get(name),
            _demands(former.get(name), here.products.get(name)),
            tuple(_readers(here, verdict, former.get(name))),
            forecast.ends.get(name),
            _endangered(here.products.get(name), forecast.ends.get(name), moment),
            tuple(read.product for read in _factory_inputs(mesh, name)),
            _uses(current.get(name)),
            tuple(_notes(current.get(name))),
        )
        for name, verdict in (*verdicts.items(), *gone.items())
    )
    broken = (fault for each in facts for fault in each.faults if fault.severity == "error")
    commit = found.commit if found is not None else None
    return ChangePlan(tuple(planned), commit, tuple(dict.fromkeys((*broken, *faults))))


def _covering(product: DataProduct, keys: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The partitions from the first to the last of some, as one run makes them; None for all of them."""
    if keys is None or product.partitions is None:
        return None
    grid = [each.key for each in partition_windows(product.partitions)]
    places = [number for number, key in enumerate(grid) if key in keys]
    found = tuple(grid[places[0] : places[-1] + 1]) if places else ()
    return None if len(found) == len(grid) else found


def _base_states(base: Base, here: _Now) -> tuple[dict[str, list[Former]], dict[str, DataProduct]]:
    """The states of products at the base, and their contracts there."""
    there = replace(here, root=base.folder, mesh=base.mesh)
    contracts = there.products
    states: dict[str, list[Former]] = {}
    current = there.current(packages=True)
    for name, product in contracts.items():
        stamp, now = current[name].stamp, here.products.get(name)
        words = contract_words(product, now) if now is not None else ()
        grid = now is not None and regrouped(product, now)
        if stamp is not None:
            stamp = {**stamp, "library": base.library}
        states[name] = [Former(stamp, "its location at the base does not show its maker", words, grid)]
    # A contract that cannot be read there is not a new product.
    for name in base.mesh.unread - contracts.keys():
        states[name] = [Former(None, "its contract at the base cannot be read")]
    return states, contracts


def _disappeared(name: str, base: Base | None, here: _Now) -> Verdict:
    """The verdict on a product that has no contract any more, or one that cannot be read."""
    if name in here.mesh.unread:
        return Verdict(name, "changed", ("its contract cannot be read",), (), Moved(rows=True))
    factories = base.mesh.factories if base is not None else {}
    before = factories[name].made_from if name in factories else None
    same = (
        new
        for new, factory in here.mesh.factories.items()
        if new not in factories and before and factory.made_from and factory.made_from.text == before.text
    )
    renamed = next(same, None)
    words = f"it has no contract any more; {renamed} is made by the same code" if renamed else "it is removed"
    return Verdict(name, "changed", (words,), (), Moved(rows=True))


def _forecast(root: Path, here: _Now, made: Mapping[str, Verdict]) -> Forecast:
    products = here.products
    windows = {
        name: partition_windows(grid) for name in made if (grid := products[name].partitions) is not None
    }
    grids = {name: tuple(each.key for each in windows[name]) if name in windows else None for name in made}
    partitions = {name: each.partitions or grids[name] for name, each in made.items()}
    reads = {name: [read.product for read in _factory_inputs(here.mesh, name)] for name in made}
    runs = last_runs(current_lakes(root), {name: products[name] for name in made})
    return estimate(runs, partitions, grids, reads)


def _factory_inputs(mesh: MeshFacts, name: str) -> Sequence[InputFacts]:
    factory = mesh.factories.get(name)
    return factory.inputs if factory is not None else ()


def _demands(old: DataProduct | None, new: DataProduct | None) -> str | None:
    return ContractChange(old, new).version_demanded if old is not None and new is not None else None


def _readers(here: _Now, verdict: Verdict, former: DataProduct | None) -> Iterator[Reader]:
    """The readers of data that may differ, or of which a promise is broken or weaker."""
    products = here.products
    product = products.get(verdict.product)
    moved = union([verdict.moved, *(concerned(former, product) if former and product else ())])
    for read in here.reads.get(verdict.product, ()) if moved else ():
        columns = None
        if not moved.rows and read.columns is not None:
            columns = tuple(name for name in read.columns if name in moved.columns)
            if not columns:
                continue
        owner = products[read.reader].owned_by if read.reader in products else None
        yield Reader(read.reader, read.domain, owner, columns, str(read.place or ""))


def _endangered(product: DataProduct | None, seconds: float | None, now: datetime) -> str:
    """The deadline that a run from now on would miss."""
    deadline = product.deadline if product is not None else None
    if deadline is None or not seconds:
        return ""
    schedule = Schedule(deadline.schedule, deadline.timezone)
    due = schedule.clock(schedule.next(int(now.timestamp() // 60)))
    if due >= now + timedelta(seconds=seconds):
        return ""
    takes = duration_in_words(timedelta(seconds=round(seconds)))
    return f"due {due:%a %H:%M} {deadline.timezone}, but a run now takes {takes}"


def _uses(current: Current | None) -> dict[str, frozenset[str]]:
    if current is None or current.prints is None:
        return {}
    found: dict[str, frozenset[str]] = {}
    for each in (current.prints.rows, *current.prints.columns.values()):
        for name, columns in each.uses.items():
            found[name] = found.get(name, frozenset()) | set(columns)
    return found


def _notes(current: Current | None) -> Iterator[str]:
    if current is None or current.prints is None or current.parts is None:
        return
    if current.parts.query and current.prints.unread:
        yield f"all columns, because {current.prints.unread}"
    if current.prints.ordered:
        yield f"depends on the order of rows: {', '.join(current.prints.ordered)}"
