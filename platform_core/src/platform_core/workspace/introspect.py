"""One location's side of an introspection, in the location's own interpreter.

``python -m platform_core.workspace.introspect --location NAME --module MODULE ...`` loads the location
as its code server does, and writes one JSON object to what was standard output: ``facts``, and
``watch``, the folders and files that these facts depend on, unless it does not load.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from platform_core.diagnostics import Diagnostic, GovernanceError, Place, PlatformDeprecation
from platform_core.governance.collect import contracts_read
from platform_core.governance.facts import LocationFacts
from platform_core.registry.lookup import Registry
from platform_core.version import LIBRARY, __version__
from platform_core.workspace.introspection.cache import unloadable
from platform_core.workspace.introspection.file_watch import Watch
from platform_core.workspace.processes.start import location_options

if TYPE_CHECKING:
    import dagster as dg


def main() -> NoReturn:
    options = location_options("root")
    # Whatever the domain's code prints goes to standard error, with what it starts.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    answer.write(json.dumps(_look(options), separators=(",", ":")))
    answer.flush()
    sys.stderr.flush()
    # Not through the interpreter's shutdown: threads that the domain's code left behind hang there.
    os._exit(0)


def _look(options: argparse.Namespace) -> dict[str, Any]:
    from platform_core.governance.facts_document import to_document
    from platform_core.workspace.failure_text import diagnose

    root = Path(options.root)
    try:
        with announced() as deprecations:
            found = _facts(options, root)
    except BaseException as error:  # noqa: BLE001 - code fails in every way, sys.exit included; it is told
        faults = diagnose(error, f"code location {options.location} does not load", "G491")
        lost = replace(unloadable(options.location, root, faults), platform_core=__version__)
        return {"facts": to_document(lost, root)}
    faults = (*found.faults, *dict.fromkeys(deprecations))
    facts = replace(found, faults=faults, platform_core=__version__)
    return {"facts": to_document(facts, root), "watch": asdict(_watch(facts, root))}


def _facts(options: argparse.Namespace, root: Path) -> LocationFacts:
    from platform_core.governance.asset_facts import asset_facts
    from platform_core.governance.collect import collect
    from platform_core.governance.location import ASSEMBLED

    assets: Iterable[object]
    try:
        assets = _repository(options.module, options.attribute, options.directory).asset_graph.assets_defs
    except GovernanceError:
        # Refused, as its code server would be: what was assembled is judged all the same.
        if not ASSEMBLED:
            raise
        assets = next(iter(ASSEMBLED.values())).definitions.assets or ()
    for made in ASSEMBLED.values():
        return collect(made.domain, asset_facts(assets), made.faults, location=options.location, sql=True)
    # One that is made without ``domain_definitions`` leaves no facts.
    return replace(unloadable(options.location, root, ()), loads=True, assets=asset_facts(assets))


@contextmanager
def announced() -> Iterator[list[Diagnostic]]:
    """At its end, what the location uses of platform_core that is deprecated is in the list. Python
    shows such warnings to nobody by default; `mesh validate` shows these."""
    found: list[Diagnostic] = []
    warned: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", PlatformDeprecation)
            yield found
    finally:
        for each in warned:
            if isinstance(each.message, PlatformDeprecation):
                found.append(replace(each.message.diagnostic, place=Place(Path(each.filename), each.lineno)))
            else:
                warnings.showwarning(each.message, each.category, each.filename, each.lineno)


def _repository(module: str, attribute: str | None, directory: str | None) -> dg.RepositoryDefinition:
    """The repository of a location's module, found as Dagster finds it.

    Dagster's own loader imports its storages and their migrations on the way, which takes as long as
    all the rest: it is asked only where a module holds something else than definitions.
    """
    import dagster as dg
    from dagster.components.definitions import LazyDefinitions

    # An empty first entry of the path is the working directory, as for Dagster's code servers.
    sys.path.insert(0, directory or "")
    loaded = import_module(module)
    found = [getattr(loaded, attribute)] if attribute is not None else list(vars(loaded).values())
    for kind in (LazyDefinitions, dg.Definitions, dg.RepositoryDefinition):
        fitting = [value for value in found if isinstance(value, kind)]
        if len(fitting) == 1:
            made = fitting[0]() if isinstance(fitting[0], LazyDefinitions) else fitting[0]
            return made.get_repository_def() if isinstance(made, dg.Definitions) else made
        if fitting:
            break
    from platform_core.workspace.dagster_internals import load_repository

    return load_repository(module, attribute, directory)


def _watch(facts: LocationFacts, root: Path) -> Watch:
    """Everything that the facts depend on, as far as it can change without the interpreter changing."""
    registry = Registry.open(root)
    project = root / "domains" / facts.domain
    trees = {LIBRARY, registry.path(f"{facts.domain}/x").parent}
    if registry.shared is not None:
        trees.add(registry.shared / facts.domain)
    trees.add(root / "dbt_projects" / facts.domain)
    if facts.place is not None:
        trees.add(facts.place.path.parent)
    files = {project / "pyproject.toml", project / "requirements.lock", Path(sys.prefix) / "pyvenv.cfg"}
    files |= {registry.path(name) for name in contracts_read(facts)}
    # A folder counts by its time: what is installed or removed changes it.
    files.add(Path(sysconfig.get_path("purelib")))
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(root) and not Path(file).is_relative_to(sys.prefix):
            files.add(Path(file))
    inside = {file for file in files if any(file.is_relative_to(tree) for tree in trees)}
    return Watch(tuple(sorted(map(str, trees))), tuple(sorted(map(str, files - inside))))


if __name__ == "__main__":
    main()
