"""``mesh watch``: keep incidents, and send alerts, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from datetime import timedelta

from platform_core.cli.exit_status import OK
from platform_core.cli.grammar import number
from platform_core.cli.output import answer, note
from platform_core.diagnostics import PlatformError
from platform_core.operations.watch.process import EVERY, once, watch
from platform_core.operations.watch.round import Result
from platform_core.settings import mesh_root
from platform_core.words import counted
from platform_core.workspace.home import require_root


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="one round")
    every = number("--every", 1, 3600)
    default = int(EVERY.total_seconds())
    parser.add_argument(
        "--every", type=every, metavar="SECONDS", help=f"between two rounds; default: {default}"
    )
    parser.add_argument("--ui", metavar="URL", help="the address of Dagster's UI, for links in messages")


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    require_root(root)
    ui = options.ui.rstrip("/") if options.ui else None
    if options.once:
        result = once(root, ui)
        if result is None:
            note(options, "another watch of this mesh does the rounds")
            return OK
        _remarks(result)
        return answer(options, root, asdict(result), lambda: print(words(result)))
    every = timedelta(seconds=options.every) if options.every else EVERY
    seen: set[str] = set()

    def shown(result: Result) -> None:
        if result.signals or result.posted or result.accepted or not seen:
            note(options, words(result))
        _remarks(result, seen)
        seen.add("")

    def failed(error: PlatformError) -> None:
        print(error, file=sys.stderr, flush=True)

    watch(root, every, ui, shown, failed, lambda: note(options, LED))
    return OK


LED = "another watch of this mesh leads; this one waits for its end"


def words(result: Result) -> str:
    parts = [
        counted(result.signals, "new signal"),
        counted(result.open, "open incident"),
        counted(result.posted, "new message"),
        f"{result.accepted} accepted",
    ]
    return ", ".join(parts)


def _remarks(result: Result, seen: set[str] | None = None) -> None:
    for remark in result.remarks:
        if seen is None or remark not in seen:
            print(remark, file=sys.stderr, flush=True)
            if seen is not None:
                seen.add(remark)
