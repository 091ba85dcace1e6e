"""``mesh doctor``: checks of the deployment, or of the state folder, from end to end."""

from __future__ import annotations

import argparse

from platform_core.cli.output import answer
from platform_core.cli.table import print_text
from platform_core.settings import mesh_root
from platform_core.workspace.doctor.checks import examine


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    checked = []
    for each in examine(root):
        checked.append(each)
        if options.format == "table":
            print_text(f"{'fault' if each.faults else 'ok':<7}{each.name}")
    facts = {"checks": [{"check": each.name, "ok": not each.faults} for each in checked]}
    return answer(options, root, facts, "", [fault for each in checked for fault in each.faults])
