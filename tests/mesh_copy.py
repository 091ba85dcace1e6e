"""A copy of the mesh whose code and contracts a test may change.

The environments stay in the original. A location imports its modules from the copy, because the copy's
`workspace.yaml` gives each location its own `src` as Dagster's `working_directory`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml
from mesh_command import ROOT

CODE = shutil.ignore_patterns("__pycache__", "target", "logs")


@dataclass(frozen=True)
class Copy:
    """The root of a copied mesh."""

    root: Path

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that must be there exactly once."""
        path = self.root / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {text.count(old)} times: {old}"
        path.write_text(text.replace(old, new))

    def write(self, file: str, text: str) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def copy_mesh(target: Path) -> Copy:
    """The tree as it is now: locations, contracts, code of the domains, dbt projects, teams."""
    target.mkdir(parents=True)
    for name in ("governance", "dbt_projects"):
        shutil.copytree(ROOT / name, target / name, ignore=CODE)
    shutil.copy(ROOT / "dagster.yaml", target)
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    for entry in workspace["load_from"]:
        location = entry["python_module"]
        folder = Path("domains", location["location_name"])
        for part in ("contracts", "src"):
            shutil.copytree(ROOT / folder / part, target / folder / part, ignore=CODE)
        (target / folder / ".venv").symlink_to(ROOT / folder / ".venv")
        location["working_directory"] = str(folder / "src")
    (target / "workspace.yaml").write_text(yaml.safe_dump(workspace))
    return Copy(target)
