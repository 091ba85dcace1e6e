"""``mesh query``: read granted data products by their names, read-only."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import ExitStack
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import Final, TextIO

from platform_core.access.grants import ANALYSTS, reader_of
from platform_core.access.query import granted_query
from platform_core.access.query_log import record_query
from platform_core.cli.exit_status import OK
from platform_core.cli.grammar import number, require_text
from platform_core.cli.output import note
from platform_core.cli.read.query_formats import write_arrow, write_text
from platform_core.diagnostics import UsageError
from platform_core.files import whole_file
from platform_core.lake.lakes import current_lakes
from platform_core.registry.lookup import Registry
from platform_core.sealed.landlock import MISSING
from platform_core.sealed.shapes import Shape
from platform_core.settings import mesh_home, mesh_root
from platform_core.sql.allowed import moment_text

# By format; the others have ``text``.
SHAPES: Final[dict[str, Shape]] = {"json": "json", "jsonl": "json", "parquet": "parquet", "arrow": "arrow"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sql", metavar="SQL", help='such as "FROM sales.transactions"; - reads stdin')
    reader = "the principal: analysts (default) or domain:<name>"
    parser.add_argument("--as", dest="principal", metavar="READER", help=reader)
    past = "read a version of the lake, or the versions at a time such as 2026-01-31T12:00 (UTC)"
    parser.add_argument("--as-of", type=partial(moment_text, "--as-of"), metavar="VERSION|TIME", help=past)
    rows = "the most rows; default: 1000, with -o all; 0 means all"
    parser.add_argument("--limit", type=number("--limit", 0), metavar="N", help=rows)
    most = "stop after so many seconds; default: 300; 0 never stops"
    parser.add_argument("--timeout", type=number("--timeout", 0), default=300, metavar="SECONDS", help=most)
    file = "write a whole file, or none; its ending names the format: .csv .json .jsonl .md .parquet .arrow"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=file)


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    sql = options.sql
    if sql == "-":
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        require_text(sql := sys.stdin.read())
    registry, location = Registry.open(root), current_lakes(root)
    reader = reader_of(options.principal, ANALYSTS, location.reader, registry.domains())
    limit = options.limit if options.limit is not None else 0 if options.output else 1000
    shape = SHAPES.get(options.format, "text")
    binary = shape in ("arrow", "parquet")
    if binary and options.output is None and sys.stdout.isatty():
        fix = "Write a file, with -o FILE, or pipe the output."
        raise UsageError.of("U094", f"{options.format} is not text for a terminal", fix=fix)
    with ExitStack() as whole:
        for each in (signal.SIGTERM, signal.SIGHUP) if options.output else ():
            signal.signal(each, signal.default_int_handler)  # as Ctrl-C, so that no draft stays
        out: TextIO = whole.enter_context(whole_file(options.output)) if options.output else sys.stdout
        answer = whole.enter_context(
            granted_query(
                sql,
                reader,
                registry,
                location,
                root,
                seconds=options.timeout or None,
                as_of=options.as_of,
                shape=shape,
            )
        )
        if options.verbosity > 0 and not answer.walled:
            print(MISSING, file=sys.stderr)
        if not record_query(mesh_home(root), reader, answer.products):
            print("the query is not recorded: data_product_usage will not include it", file=sys.stderr)
        if not binary:
            more = write_text(answer, options.format, limit, out)
        elif options.output or options.format == "arrow":
            more = write_arrow(answer, options.format, limit, out.buffer)
        else:  # Parquet closes itself after a fault, so a pipe gets it when it is whole
            with TemporaryFile() as spool:
                more = write_arrow(answer, options.format, limit, spool)
                spool.seek(0)
                copyfileobj(spool, out.buffer)
    if more:
        note(options, f"first {limit} rows; --limit 0 shows all")
    return OK
