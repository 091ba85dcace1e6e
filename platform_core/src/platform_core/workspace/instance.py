"""Opening the Dagster instance that everything shares.

``python -m platform_core.workspace.instance HOME`` does it once and ends: two processes that make
its database at the same time leave it unusable.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import dagster as dg

from platform_core.files import file_lock
from platform_core.workspace.processes import is_alive
from platform_core.workspace.recipe import close_abandoned, open_instance

PROCESS_TAG: Final = "mesh/worker"
"""Names the process that executes a run, see ``processes.signature``."""


def shared_instance(home: Path) -> dg.DagsterInstance:
    """The instance of a home. One process at a time: the first makes its database, and each closes
    the runs whose process was killed before it could record their end."""
    with file_lock(home / "instance.lock"):
        instance = open_instance(home)
        close_abandoned(instance, PROCESS_TAG, is_alive)
    return instance


if __name__ == "__main__":
    shared_instance(Path(sys.argv[1])).dispose()
