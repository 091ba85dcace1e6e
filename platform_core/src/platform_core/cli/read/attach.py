"""``mesh attach``: a DuckDB file with views over what a reader is granted, for BI tools."""

from __future__ import annotations

import argparse
from pathlib import Path

from platform_core.access.bi_file import attach
from platform_core.access.query_log import record_query
from platform_core.cli.documents import picked
from platform_core.cli.output import answer, note
from platform_core.diagnostics import shown
from platform_core.settings import mesh_home, mesh_root, whole
from platform_core.words import counted


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="such as mesh.duckdb")
    reader = "the principal: analysts (default) or domain:<name>"
    parser.add_argument("--as", dest="principal", default="analysts", metavar="READER", help=reader)
    refresh = "refresh the file after each run; without it, only a new call does"
    parser.add_argument("--after-runs", action="store_true", help=refresh)


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    made = attach(whole(Path(options.file)), options.principal, root, after_runs=options.after_runs)
    record_query(mesh_home(root), options.principal, made.views)
    left_out = f"; {made.left_out} left out: not granted, or never published" if made.left_out else ""
    views = f"{counted(len(made.views), 'view')} of published versions for {made.reader}{left_out}"
    facts = picked(made, "file", "reader", "views", "left_out", "links")
    status = answer(options, root, facts, f"{shown(made.file)}: {views}", made.faults)
    links = shown(made.links)
    note(options, f"This is not access control: {links} can be read by any program of its users")
    return status
