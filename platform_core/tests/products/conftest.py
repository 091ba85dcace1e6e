"""A mesh of code in a folder, and an instance to run it in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from code_mesh import CodeMesh, code_mesh


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeMesh]:
    yield code_mesh(tmp_path, monkeypatch)
    for name in [name for name in sys.modules if name.split(".")[0] in ("shop", "other")]:
        del sys.modules[name]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
