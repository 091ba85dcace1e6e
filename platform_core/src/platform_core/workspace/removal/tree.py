"""The part of the tree that goes with a product or a domain: files, folders, and entries in shared files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, Place, UsageError, shown
from platform_core.files import move_folder, write_files
from platform_core.registry.lookup import Registry
from platform_core.settings import WORKSPACE, environment
from platform_core.source.dg_workspace import DG
from platform_core.source.entries import without_members, without_project
from platform_core.words import listed
from platform_core.workspace.processes.start import start
from platform_core.workspace.removal.code import without_function


@dataclass(frozen=True)
class TreeChange:
    """``files`` have their new text, None to remove them; ``folders`` go as a whole."""

    files: Mapping[Path, str | None] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()

    def words(self) -> list[str]:
        gone = [
            shown(path) for path in (*self.folders, *(p for p, text in self.files.items() if text is None))
        ]
        edited = [f"entries in {shown(path)}" for path, text in self.files.items() if text is not None]
        return [*gone, *edited]

    def apply(self) -> None:
        """All of it or, after a fault or Ctrl-C, nothing. The folders are only set aside: see ``sweep``."""
        moved: list[Path] = []
        try:
            for folder in self.folders:
                moved.append(folder)
                move_folder(folder, _aside(folder))
            write_files(self.files)
        except BaseException:
            for folder in moved:
                if _aside(folder).exists():
                    move_folder(_aside(folder), folder)
            raise


def sweep(root: Path, domain: str) -> None:
    """Remove the folders of a domain that were set aside."""
    for parent in ("domains", "dbt_projects"):
        shutil.rmtree(_aside(root / parent / domain), ignore_errors=True)


def of_domain(root: Path, domain: str) -> TreeChange:
    """Its folders, its entries in shared files, and the grants of others to it. Raises UsageError."""
    places = (root / "domains" / domain, root / "dbt_projects" / domain)
    files: dict[Path, str | None] = {}
    governance = root / "governance"
    for path, section, gone in (
        (governance / "waivers.yaml", "waivers", lambda _, each: _product(each).startswith(f"{domain}/")),
        (governance / "teams.yaml", "teams", lambda _, team: (team or {}).get("domain") == domain),
        (governance / "mesh.yaml", "representatives", lambda name, _: name == domain),
        (
            root / WORKSPACE,
            "load_from",
            lambda _, entry: ((entry or {}).get("python_module") or {}).get("location_name") == domain,
        ),
    ):
        _edit(files, path, section, gone)
    for contract in sorted(root.glob("domains/*/contracts/*.odcs.y*ml")):
        if contract.parent.parent.name != domain and f"domain:{domain}" in contract.read_text("utf-8"):
            _edit(files, contract, "roles", lambda _, role: (role or {}).get("role") == f"domain:{domain}")
    if (dg := root / DG).exists():
        text = dg.read_text(encoding="utf-8")
        if (new := without_project(dg, text, f"domains/{domain}")) != text:
            files[dg] = new
    return TreeChange(files, tuple(place for place in places if place.is_dir()))


def of_product(root: Path, product: ProductId, registry: Registry) -> TreeChange:
    """Its contract, function and test, or dbt model, and its waivers. Raises UsageError U073 for a product
    that shares its code, U074 for a masked twin."""
    contract, files = registry.path(product), dict[Path, str | None]()
    if product.name in registry.twins(product.domain):
        message, place = f"{product} is a masked twin, which a contract declares", Place(contract)
        raise UsageError.of("U074", message, place, "a product with a contract", "Remove maskedAs there.")
    if contract.is_file() and contract.is_relative_to(root):
        files[contract] = None
    files |= without_function(root / "domains" / product.domain, product)
    models = root / "dbt_projects" / product.domain / "models"
    for model in sorted(models.rglob("*.sql")):
        if model.stem == product.name:
            files[model] = None
            continue
        text = model.read_text(encoding="utf-8")
        if found := re.search(rf"ref\(\s*['\"]{product.name}['\"]", text):
            place = Place(model, text.count("\n", 0, found.start()) + 1)
            message = f"the dbt model {model.stem} reads {product}"
            fix = "Change it, commit, then call again."
            raise UsageError.of("U073", message, place, "a product that no other code uses", fix)
    waivers = root / "governance" / "waivers.yaml"
    _edit(files, waivers, "waivers", lambda _, waiver: _product(waiver) == product)
    return TreeChange(files)


def dirty(root: Path) -> Diagnostic | None:
    """U072 for a tree with changes that git has not committed, or without git: what goes could be lost."""
    words, found, failed = ("git", "status", "--porcelain"), b"", True
    with suppress(OSError), start(words, environment(), cwd=root, stdout=PIPE, stderr=DEVNULL) as git:
        found, failed = git.communicate()[0], git.returncode != 0
    if failed:
        return Diagnostic("U072", "the tree of the mesh is not in git", None, "a tree that git can restore")
    if not found:
        return None
    changed = [line[3:] for line in found.decode(errors="replace").splitlines()]
    message = f"the tree has changes that are not committed: {listed(changed, 5)}"
    return Diagnostic("U072", message, None, "a tree that git can restore", "Commit them, then call again.")


def _aside(folder: Path) -> Path:
    return folder.with_name(f".removed-{folder.name}")


def _product(waiver: Any) -> str:
    return str((waiver or {}).get("product"))


def _edit(files: dict[Path, str | None], path: Path, section: str, gone: Callable[[Any, Any], bool]) -> None:
    if path.exists():
        text = path.read_text(encoding="utf-8")
        if (new := without_members(path, text, section, gone)) != text:
            files[path] = new
