"""``mesh doctor``: checks of the deployment, or of the state folder, from end to end."""

from __future__ import annotations

import argparse

from platform_core.cli.output import answer
from platform_core.cli.table import print_text
from platform_core.diagnostics import Diagnostic
from platform_core.settings import mesh_root
from platform_core.workspace.doctor.checks import examine


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> int:
    root, checks = mesh_root(), []
    found: list[Diagnostic] = []
    for name, faults in examine(root):
        checks.append({"check": name, "ok": not faults})
        found += faults
        if options.format == "table":
            print_text(f"{'fault' if faults else 'ok':<7}{name}")
    return answer(options, root, {"results": checks}, "", found)
