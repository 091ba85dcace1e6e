"""The run of a mesh: it materializes products of all code locations, in dependency order."""

from __future__ import annotations

import os
import selectors
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Final

from platform_core.contracts.product_id import ProductId
from platform_core.deployment.file import current_deployment
from platform_core.diagnostics import Diagnostic, PlatformError, render
from platform_core.governance.facts import LocationFacts
from platform_core.source.workspace import Location
from platform_core.workspace.home import Home
from platform_core.workspace.introspection.cache import Introspection, kept_facts
from platform_core.workspace.processes.interrupts import Interrupts
from platform_core.workspace.protocol import (
    PROTOCOL,
    Asset,
    AssetState,
    Ended,
    Loaded,
    Moved,
    Order,
    Unloadable,
)
from platform_core.workspace.run.affected_partitions import assets_of, resolve_selection
from platform_core.workspace.run.cutoff import ChangedProducts, Cutoff
from platform_core.workspace.run.deployed_worker import DeployedWorker
from platform_core.workspace.run.partition_keys import chosen_partitions
from platform_core.workspace.run.plan import FINAL, Plan, cycle_diagnostic, selected_assets
from platform_core.workspace.run.result import MeshResult, Observer, Results
from platform_core.workspace.run.selection import Selection, explain_unmade
from platform_core.workspace.run.ui_server import UiServer
from platform_core.workspace.run.worker_process import READ, WorkerProcess
from platform_core.workspace.run.worker_slot import WorkerSlot, workers_to_change
from platform_core.workspace.version_skew import other_protocol

PATIENCE: Final = 10.0
"""Seconds for interrupted workers to roll back before they are killed."""
CANCELED_WITHIN: Final = 60.0
"""Seconds for the servers of a deployment to cancel interrupted runs."""
TICK: Final = 0.2


class MeshRun:
    """One run over the locations of a mesh."""

    def __init__(
        self,
        root: Path,
        home: Home,
        locations: Sequence[Location],
        selection: Selection,
        partitions: str | None,
        observer: Observer,
        changed: ChangedProducts | None = None,
    ) -> None:
        self._root, self._home = root, home
        self._selection, self._asked, self._observer = selection, partitions, observer
        named = selection.named()
        if changed is not None:
            named &= changed.partitions.keys()
        domains = {ProductId(name).domain for name in named}
        self._seats = {
            location.name: WorkerSlot(location)
            for location in locations
            if (selection.follows_graph and changed is None) or location.name in domains
        }
        # Without + the selected products are known at once. --partitions is checked before the first run, so
        # all locations of the run must load first.
        self._selecting = selection.follows_graph and changed is None
        self._gate = self._selecting or partitions is not None
        self._plan = Plan(named, cutoff=changed.cutoff if changed is not None else Cutoff())
        self._looking: Introspection | None = None
        self._looks: Mapping[str, Future[LocationFacts]] = {}
        known = changed.partitions if changed is not None else {}
        self._keys: Mapping[str, tuple[str, ...]] = {key: each for key, each in known.items() if each}
        self._results = Results(self._plan, observer)
        self._server = UiServer.of(current_deployment())
        """The server that launches the runs; None where this command starts workers."""
        self._closing = False
        self._orders = 0
        self._invocation = uuid.uuid4().hex[:12]

    def execute(self) -> MeshResult:
        """Run until every product has ended, or until interrupted. All its processes have ended when it
        returns or raises. Raises UsageError U024 or U025 for wrong ``--partitions``, and RunError R010."""
        started, seats = time.monotonic(), self._seats.values()
        self._home.prepare(self._root)
        with Interrupts() as interrupts, selectors.DefaultSelector() as selector:
            selector.register(interrupts, selectors.EVENT_READ)
            try:
                self._begin(selector)
                # A run whose assets have all ended must still record its own end.
                while (self._plan.open() or any(seat.works() for seat in seats)) and not interrupts.count:
                    self._turn(selector)
                self._stop(selector, interrupts)
            finally:
                if self._looking is not None:
                    self._looking.stop()
                for seat in seats:
                    if seat.child is not None:
                        seat.child.kill()
                        self._name_left_behind(seat.child)
        for key in self._plan.open():
            self._end(key, "canceled", None)
        products = tuple(self._results.products[name] for name in sorted(self._plan.wanted))
        seconds = time.monotonic() - started
        lost = {name: s.fault for name, s in self._seats.items() if s.fault is not None and s.assets is None}
        return MeshResult(products, tuple(self._results.faults), seconds, interrupts.count > 0, lost)

    def _begin(self, selector: selectors.BaseSelector) -> None:
        self._expect_products()
        for seat in self._seats.values() if self._server is not None else ():
            self._start_worker(seat, selector)
        self._change_workers(selector)
        if self._selecting and self._server is None:
            # The workers of wanted products report their assets; introspection covers the other locations.
            others = [seat.location for name, seat in self._seats.items() if not self._plan.of(name)]
            self._looking = Introspection(self._root, self._home)
            self._looks = self._looking.begin(others)
        self._advance()

    def _expect_products(self) -> None:
        for name in sorted(self._plan.wanted - self._results.products.keys()):
            self._results.expect(name)
            if (domain := ProductId(name).domain) not in self._seats:
                fault = Diagnostic("R004", f'no code location "{domain}" is in workspace.yaml')
                self._end(name, "failed", fault.render())

    def _change_workers(self, selector: selectors.BaseSelector) -> None:
        starting, leaving = workers_to_change(list(self._seats.values()), self._plan)
        for seat in leaving:
            seat.stop_worker()
        for seat in starting:
            self._start_worker(seat, selector)

    def _start_worker(self, seat: WorkerSlot, selector: selectors.BaseSelector) -> None:
        seat.phase, seat.batch = "loading", None
        try:
            if self._server is not None:
                seat.child = DeployedWorker(seat.location, self._server)
            else:
                seat.child = WorkerProcess(seat.location, self._root, self._home)
        except PlatformError as error:
            self._break(seat, str(error))
            return
        selector.register(seat.child.output, selectors.EVENT_READ, seat)

    def _turn(self, selector: selectors.BaseSelector) -> None:
        for key, _ in selector.select(TICK):
            if isinstance(key.data, WorkerSlot):
                self._receive(key.data, selector)
            else:
                os.read(key.fd, READ)
        if not self._closing:
            self._advance()
            self._change_workers(selector)
        self._observer.tick()

    def _receive(self, seat: WorkerSlot, selector: selectors.BaseSelector) -> None:
        assert seat.child is not None
        if (messages := seat.child.receive()) is None:
            selector.unregister(seat.child.output)
            self._worker_ended(seat, selector)
        for message in messages or ():
            match message:
                case Loaded(protocol=protocol) if protocol != PROTOCOL:
                    self._break(seat, other_protocol(seat.location, message).render())
                    seat.child.stop()
                case Loaded(assets=assets):
                    seat.phase = "idle"
                    if seat.assets is None:
                        seat.assets = assets
                        if not self._gate:  # else _open_gate admits it
                            self._admit([seat])
                case Unloadable(error=error) if not self._closing:
                    self._break(seat, error)
                case Moved():
                    if self._closing and message.state == "failed":
                        # An interrupted product did not fail by itself.
                        message = replace(message, state="canceled", error=None)
                    self._results.move(message)
                case Ended():
                    seat.phase, seat.batch = "idle", None

    def _open_gate(self) -> None:
        """Admit the locations once the graph is known, and once all have loaded if --partitions was given."""
        if self._selecting:
            answered = all(seat.answered or name in self._looks for name, seat in self._seats.items())
            if not answered or not all(look.done() for look in self._looks.values()):
                return
            self._selecting = False
            known = self._known().values()
            self._plan.wanted, self._keys = resolve_selection(self._selection, self._asked, known, self._root)
            self._expect_products()
        needed = [seat for name, seat in self._seats.items() if self._plan.of(name)]
        if self._asked is not None and not all(seat.answered for seat in needed):
            return
        self._gate = False
        self._admit([seat for seat in needed if seat.assets is not None])
        for seat in self._seats.values():
            if seat.fault is not None:
                self._give_up(seat, seat.fault)

    def _known(self) -> dict[str, Asset]:
        """The assets of all locations by key, from their workers or their facts; for assets that do not load
        but have a contract, from the last good facts."""
        looked = {name: look.result() for name, look in self._looks.items()}
        lost = [s.location for name, s in self._seats.items() if name not in looked or not looked[name].whole]
        before = (each for facts in kept_facts(self._root, lost) for each in assets_of(facts))
        known = {each.key: each for each in before if each.key in self._selection.products}
        known |= {each.key: each for facts in looked.values() for each in assets_of(facts)}
        return known | {each.key: each for seat in self._seats.values() for each in seat.assets or ()}

    def _admit(self, seats: Sequence[WorkerSlot]) -> None:
        wanted, products = self._plan.wanted, self._selection.products
        chosen = {seat.location.name: selected_assets(seat.assets or (), wanted, products) for seat in seats}
        grids = {asset.key: asset.partitions for assets in chosen.values() for asset in assets}
        partitions = chosen_partitions(self._asked, grids, self._keys)
        for name, assets in chosen.items():
            self._plan.add(name, assets, partitions)
            planned = {asset.key for asset in assets}
            for key in sorted(self._plan.of(name) - planned):
                self._end(key, "failed", render(explain_unmade(key, name, self._root)))

    def _advance(self) -> None:
        if self._gate:
            self._open_gate()
        if self._gate:
            return
        while blocked := self._plan.blocked():
            for key in blocked:
                self._end(key, "skipped", None)
        while spared := self._plan.spared():
            for key in spared:
                self._end(key, "unchanged", None)
        for seat in self._seats.values():
            if seat.phase == "idle":
                self._assign(seat)
        if self._plan.open() and not any(seat.may_progress(self._plan) for seat in self._seats.values()):
            # No worker can progress, so the remaining assets wait for each other.
            circle = self._plan.cycle() or self._plan.open()
            text = cycle_diagnostic(circle).render()
            for key in dict.fromkeys(circle):
                self._end(key, "failed", text)
            self._advance()

    def _assign(self, seat: WorkerSlot) -> None:
        assert seat.child is not None
        batch = self._plan.next_batch(seat.location.name)
        if batch is not None:
            self._orders += 1
            seat.phase, seat.batch = "busy", batch
            order = Order(self._orders, batch.assets, batch.partitions, batch.per_run, self._invocation)
            seat.child.send(order)
        elif self._plan.done(seat.location.name):
            seat.stop_worker()

    def _worker_ended(self, seat: WorkerSlot, selector: selectors.BaseSelector) -> None:
        assert seat.child is not None
        child, seat.child = seat.child, None
        phase, seat.phase = seat.phase, "gone"
        if not child.ended(PATIENCE):
            child.kill()
        self._name_left_behind(child)
        if self._closing or phase == "closing" or seat.fault is not None:
            if seat.fault is None and (self._gate or not self._plan.done(seat.location.name)):
                seat.phase = "waiting"  # it was stopped to make room for another worker
            return
        if phase != "busy" or seat.batch is None:
            doing = "while it loaded" if phase == "loading" else "while it waited for work"
            self._break(seat, child.exit_report(doing).render())
            return
        left = [key for key in seat.batch.assets if self._plan.state(key) not in FINAL]
        unfinished = [key for key in left if self._plan.state(key) == "running"] or left
        if unfinished:
            text = child.exit_report(f"while it made {', '.join(unfinished)}", published=unfinished).render()
            for key in unfinished:
                self._end(key, "failed", text)
        # A new worker closes the run of the dead one, and makes its remaining assets.
        self._plan.reopen(key for key in left if key not in unfinished)
        self._start_worker(seat, selector)

    def _name_left_behind(self, child: WorkerProcess) -> None:
        if (left := child.left_behind()) is not None:
            self._results.faults[left.render()] = None

    def _break(self, seat: WorkerSlot, text: str) -> None:
        seat.fault = text
        seat.phase = "gone" if seat.child is None else "closing"
        if not self._gate:
            self._give_up(seat, text)

    def _give_up(self, seat: WorkerSlot, text: str) -> None:
        name = seat.location.name
        planned = {key for key, step in self._plan.steps.items() if step.location == name}
        for key in sorted(self._plan.of(name) | planned):
            if self._plan.state(key) not in FINAL:
                self._end(key, "failed", text)

    def _end(self, key: str, state: AssetState, error: str | None) -> None:
        self._results.move(Moved(key, state, error=error))

    def _stop(self, selector: selectors.BaseSelector, interrupts: Interrupts) -> None:
        self._closing = True
        for seat in self._seats.values():
            if seat.child is not None:
                seat.child.stop()
        until = time.monotonic() + (PATIENCE if self._server is None else CANCELED_WITHIN)
        # A second Ctrl-C ends the wait.
        enough = max(1, interrupts.count) + 1
        while any(seat.child for seat in self._seats.values()) and time.monotonic() < until:
            if interrupts.count >= enough:
                break
            self._turn(selector)
