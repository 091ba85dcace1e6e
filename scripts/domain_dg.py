"""Dagster's `dg` inside a domain: the domain's interpreter and packages, with the `dg` of the tools.

    domains/hr/.venv/bin/dg list defs

`dg` imports the domain's code, and brings 40 packages that no product needs. So it is installed once, at the
root; a domain's own packages come first. `make setup` writes the programs that call this.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    own = version("dagster")
    sys.path += map(str, ROOT.glob(".venv/lib/python*/site-packages"))
    of_tools = version("dagster-dg-cli")
    if own != of_tools:
        sys.exit(f"The domain has Dagster {own} and the tools have {of_tools}: run `make lock setup`.")
    sys.argv[0] = "dg"

    [dg] = entry_points(group="console_scripts", name="dg")
    dg.load()()
