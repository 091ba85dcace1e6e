"""Check the imports of the library and of every domain in the tree.

It adds three contracts to those in pyproject.toml: the library imports no domain, domains do not import each
other, and domains import only public modules of the library.

    python scripts/lint_imports.py
"""

from __future__ import annotations

import json
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "platform_core" / "src"


def modules() -> Iterator[str]:
    for path in LIBRARY.rglob("*.py"):
        yield (
            path.relative_to(LIBRARY)
            .as_posix()
            .removesuffix(".py")
            .removesuffix("/__init__")
            .replace("/", ".")
        )


def settings_with(domains: list[str]) -> dict[str, Any]:
    """The settings of import-linter in pyproject.toml, with contracts for the domains."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    public: list[str] = tool["mesh"]["library"]["public"]
    # A package has no code, and is imported with each of its modules.
    inner = {name for name in modules() if not (LIBRARY / name.replace(".", "/")).is_dir()} - set(public)
    settings: dict[str, Any] = tool["importlinter"]
    settings["root_packages"] += domains
    settings["contracts"] += [
        {
            "name": "The library knows no domain",
            "type": "forbidden",
            "source_modules": ["platform_core"],
            "forbidden_modules": domains,
        },
        {"name": "Domains never import each other", "type": "independence", "modules": domains},
        {
            "name": "Domains import only public modules of the library (docs/platform.md)",
            "type": "forbidden",
            "source_modules": domains,
            "forbidden_modules": sorted(inner),
            "allow_indirect_imports": True,
        },
    ]
    return settings


def as_toml(settings: dict[str, Any]) -> str:
    """The settings of import-linter as TOML, in which texts, numbers and lists of texts are as in JSON."""
    contracts = settings.pop("contracts")
    lines = ["[tool.importlinter]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
    for contract in contracts:
        lines.append("[[tool.importlinter.contracts]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in contract.items()]
    return "\n".join(lines)


def main() -> int:
    sources = sorted(ROOT.glob("domains/*/src"))
    sys.path[:0] = map(str, sources)
    domains = sorted(path.name for source in sources for path in source.iterdir() if path.is_dir())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pyproject.toml"
        path.write_text(as_toml(settings_with(domains)), encoding="utf-8")
        return lint_imports(
            config_filename=str(path), cache_dir=str(ROOT / ".import_linter_cache"), no_logo=True
        )


if __name__ == "__main__":
    sys.exit(main())
