"""The shared Dagster instance of a mesh.

``python -m platform_core.workspace.instance HOME DOMAIN...`` opens it once and ends: two processes that
create its database at the same time leave it unusable.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

import dagster as dg

from platform_core.deployment.file import current_deployment
from platform_core.files import file_lock
from platform_core.products.run.refusal import restore_check_results
from platform_core.settings import mesh_root
from platform_core.workspace.dagster_internals import close_abandoned, open_instance
from platform_core.workspace.hosts.instance_settings import one_process
from platform_core.workspace.processes.living import hold_name, is_alive
from platform_core.workspace.reconcile import reconcile

PROCESS_TAG: Final = "mesh/worker"
"""The tag with the ``signature`` of the process that executes a run."""
LIVING: Final = "living"


def shared_instance(home: Path, root: Path, domains: Collection[str]) -> dg.DagsterInstance:
    """The instance of a Dagster home. One process at a time opens it: the first creates its database; each
    closes the runs of killed processes, and records the versions that these published in the lakes of
    ``domains``."""
    with file_lock(home / "instance.lock"), one_process(current_deployment()):
        instance = open_instance(home)
        closed = close_abandoned(instance, PROCESS_TAG, lambda name: is_alive(name, home / LIVING))
        hold_name(home / LIVING)
        reconcile(instance, root, domains)
        for run_id in closed:
            restore_check_results(instance, run_id)
    return instance


if __name__ == "__main__":
    with shared_instance(Path(sys.argv[1]), mesh_root(), sys.argv[2:]) as opened:
        if (deployment := current_deployment()) is not None and deployment.instance is not None:
            with one_process(deployment):
                opened.upgrade()
