"""The facts of every location: from the cache if nothing has changed, else from the location itself.

It imports neither Dagster nor a domain's code.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from platform_core.diagnostics import DefinitionError, Diagnostic, Place, shown
from platform_core.files import link_over, write_whole
from platform_core.governance.facts import FORMAT, LocationFacts
from platform_core.governance.facts_document import OtherVersion, UnreadableFacts, from_document
from platform_core.registry.lookup import Registry
from platform_core.settings import CONTRACTS, INTROSPECT_TIMEOUT, REGISTRY, WORKSPACE
from platform_core.source.workspace import Location
from platform_core.workspace.home import Home
from platform_core.workspace.introspection.file_watch import FileObserver, Watch
from platform_core.workspace.processes.living import kill_group
from platform_core.workspace.processes.start import location_command, location_variables, start
from platform_core.workspace.version_skew import other_document

AT_ONCE: Final = max(2, os.cpu_count() or 2)
"""Locations that load at the same time: each takes a core."""
DEFAULT_TIMEOUT: Final = 60.0
LAST_LINES: Final = 5


def introspect(root: Path, locations: Sequence[Location]) -> tuple[LocationFacts, ...]:
    """The facts of the locations, in their order; for one that does not load, the fault G491. Each has
    ``MESH_INTROSPECT_TIMEOUT`` seconds (60) to load. Raises UsageError U050 for a wrong number."""
    introspection = Introspection(root, Home.of(root))
    try:
        return tuple(facts.result() for facts in introspection.begin(locations).values())
    finally:
        introspection.stop()


def kept_facts(root: Path, locations: Sequence[Location]) -> tuple[LocationFacts, ...]:
    """The last good facts of the locations, regardless of changes since. Assets that a location left out then
    come from its last complete facts."""
    introspection = Introspection(root, Home.of(root))
    found = []
    for location in locations:
        facts, before = (introspection.kept(location, anyhow=True, whole=whole) for whole in (False, True))
        if facts is not None:
            found.append(facts.completed_by(before) if before is not None and not facts.whole else facts)
    return tuple(found)


@dataclass(eq=False)
class Introspection:
    """Introspects locations in the background and caches their facts. ``stop`` it at the end. Raises
    UsageError U050 for a wrong ``MESH_INTROSPECT_TIMEOUT``."""

    root: Path
    home: Home
    timeout: float = field(default_factory=lambda: INTROSPECT_TIMEOUT.seconds(DEFAULT_TIMEOUT, least=0.001))
    observer: FileObserver = field(default_factory=FileObserver)
    packages: tuple[Path, ...] = ()
    """Folders with packages that replace those of the locations' environments."""
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE))
    _begun: dict[str, Future[LocationFacts]] = field(default_factory=dict)
    _running: set[int] = field(default_factory=set)

    def begin(self, locations: Iterable[Location]) -> dict[str, Future[LocationFacts]]:
        """The facts of locations: those in the cache are ready, the others follow."""
        for location in locations:
            if (kept := self.kept(location)) is None:
                self._begun[location.name] = self._pool.submit(self._introspect, location)
            else:
                self._begun[location.name] = Future()
                self._begun[location.name].set_result(kept)
        return self._begun

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        while not all(facts.done() for facts in self._begun.values()):
            for group in list(self._running):
                kill_group(group)
            time.sleep(0.01)

    def kept(self, location: Location, *, anyhow: bool = False, whole: bool = False) -> LocationFacts | None:
        """The cached facts of a location that has not changed; ``anyhow``: also of a changed one; ``whole``:
        its last complete facts."""
        try:
            kept = json.loads(self._file(location, whole).read_bytes())
            if anyhow or self._current(kept, location):
                return self._placed(from_document(kept["facts"], self.root), location)
        except (OSError, ValueError, KeyError, TypeError):
            return None  # the cache is empty, or from another version
        return None

    def unchanged(self, location: Location) -> bool:
        """Whether the cache has the facts of the location as it is."""
        try:
            return self._current(json.loads(self._file(location).read_bytes()), location)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _current(self, kept: Mapping[str, Any], location: Location) -> bool:
        watch = Watch(tuple(kept["watch"]["trees"]), tuple(kept["watch"]["files"]))
        return kept["key"] == self._key(location) and self.observer.unchanged(watch, kept["entries"])

    def _introspect(self, location: Location) -> LocationFacts:
        began = time.time_ns()
        answer = self._run(location)
        try:
            if not isinstance(answer, Diagnostic):
                facts = self._placed(from_document(answer["facts"], self.root), location)
        except OtherVersion as error:
            answer = other_document(location, error, self._place(location))
        except (UnreadableFacts, KeyError, TypeError) as error:
            answer = self._fault(location, f"its facts cannot be read: {error}")
        if isinstance(answer, Diagnostic):
            return self._placed(unloadable(location.name, self.root, [answer]), location)
        if facts.loads:
            before = self.kept(location, anyhow=True) if not facts.whole else None
            if before is not None and before.whole:
                with contextlib.suppress(OSError):
                    link_over(self._file(location), self._file(location, whole=True))
            self._keep(location, answer, began)
        return facts

    def _run(self, location: Location) -> Any:
        module = "platform_core.workspace.introspect"
        command = location_command(location, module, "--root", str(self.root))
        try:
            variables = location_variables(location, self.root, self.home)
            if self.packages:
                variables["PYTHONPATH"] = os.pathsep.join(map(str, self.packages))
        except DefinitionError as error:
            return error.diagnostics[0]
        with tempfile.TemporaryFile() as errors:
            try:
                process = start(command, variables, cwd=self.root, stdout=subprocess.PIPE, stderr=errors)
            except OSError as error:
                reason = f"its interpreter does not start: {error.strerror}: {shown(location.python)}"
                return self._fault(
                    location, reason, "`make setup` creates the environment of every location."
                )
            self._running.add(process.pid)
            try:
                output, _ = process.communicate(timeout=self.timeout)
            except subprocess.TimeoutExpired:
                reason = f"it did not load within {self.timeout:g} seconds"
                fix = "Make its modules import faster, or allow more time: `MESH_INTROSPECT_TIMEOUT=300`"
                return self._fault(location, reason, fix)
            finally:
                # This also ends the processes that the location has started.
                kill_group(process.pid)
                process.wait()
                self._running.discard(process.pid)
            errors.seek(0)
            last = "\n".join(errors.read().decode(errors="replace").strip().splitlines()[-LAST_LINES:])
        try:
            return json.loads(output)
        except ValueError:
            end = _end(process.returncode)
            return self._fault(location, f"{end}: {last}" if last else end)

    def _placed(self, facts: LocationFacts, location: Location) -> LocationFacts:
        return replace(facts, name=location.name, place=self._place(location))

    def _fault(self, location: Location, reason: str, fix: str | None = None) -> Diagnostic:
        return Diagnostic(
            "G491",
            f"code location {location.name} could not be introspected: {reason}",
            self._place(location),
            expected="a location that loads in its own interpreter",
            fix=fix or f"`{shown(location.python)} -c 'import {location.module}'`",
        )

    def _place(self, location: Location) -> Place:
        return location.place or Place(self.root / WORKSPACE)

    def _file(self, location: Location, whole: bool = False) -> Path:
        return self.home.introspection / f"{location.name}{'.whole' if whole else ''}.json"

    def _key(self, location: Location) -> list[str]:
        folders = (str(setting.folder() or "") for setting in (CONTRACTS, REGISTRY))
        return [FORMAT, str(self.root), repr(location), *folders]

    def _keep(self, location: Location, answer: dict[str, Any], began: int) -> None:
        watch = Watch(tuple(answer["watch"]["trees"]), tuple(answer["watch"]["files"]))
        # Without entries, because a file changed meanwhile, the facts count as changed at the next call.
        entries = FileObserver().record(watch, began) or {}
        kept = {"key": self._key(location), "watch": answer["watch"], "entries": entries}
        # A failed write only costs time at the next call.
        with contextlib.suppress(OSError):
            document = json.dumps({**kept, "facts": answer["facts"]}, separators=(",", ":"))
            write_whole(self._file(location), document)


def _end(code: int) -> str:
    if code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}" if code else "its process wrote no JSON"


def unloadable(location: str, root: Path, faults: Sequence[Diagnostic]) -> LocationFacts:
    """The facts of a location that does not load: its contracts, so that policies do not blame the readers of
    its products."""
    products, broken = Registry.open(root).scan(location)
    return LocationFacts(location, location, products, faults=(*faults, *broken), loads=False)
