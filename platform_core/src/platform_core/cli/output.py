"""The output of a verb: its answer in the requested format, diagnostics, and notes."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from platform_core.cli.exit_status import FAILED, OK
from platform_core.diagnostics import Diagnostic, PlatformError, UsageError, render
from platform_core.files import write_whole
from platform_core.registry.lookup import Registry
from platform_core.settings import REGISTRY, mesh_home
from platform_core.version import __version__


def answer(
    options: Namespace,
    root: Path,
    facts: Mapping[str, Any],
    text: str | Callable[[], None],
    diagnostics: Sequence[Diagnostic] | None = None,
) -> int:
    """Print the answer as a document or as text, and return the exit status: 1 with an error, else 0.

    Diagnostics are members of the document; with text they go to standard error. None: the verb has none.
    """
    if options.verb in ("new", "remove", "run", "products", "register"):
        _list_products(root)
    if options.format == "json":
        from platform_core.cli.documents import diagnostic_facts, head, text_of

        document = {**head(options.verb), **facts}
        if diagnostics is not None:
            document["diagnostics"] = [diagnostic_facts(each, root) for each in diagnostics]
        print(text_of(document))
    else:
        if callable(text):
            text()
        elif text:
            print(text)
        if diagnostics:
            sys.stdout.flush()
            # An empty line separates them from the text on a terminal.
            print("\n" * sys.stdout.isatty() + render(diagnostics), file=sys.stderr)
    return FAILED if any(each.severity == "error" for each in diagnostics or ()) else OK


def _list_products(root: Path) -> None:
    """Write the ids that a shell completes, where a state folder is and can be written."""
    with suppress(OSError, PlatformError):
        if (home := mesh_home(root)).is_dir():
            # Only these characters: bash would run a command in a name.
            names = filter(re.compile(r"[\w/.-]+").fullmatch, Registry.open(root).names())
            write_whole(home / "products.txt", "".join(f"{name}\n" for name in names))


def note(options: Namespace, words: str) -> None:
    """Print a line to standard error, unless ``--quiet``."""
    if options.verbosity >= 0:
        print(words, file=sys.stderr, flush=True)


def print_environment() -> None:
    """Print the versions and folders in use, for ``--verbose``."""
    from importlib.metadata import version

    from platform_core.lake.lakes import current_lakes
    from platform_core.settings import mesh_root

    versions = f"platform_core {__version__}, dagster {version('dagster')}, duckdb {version('duckdb')}"
    used: dict[str, object] = {"versions": versions, "python": sys.executable}
    with suppress(UsageError):  # the verb reports faults of the folders that it needs
        used["root"] = mesh_root()
        used["home"] = mesh_home()
        used["lake"] = current_lakes().root
        used["registry"] = REGISTRY.existing_folder() or "none"
    for name, words in used.items():
        print(f"{name:<10}{words}", file=sys.stderr)
