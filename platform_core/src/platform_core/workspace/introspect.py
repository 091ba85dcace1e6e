"""The introspection of a location, in its own interpreter.

``python -m platform_core.workspace.introspect --location NAME --module MODULE ...`` loads the location as its
code server does, and writes one JSON object to the original standard output: ``facts``, and ``watch``, the
folders and files that they depend on, if the location loads.
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
from platform_core.fingerprint.made_from import library_digest
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
    # Output of the domain's code and of its processes goes to standard error.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    answer.write(json.dumps(_introspected(options), separators=(",", ":")))
    answer.flush()
    sys.stderr.flush()
    # Without the interpreter's shutdown, in which threads of the domain's code may hang.
    os._exit(0)


def _introspected(options: argparse.Namespace) -> dict[str, Any]:
    from platform_core.governance.facts_document import to_document
    from platform_core.workspace.failure_text import diagnose

    root = Path(options.root)
    try:
        with announced() as deprecations:
            found = _facts(options, root)
    except BaseException as error:  # noqa: BLE001 - code can fail in any way, sys.exit included
        faults = diagnose(error, f"code location {options.location} does not load", "G491")
        lost = replace(unloadable(options.location, root, faults), platform_core=__version__)
        return {"facts": to_document(lost, root)}
    faults = (*found.faults, *dict.fromkeys(deprecations))
    facts = replace(found, faults=faults, platform_core=__version__, library=library_digest())
    return {"facts": to_document(facts, root), "watch": asdict(_watch(facts, root))}


def _facts(options: argparse.Namespace, root: Path) -> LocationFacts:
    from platform_core.governance.asset_facts import asset_facts
    from platform_core.governance.collect import collect
    from platform_core.governance.location import ASSEMBLED

    assets: Iterable[object]
    try:
        assets = _repository(options.module, options.attribute, options.directory).asset_graph.assets_defs
    except GovernanceError:
        # The location is refused, as in its code server; its assembled definitions are still judged.
        if not ASSEMBLED:
            raise
        assets = next(iter(ASSEMBLED.values())).definitions.assets or ()
    for made in ASSEMBLED.values():
        return collect(made.domain, asset_facts(assets), made.faults, location=options.location, sql=True)
    # A location without ``domain_definitions`` has only assets.
    return replace(unloadable(options.location, root, ()), loads=True, assets=asset_facts(assets))


@contextmanager
def announced() -> Iterator[list[Diagnostic]]:
    """Collect the deprecated names of platform_core that the block uses. Python hides these warnings by
    default; `mesh validate` shows them."""
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
    """The repository of a location's module, found as Dagster finds it. Dagster's own loader also imports its
    storages, which doubles the time, so it only loads modules without definitions."""
    import dagster as dg
    from dagster.components.definitions import LazyDefinitions

    # As in Dagster's code servers, an empty first entry of the path is the working directory.
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
    # The time of this folder changes when a package is installed or removed.
    files.add(Path(sysconfig.get_path("purelib")))
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(root) and not Path(file).is_relative_to(sys.prefix):
            files.add(Path(file))
    inside = {file for file in files if any(file.is_relative_to(tree) for tree in trees)}
    return Watch(tuple(sorted(map(str, trees))), tuple(sorted(map(str, files - inside))))


if __name__ == "__main__":
    main()
