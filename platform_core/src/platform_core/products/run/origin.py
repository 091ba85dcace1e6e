"""The origin of a version: its contract, code and commit, as the location loaded them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from platform_core.contracts.model import DataProduct
from platform_core.products.dbt.project import DbtProject
from platform_core.quality.outcome import CheckOutcome
from platform_core.version import __version__


def origin(product: DataProduct, kind: str, root: Path) -> dict[str, str]:
    """The contract's version and sha256, and ``code``: a digest of the code and libraries, from the
    domain's package, its dbt project or a twin's contract, and the lock."""
    contract = _digest(product.path)
    if kind == "dbt":
        made_by = DbtProject(product.domain, root / "dbt_projects" / product.domain).content()
    else:
        made_by = contract if kind == "masked" else _sources(sys.modules[product.domain])
    lock = _digest(root / "domains" / product.domain / "requirements.lock")
    code = hashlib.sha256(f"{__version__} {made_by} {lock}".encode()).hexdigest()[:16]
    return {"contract_version": product.version, "contract_sha256": contract, "code": code}


@cache
def commit(folder: Path) -> str | None:
    """The commit that is checked out at a folder; None without git or a commit."""
    asked = ("git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "HEAD")
    try:
        return subprocess.run(asked, capture_output=True, text=True, timeout=10).stdout.strip() or None
    except (OSError, subprocess.TimeoutExpired):
        return None


def checks_summary(outcomes: Iterable[CheckOutcome]) -> dict[str, Any]:
    """The outcomes that a snapshot stores: no sample, value or message, because readers can see them."""
    checks = []
    for each in outcomes:
        status = "passed" if each.passed else "failed" if each.blocking else "warned"
        checks.append({"rule": each.rule.name, "status": status, "count": each.violations})
    return {"checks": checks}


@cache  # by module object, which a new import replaces
def _sources(package: ModuleType) -> str:
    folder = Path(str(package.__file__)).parent
    code = (file for kind in ("*.py", "*.sql", "*.yaml") for file in folder.rglob(kind))
    files = [(file.relative_to(folder).parts, _digest(file)) for file in sorted(code)]
    return hashlib.sha256(repr(files).encode()).hexdigest()


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
