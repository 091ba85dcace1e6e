"""What a version was made by: the contract, the code and the commit, as the location loaded them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from platform_core import __version__
from platform_core.contracts.model import DataProduct
from platform_core.errors import Place
from platform_core.products.dbt_project import DbtProject
from platform_core.quality.outcome import CheckOutcome
from platform_core.settings import mesh_root


def contract_facts(product: DataProduct) -> dict[str, str]:
    """Version and sha256 of the contract; those of its parent for a masked twin."""
    digest = hashlib.sha256(product.path.read_bytes()).hexdigest()
    return {"contract_version": product.version, "contract_sha256": digest}


def code_fingerprint(product: DataProduct, place: Place, kind: str) -> str:
    """A digest of what makes a product, beside its inputs: the sources of the domain's package, its dbt
    project, or the contract of a masked twin; with the domain's locked libraries and platform_core."""
    root = mesh_root(place.path.parent)
    lock = root / "domains" / product.domain / "requirements.lock"
    match kind:
        case "dbt":
            made_by = DbtProject(product.domain, root / "dbt_projects" / product.domain).content()
        case "masked":
            made_by = _digest(product.path)
        case _:
            made_by = _sources(sys.modules[product.domain])
    return hashlib.sha256(f"{__version__} {made_by} {_digest(lock)}".encode()).hexdigest()[:16]


@cache
def commit(folder: Path) -> str | None:
    """The commit that is checked out around a folder; None where git knows of none."""
    asked = ("git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "HEAD")
    try:
        return subprocess.run(asked, capture_output=True, text=True, timeout=10).stdout.strip() or None
    except (OSError, subprocess.TimeoutExpired):
        return None


def checks_told(outcomes: Iterable[CheckOutcome]) -> dict[str, Any]:
    """What a snapshot remembers of its checks: no sample, no value, no message, since readers attach it."""
    told = []
    for each in outcomes:
        status = "passed" if each.passed else "failed" if each.blocking else "warned"
        told.append({"rule": each.rule.name, "status": status, "count": each.violations})
    return {"checks": told}


@cache  # by the module itself: one that was imported anew is another
def _sources(package: ModuleType) -> str:
    folder = Path(str(package.__file__)).parent
    files = sorted(folder.rglob("*.py"))
    said = "".join(f"{file.relative_to(folder).parts} {_digest(file)}" for file in files)
    return hashlib.sha256(said.encode()).hexdigest()


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
