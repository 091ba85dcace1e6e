"""Environments: reuse, repair, sharing through uv, and failures that show pip's message."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(
    [ROOT / "requirements.lock", *ROOT.glob("*/requirements.lock"), *ROOT.glob("domains/*/requirements.lock")]
)


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has pip and nothing else."""
    folder = tmp_path_factory.mktemp("installer") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin/python"


@pytest.fixture
def setup(tmp_path: Path, pip: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, at work on an empty checkout where only the installer exists, without uv."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    spec = importlib.util.spec_from_file_location("make_environments", ROOT / "scripts/make_environments.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up there.
    monkeypatch.setitem(sys.modules, "make_environments", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    installer = module.Environment(tmp_path / ".mesh/installer", ())
    installer.folder.mkdir(parents=True)
    installer.lock.touch()
    (installer.folder / ".venv").symlink_to(pip.parent.parent)
    installer.write_stamp(installer.wanted())
    (tmp_path / "platform_core").mkdir()
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a folder whose environment has only the packages of a lock."""

    def write(name: str, lock: str) -> Path:
        path = tmp_path / name
        path.mkdir(exist_ok=True)
        (path / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "0"\n')
        (path / "requirements.lock").write_text(lock)
        return path

    return write


def bare(setup: ModuleType, path: Path) -> object:
    return setup.Environment(folder=path, sources=())


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lock of one package that pip is configured to find in a folder, and nowhere else."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    name = wheels / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(name, "w") as file:
        file.writestr("tiny.py", "SIZE = 1\n")
        file.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        file.writestr(
            "tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr("tiny-1.dist-info/RECORD", "tiny.py,,\n")
    for setting in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(setting)
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nno-index = true\n[install]\nfind-links = {wheels}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return f"tiny==1 --hash=sha256:{hashlib.sha256(name.read_bytes()).hexdigest()}\n"


@pytest.fixture
def uv(tmp_path: Path, setup: ModuleType, pip: Path) -> Path:
    """The path of the installer's uv, which is the one of the tools."""
    folder = tmp_path / ".mesh/installer/.venv"
    folder.unlink()
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(pip)
    (folder / "pyvenv.cfg").write_text((pip.parent.parent / "pyvenv.cfg").read_text())
    (folder / "lib").symlink_to(pip.parent.parent / "lib")
    (folder / "bin/uv").symlink_to(Path(sys.executable).with_name("uv"))
    installer = setup.Environment(tmp_path / ".mesh/installer", ())
    installer.write_stamp(installer.wanted())
    return folder / "bin/uv"


@pytest.mark.full
def test_environments_share_the_files_of_a_package_and_each_is_compiled(setup, folder, wheel, uv):
    one, other = (bare(setup, folder(name, wheel)) for name in ("one", "other"))
    setup.make_all([one, other])

    assert (one.packages / "tiny-1.dist-info/INSTALLER").read_text() == "uv"
    assert (one.packages / "tiny.py").samefile(other.packages / "tiny.py")
    for each in (one, other):
        said = subprocess.run(
            [each.python, "-v", "-c", "import tiny; print(tiny.__file__)"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.strip() == str(each.packages / "tiny.py")
        assert "code object from" in said.stderr.partition("tiny")[2]
        assert "wrote" not in said.stderr.partition("tiny")[2]


@pytest.mark.full
def test_pip_is_used_if_uv_fails(setup, folder, wheel, uv, capsys):
    uv.unlink()
    uv.write_text("#!/bin/sh\necho error: no such machine >&2\nexit 2\n")
    uv.chmod(0o755)
    made = bare(setup, folder("one", wheel))
    setup.make_all([made])

    assert (made.packages / "tiny-1.dist-info/INSTALLER").read_text().strip() == "pip"
    assert "made, with pip, because uv failed: error: no such machine" in capsys.readouterr().out


@pytest.mark.full
def test_a_package_that_differs_from_the_lock_is_refused(setup, folder, wheel, uv):
    made = bare(setup, folder("one", wheel[:-2] + ("0" if wheel[-2] != "0" else "1") + "\n"))
    with pytest.raises(setup.SetupError, match="DO NOT MATCH THE HASHES"):
        setup.make_all([made])
    assert not (made.packages / "tiny.py").exists()
    assert made.found() == {}


def test_uv_uses_the_configuration_of_pip(setup, pip, tmp_path):
    installer = sys.modules[setup.Installer.__module__]
    settings = tmp_path / "pip.conf"
    settings.write_text("""
[global]
index-url = https://mirror.example/simple
timeout = 7
[install]
timeout = 8
trusted-host = one.example two.example
[freeze]
timeout = 9
""")
    environ = {"PIP_CONFIG_FILE": str(settings), "PIP_FIND_LINKS": "/one /other", "PIP_CERT": "/ca.pem"}
    found = installer.uv_environ(installer.pip_settings(pip, environ))

    assert found["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert found["UV_HTTP_TIMEOUT"] == "8"
    assert found["UV_INSECURE_HOST"] == "one.example two.example"
    assert found["UV_FIND_LINKS"] == "/one,/other"
    assert found["SSL_CERT_FILE"] == "/ca.pem"
    assert "UV_INDEX" not in found


def test_the_installer_has_the_uv_of_the_tools(setup):
    entry = setup.locked("uv", ROOT / "requirements.lock")
    assert entry.count("==") == 1
    assert entry.startswith("uv==")
    assert entry in (ROOT / "requirements.lock").read_text()
    assert setup.locked("u", ROOT / "requirements.lock") == ""


@pytest.mark.full
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


@pytest.mark.full
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


def test_a_missing_lock_is_reported_in_one_line(setup, folder):
    path = folder("bare", "")
    (path / "requirements.lock").unlink()
    with pytest.raises(setup.SetupError, match=r"^bare/requirements\.lock is missing: run `make lock`$"):
        setup.environment(path)


@pytest.mark.full
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_setup_leaves_no_installer_and_no_stamp(how, tmp_path):
    """In a separate checkout, while the environment is created."""
    (tmp_path / "scripts").mkdir()
    program = tmp_path / "scripts/make_environments.py"
    for name in ("make_environments.py", "installer.py"):
        (tmp_path / "scripts" / name).write_text((ROOT / "scripts" / name).read_text())
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
    deadline = time.monotonic() + 300
    while not (tmp_path / ".mesh/installer/.venv").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does
    else:
        process.send_signal(how)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert errors.strip() == "Interrupted; run `make setup` again to continue."
    assert not list(tmp_path.rglob("made-from.json"))


def test_an_old_python_is_reported_in_one_line(tmp_path):
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


def test_mesh_in_a_moved_or_copied_checkout_prints_a_fix(setup, tmp_path):
    folder = tmp_path / "an environment's [x]"
    bin = folder / ".venv" / "bin"
    bin.mkdir(parents=True)
    (bin / "python").symlink_to(sys.executable)
    (bin / "mesh").touch(mode=0o755)
    setup.write_launchers(setup.Environment(folder, ()))
    assert subprocess.run([bin / "mesh", "--version"], capture_output=True).returncode != 127
    moved = folder.rename(tmp_path / "moved") / ".venv" / "bin" / "mesh"
    done = subprocess.run([moved, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stderr.endswith("make setup\n")) == (1, True)


def test_stop_ends_what_a_command_started(setup: ModuleType, tmp_path: Path) -> None:
    """A process that outlives its parent would keep the output open, and setup would wait for it."""
    started = tmp_path / "started"
    child = "import time; time.sleep(600)"
    code = f"import pathlib, subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); "
    code += f"pathlib.Path({str(started)!r}).touch(); time.sleep(600)"
    with (tmp_path / "lock").open("w") as lock, ThreadPoolExecutor() as pool:
        commands = setup.Commands(lock.fileno())
        command = pool.submit(commands.run, "sleeping", sys.executable, "-c", code)
        while not started.exists():
            time.sleep(0.05)
        commands.stop()
        with pytest.raises(setup.SetupError, match="sleeping failed"):
            command.result(60)
