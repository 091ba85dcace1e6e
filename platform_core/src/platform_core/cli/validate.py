"""``mesh validate``: all policies over the whole workspace, without Dagster."""

from __future__ import annotations

import argparse
import gc


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=("text", "json", "sarif", "github"), default="text", help="default: text"
    )
    parser.add_argument(
        "--select",
        nargs="+",
        action="extend",
        default=[],
        metavar="CODE",
        help="only these, such as G101 or G1",
    )
    parser.add_argument(
        "--ignore", nargs="+", action="extend", default=[], metavar="CODE", help="all but these"
    )
    parser.add_argument(
        "--location",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="report on these code locations only",
    )


def run(options: argparse.Namespace) -> int:
    from platform_core.settings import mesh_root

    # Facts are read once and kept until the end: looking for garbage in them takes a third of the time.
    gc.disable()
    from platform_core.workspace.formats import FORMATS
    from platform_core.workspace.validate import validate

    report = validate(mesh_root(), select=options.select, ignore=options.ignore, locations=options.location)
    print(FORMATS[options.format](report))
    return report.exit_code
