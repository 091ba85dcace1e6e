"""dbt, holding the writer lock of the lake it builds in: the command ``mesh-locked-dbt``.

The lock has to be dbt's own. Were it its parent's, a killed parent would free it while dbt goes on
writing. So this process takes the lock and then becomes dbt: the kernel keeps the lock until dbt ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from platform_core.errors import Diagnostic, PlatformError, UsageError
from platform_core.lake.lock import acquire, open_lock

LOCK_FILE = "MESH_LOCK_FILE"
_WRITING = frozenset({"build", "run", "seed", "snapshot", "run-operation", "test", "clone", "retry", "show"})


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Becomes the dbt beside this interpreter, with the same arguments.

    Commands that reach the lake first take the lock that ``MESH_LOCK_FILE`` names. Ends with a
    diagnostic and code 2 where there is no dbt or no lock is named, 1 where the lock is not to be had.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        dbt = _dbt()
        if not _WRITING.isdisjoint(words):
            _lock()
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    os.execv(dbt, [str(dbt), *words])


def _dbt() -> Path:
    # Not resolved: the interpreter of an environment is a link to one that has no dbt beside it.
    dbt = Path(sys.executable).parent / "dbt"
    if not os.access(dbt, os.X_OK):
        raise UsageError(
            Diagnostic(
                "U031", f"there is no dbt at {dbt}", fix="install platform-core[dbt] in this environment"
            )
        )
    return dbt


def _lock() -> None:
    named = os.environ.get(LOCK_FILE)
    if not named:
        raise UsageError(
            Diagnostic(
                "U032",
                f"{LOCK_FILE} is not set, so dbt would write without the lake's lock",
                fix=f"set {LOCK_FILE} to the lake's lake.lock, or run the products by mesh run",
            )
        )
    path = Path(named)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = open_lock(path)
    except OSError as error:
        raise UsageError(
            Diagnostic("U033", f"the lock {path} cannot be opened: {error.strerror}", fix="make it writable")
        ) from error
    acquire(descriptor, path, holder="dbt")
    os.set_inheritable(descriptor, True)


if __name__ == "__main__":
    main()
