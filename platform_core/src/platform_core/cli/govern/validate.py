"""``mesh validate``: check the whole workspace against all policies, without Dagster."""

from __future__ import annotations

import argparse
import gc


def arguments(parser: argparse.ArgumentParser) -> None:
    for option, metavar, help in (
        ("--select", "CODE", "only these, such as G101 or G1"),
        ("--ignore", "CODE", "all but these"),
        ("--location", "NAME", "report on these code locations only"),
    ):
        parser.add_argument(option, nargs="+", action="extend", default=[], metavar=metavar, help=help)


def run(options: argparse.Namespace) -> int:
    from platform_core.cli.output import answer
    from platform_core.settings import mesh_root

    # Facts live until the end, and a search for garbage in them takes a third of the time.
    gc.disable()
    from platform_core.cli.govern.report_formats import facts, github, sarif, text
    from platform_core.workspace.validate import validate

    root = mesh_root()
    report = validate(root, select=options.select, ignore=options.ignore, locations=options.location)
    if options.format == "json":
        answer(options, root, facts(report), "", report.diagnostics)
    else:
        print({"table": text, "sarif": sarif, "github": github}[options.format](report))
    return report.exit_code
