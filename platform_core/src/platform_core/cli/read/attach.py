"""``mesh attach``: a DuckDB file with views over what a reader is granted, for BI tools."""

from __future__ import annotations

import argparse
from pathlib import Path

from platform_core.access.bi_file import attach
from platform_core.access.grants import ANALYSTS
from platform_core.access.query_log import record_query
from platform_core.cli.output import answer, note
from platform_core.diagnostics import shown
from platform_core.lake.publication.reader_files import links_of
from platform_core.settings import mesh_home, mesh_root, whole
from platform_core.words import counted


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="such as mesh.duckdb")
    reader = "the principal: analysts (default) or domain:<name>"
    parser.add_argument("--as", dest="principal", metavar="READER", help=reader)
    refresh = "refresh the file after each run; without it, only a new call does"
    parser.add_argument("--after-runs", action="store_true", help=refresh)


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    file, reader, home = (
        whole(Path(options.file)),
        ANALYSTS if options.principal is None else options.principal,
        mesh_home(root),
    )
    views, left_out, faults = attach(file, reader, root, after_runs=options.after_runs)
    record_query(home, reader, views)
    words = f"{shown(file)}: {counted(len(views), 'view')} for {reader}"
    words += f"; {left_out} left out: not granted, or never published" if left_out else ""
    folder = links_of(home, reader).folder
    facts = {"file": file, "reader": reader, "views": views, "left_out": left_out, "links": folder}
    status = answer(options, root, facts, words, faults)
    note(options, f"It does not limit access: who can read {shown(folder)} can read these rows.")
    return status
