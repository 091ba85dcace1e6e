"""Domains, their tests and the policies of the federation import only public names of the library."""

from __future__ import annotations

import ast
import importlib
import tomllib

import pytest
from architecture.library import ROOT, Module

PUBLIC = set(
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mesh"]["library"]["public"]
)
BUILDERS = sorted({*ROOT.glob("domains/*/src/**/*.py"), *ROOT.glob("domains/*/tests/**/*.py")}) + sorted(
    ROOT.glob("governance/**/*.py")
)


def test_only_public_modules_are_imported() -> None:
    assert len(BUILDERS) > 30
    found = []
    for path in BUILDERS:
        module = Module(path.relative_to(ROOT).as_posix(), "", ast.parse(path.read_text(encoding="utf-8")))
        for line, name in module.imports():
            within = name if name in PUBLIC else name.rpartition(".")[0]
            if name.partition(".")[0] == "platform_core" and within not in PUBLIC:
                found.append(f"{module.name}:{line} {name}")
    assert found == []


def test_the_page_lists_the_public_names() -> None:
    page = (ROOT / "docs/platform.md").read_text(encoding="utf-8")
    section = page.partition("## Its public face")[2].partition("\n## ")[0]
    assert [name for name in sorted(PUBLIC) if f"`{name}`" not in section] == []


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_names_exist(name: str) -> None:
    assert importlib.import_module(name)
