"""The parts of dbt that a project may not use: the platform takes one model of a build and nothing else.
This is for early messages. dbt's process cannot damage anything anyway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from platform_core.diagnostics import Diagnostic, Place
from platform_core.source.cursor import Node
from platform_core.words import listed

_MATERIALIZED: Final = ("table", "view", "incremental", "ephemeral")
_HOOKS: Final = ("pre-hook", "post-hook", "pre_hook", "post_hook")
_OPERATIONS: Final = ("on-run-start", "on-run-end")


def refused_of_project(settings: Node) -> Iterator[Diagnostic]:
    """D028 for each operation and hook in ``dbt_project.yml``, and for each file of a snapshot."""
    for key in _OPERATIONS:
        if settings.get(key):
            yield _refused(f"{key} runs statements", settings.key_place(key))
    for folder in settings.texts("snapshot-paths") or ("snapshots",):
        for file in sorted((settings.document.path.parent / folder).rglob("*.*")):
            yield _refused("a snapshot keeps rows between builds", Place(file))
    for where in _hooks(settings["models"].mapping(), ("models",)):
        yield _refused(f"{where[-1]} runs statements", settings.key_place(*where))


def refused_of_model(
    config: Mapping[str, Any], file: Path, database: str, schema: str
) -> Iterator[Diagnostic]:
    """D028 for unsupported configuration of a model; models are built in ``database`` and ``schema``."""
    place = Place(file)
    if file.suffix == ".py" or config.get("language") == "python":
        yield _refused(f"the model {file.stem} is written in Python", place)
    if (config.get("schema") or schema) != schema:
        yield _refused(f"the model {file.stem} is built in the schema {config['schema']}", place)
    if (config.get("database") or database) != database:
        yield _refused(f"the model {file.stem} is built in the database {config['database']}", place)
    if (kind := config.get("materialized") or "table") not in _MATERIALIZED:
        yield _refused(f"the model {file.stem} is materialized as {kind}", place)
    if any(config.get(hook, []) != [] for hook in _HOOKS):
        yield _refused(f"the model {file.stem} has hooks", place)


def refused_of_node(node: Mapping[str, Any], folder: Path) -> Iterator[Diagnostic]:
    """D028 for a seed or a snapshot."""
    if node["resource_type"] in ("seed", "snapshot"):
        what = f"{node['name']} is a {node['resource_type']} of dbt"
        yield _refused(what, Place(folder / node["original_file_path"]))


def _hooks(tree: Mapping[str, Any], where: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        if key.removeprefix("+") in _HOOKS and value:
            yield (*where, key)
        elif isinstance(value, dict):
            yield from _hooks(value, (*where, key))


def _refused(what: str, place: Place) -> Diagnostic:
    expected = f"models in SQL in the schema staging without hooks, as {listed(_MATERIALIZED)}"
    fix = "Remove it, or make its result a model or a product."
    return Diagnostic("D028", f"{what}, which is not supported", place, expected, fix)
