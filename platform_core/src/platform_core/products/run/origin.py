"""The origin of a version: its contract, code and commit, as the location loaded them."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import Window, partition_windows
from platform_core.fingerprint.made_from import MadeFrom, QueryPrint, stamped
from platform_core.fingerprint.query import PlanEngine
from platform_core.products.dbt.project import DbtProject
from platform_core.quality.outcome import CheckOutcome
from platform_core.version import __version__


def origin(product: DataProduct, kind: str, root: Path) -> dict[str, str]:
    """The contract's version and sha256, and ``code``: a digest of the code and libraries, from the
    domain's package, its dbt project or a twin's contract, and the lock."""
    contract = _digest(product.path)
    code = _code(product, kind, root)
    return {"contract_version": product.version, "contract_sha256": contract, "code": code}


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """The parts of a product's maker, their fingerprints, and these as facts for the stamp."""

    parts: MadeFrom
    prints: QueryPrint
    facts: Mapping[str, Any]


def fingerprints(
    product: DataProduct, kind: str, root: Path, made_by: Mapping[str, str], made_from: Callable[[], MadeFrom]
) -> Fingerprints | None:
    """The fingerprints of what makes a product; None if its files changed since the location loaded, because
    other code runs then than the files have."""
    _sources.cache_clear()
    if _code(product, kind, root) != made_by["code"]:
        return None
    parts = made_from()
    with PlanEngine() as engine:
        prints = engine.fingerprints(parts)
    return Fingerprints(parts, prints, stamped(parts, prints))


def of_all_partitions(
    facts: Mapping[str, Any],
    previous: Mapping[str, Any] | None,
    product: DataProduct,
    window: Window | None,
) -> dict[str, Any]:
    """The facts of a version whose run makes the partitions of ``window``, None for all: with those of the
    other partitions where they differ. ``previous`` is the stamp of the version before."""
    if previous is None or window is None or product.partitions is None:
        return dict(facts)
    grid, made = [each.key for each in partition_windows(product.partitions)], window.keys
    before = previous.get("made_from") or {}
    parts = [*before.get("earlier", ())]
    covered = {key for part in parts for key in part["keys"]}
    own = {name: value for name, value in before.items() if name != "earlier"} or None
    parts.append({"keys": [key for key in grid if key not in covered], "made_from": own})
    earlier = [
        {"keys": keys, "made_from": part["made_from"]}
        for part in parts
        if (keys := [key for key in part["keys"] if key not in made]) and part["made_from"] != facts
    ]
    return {**facts, **({"earlier": earlier} if earlier else {})}


def _code(product: DataProduct, kind: str, root: Path) -> str:
    if kind == "dbt":
        made_by = DbtProject(product.domain, root / "dbt_projects" / product.domain).content()
    else:
        made_by = _digest(product.path) if kind == "masked" else _sources(sys.modules[product.domain])
    lock = _digest(root / "domains" / product.domain / "requirements.lock")
    return hashlib.sha256(f"{__version__} {made_by} {lock}".encode()).hexdigest()[:16]


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
