"""Making environments: reuse, repair, and a failure that says what pip said."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(
    [ROOT / "requirements.lock", *ROOT.glob("*/requirements.lock"), *ROOT.glob("domains/*/requirements.lock")]
)


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, at work on an empty checkout."""
    spec = importlib.util.spec_from_file_location("make_environments", ROOT / "scripts/make_environments.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up there.
    monkeypatch.setitem(sys.modules, "make_environments", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "platform_core").mkdir()
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a folder whose environment holds what a lock names, and nothing of ours."""

    def write(name: str, lock: str) -> Path:
        path = tmp_path / name
        path.mkdir(exist_ok=True)
        (path / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "0"\n')
        (path / "requirements.lock").write_text(lock)
        return path

    return write


def bare(setup: ModuleType, path: Path) -> object:
    return setup.Environment(folder=path, sources=())


def test_environment_is_reused_until_its_lock_changes(setup, folder, capsys):
    path = folder("bare", "# nothing\n")
    left_over = path / ".venv" / "left-over"

    setup.make_all([bare(setup, path)])
    assert "bare" in capsys.readouterr().out
    left_over.touch()
    setup.make_all([bare(setup, path)])
    assert capsys.readouterr().out == ""
    assert left_over.exists()

    folder("bare", "# another nothing\n")
    setup.make_all([bare(setup, path)])
    assert not left_over.exists(), "an environment is made from nothing, not on top of another"


def test_unfinished_or_broken_environment_is_not_taken_for_a_good_one(setup, folder):
    wanted = bare(setup, folder("bare", "# nothing\n"))
    assert wanted.found() == {}
    wanted.python.parent.mkdir(parents=True)
    wanted.python.symlink_to(sys.executable)
    assert wanted.found() == {}, "it has a Python, but nobody said that the rest is there"
    wanted.write_stamp(wanted.wanted())
    assert wanted.found() == wanted.wanted()
    wanted.python.unlink()
    wanted.python.symlink_to("/nonexistent/python3")
    assert wanted.found() == {}, "the Python it was made with is gone"


def test_pips_failure_is_shown_without_its_noise(setup, folder, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "missing"))
    path = folder("bare", f"no-such-thing==1 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(setup.SetupError) as failure:
        setup.make_all([bare(setup, path)])
    words = str(failure.value)
    assert "bare: pip install failed" in words
    assert "no-such-thing==1" in words
    assert "PIP_INDEX_URL" in words
    assert "WARNING: Location" not in words
    assert bare(setup, path).found() == {}


def test_missing_lock_is_said_in_one_line(setup, folder):
    path = folder("bare", "")
    (path / "requirements.lock").unlink()
    with pytest.raises(setup.SetupError, match=r"^bare/requirements\.lock is missing: run `make lock`$"):
        setup.environment(path)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_setup_leaves_no_installer_and_no_stamp(how, tmp_path):
    """In a checkout of its own, while the environment is being made."""
    (tmp_path / "scripts").mkdir()
    program = tmp_path / "scripts/make_environments.py"
    program.write_text((ROOT / "scripts/make_environments.py").read_text())
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "platform_core").mkdir()
    (tmp_path / "platform_core/pyproject.toml").write_text("")
    (tmp_path / "requirements.lock").write_text("# nothing\n")
    process = subprocess.Popen(
        [sys.executable, program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / ".venv").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does
    else:
        process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.strip() == "Interrupted; run `make setup` again to go on."
    assert not (tmp_path / ".venv/made-from.json").exists()


def test_python_that_is_too_old_is_told_in_one_line(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.18\nexit 0\n')
    old.chmod(0o755)
    result = subprocess.run(
        ["make", "setup", f"PYTHON={old}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert "needs Python 3.11 or newer" in line
    assert "Python 3.9.18" in line


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_locks_pin_everything_by_hash_and_name_no_index(lock):
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^--", text, re.MULTILINE)
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert requirements
    for requirement in requirements:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", requirement), requirement.splitlines()[0]
        assert "--hash=sha256:" in requirement, requirement.splitlines()[0]
