"""Make the environments of the mesh: one for the tools at the root, one per code location.

    python3 scripts/make_environments.py [FOLDER ...]

Each folder with a ``pyproject.toml`` and a ``requirements.lock`` gets a ``.venv``: exactly the packages of
its lock (hashes checked), then our own packages in editable mode. Without folders: the root and every domain.
It first makes ``.mesh/installer``, an environment with pip and the uv of the root's lock.

It replaces make rules with stamp files: it makes two environments at a time without mixing their output,
prints one line per environment with its seconds, shows installers only if they fail, and repeats an
unfinished environment. It needs only the standard library, because it runs before any installation.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from installer import COMPILE, Installer, locked

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = 2  # an installer often waits for the network and the disk
SHOWN_LINES = 15
OF_THE_INDEX = """
The packages come from pip's configured index. Offline or behind a mirror: set PIP_INDEX_URL or pip.conf so
that `python3 -m pip download pip` works, then run `make setup` again; finished environments stay."""


class SetupError(Exception):
    """An environment that could not be made; the message is for people."""


@dataclass(frozen=True)
class Environment:
    """A folder with its lock, and our own packages that are installed from source."""

    folder: Path
    sources: tuple[Path, ...]

    @property
    def name(self) -> str:
        return "tools" if self.folder == ROOT else self.folder.name

    @property
    def packages(self) -> Path:
        version = ".".join(map(str, sys.version_info[:2]))
        return self.folder / ".venv" / "lib" / f"python{version}" / "site-packages"

    @property
    def lock(self) -> Path:
        return self.folder / "requirements.lock"

    @property
    def python(self) -> Path:
        return self.folder / ".venv" / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """The file that marks a finished environment."""
        return self.folder / ".venv" / "made-from.json"

    def wanted(self) -> dict[str, str]:
        """The stamp of a current environment. It has the folder, because a moved environment does not work,
        and the Python version, because it decides the wheels."""
        version = ".".join(map(str, sys.version_info[:2]))
        locked = f"{self.folder}\n{version}\n".encode() + self.lock.read_bytes()
        sources = [b"%s\n%s" % (bytes(path), (path / "pyproject.toml").read_bytes()) for path in self.sources]
        return {
            "lock": hashlib.sha256(locked).hexdigest(),
            "sources": hashlib.sha256(b"\n".join(sources)).hexdigest(),
        }

    def found(self) -> dict[str, str]:
        """The stamp of the environment on disk; empty if it is missing, broken or unfinished."""
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        # An upgraded or removed Python leaves a dangling link.
        return stamp if isinstance(stamp, dict) and self.python.exists() else {}

    def write_stamp(self, stamp: dict[str, str]) -> None:
        unfinished = self.stamp.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(stamp), encoding="utf-8")
        unfinished.replace(self.stamp)


class Commands:
    """Runs installers and venv quietly, several at a time, and can stop them all."""

    def __init__(self, lock: int) -> None:
        self._lock = lock
        self._running: set[subprocess.Popen[str]] = set()
        self._guard = threading.Lock()
        self.stopped = False

    def run(
        self, what: str, *command: str | Path, advice: str = "", environ: Mapping[str, str] | None = None
    ) -> None:
        """Run a command to its end. Raises SetupError, with the end of its output and the advice, if it
        fails."""
        with self._guard:
            if self.stopped:
                raise SetupError(f"{what}: not done")
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=ROOT,
                env=environ or _environ(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # If this program is killed, its commands continue for a while and must keep the lock.
                pass_fds=(self._lock,),
                # `stop` also ends what the command started, which would keep its output open.
                process_group=0,
            )
            self._running.add(process)
        output, _ = process.communicate()
        with self._guard:
            self._running.discard(process)
        if process.returncode:
            lines = [line for line in output.splitlines() if line.strip() and not _is_noise(line)]
            said = "".join(f"\n  {line}" for line in lines[-SHOWN_LINES:])
            raise SetupError(f"{what} failed:{said}{advice}")

    def stop(self) -> None:
        with self._guard:
            self.stopped = True
            for process in self._running:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)


def _environ() -> dict[str, str]:
    """The caller's environment without variables that lead pip to another Python's packages."""
    hidden = {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_USER", "PIP_PREFIX", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def _is_noise(line: str) -> bool:
    """Whether a line of pip is about a place without the package, or a failed attempt before the last."""
    attempt = line.startswith("WARNING: Retrying (Retry(total=") and "(Retry(total=0," not in line
    return attempt or line.startswith(("WARNING: Location", "WARNING: Skipping page", "Looking in "))


def environment(folder: Path) -> Environment:
    """The environment of a folder. Raises SetupError if its pyproject.toml or its lock is missing."""
    fixes = {"pyproject.toml": "is this a code location?", "requirements.lock": "run `make lock`"}
    for name, fix in fixes.items():
        if not (folder / name).is_file():
            raise SetupError(f"{folder.relative_to(ROOT) / name} is missing: {fix}")
    text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    library = (ROOT / "platform_core",) if "platform-core" in text else ()
    own = (folder,) if "[build-system]" in text else ()
    return Environment(folder=folder, sources=(*library, *own))


def make_installer(commands: Commands) -> Installer:
    """The current installer for all environments. Raises SetupError if pip cannot install uv."""
    folder = ROOT / ".mesh" / "installer"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = Environment(folder, sources=())
    entry = locked("uv", ROOT / "requirements.lock")
    if not wanted.lock.is_file() or wanted.lock.read_text(encoding="utf-8") != entry:
        wanted.lock.write_text(entry, encoding="utf-8")
    if wanted.found() != wanted.wanted():
        wanted.stamp.unlink(missing_ok=True)
        commands.run("python -m venv", sys.executable, "-m", "venv", "--clear", wanted.folder / ".venv")
        pip = (wanted.python, "-m", "pip", "install", "--quiet", "--progress-bar=off")
        commands.run("pip install uv", *pip, "--require-hashes", "-r", wanted.lock, advice=OF_THE_INDEX)
        wanted.write_stamp(wanted.wanted())
    return Installer(wanted.python, commands.run, SetupError, _environ())


def make(wanted: Environment, commands: Commands, installer: Installer) -> str | None:
    """Bring one environment up to date; returns a description of the change, or None without a change."""
    target, found = wanted.wanted(), wanted.found()
    if found == target:
        return None
    done = "installed our packages again"
    if found.get("lock") != target["lock"]:
        # Always a new environment, so that packages that left the lock cannot be imported.
        wanted.stamp.unlink(missing_ok=True)
        venv = (sys.executable, "-m", "venv", "--clear", "--without-pip", wanted.folder / ".venv")
        commands.run("python -m venv", *venv)
        done = f"made{installer.install_locked(wanted.python, wanted.lock, OF_THE_INDEX)}"
        # With bytecode, programs start in a third of the time.
        commands.run("compiling", sys.executable, "-c", COMPILE, wanted.packages)
        wanted.write_stamp({"lock": target["lock"]})
    if wanted.sources:
        installer.install_sources(wanted.python, wanted.sources)
    write_launchers(wanted)
    wanted.write_stamp(target)
    return done


def write_launchers(wanted: Environment) -> None:
    """Write programs that show the fix if their environment was moved or copied: they would not start, or run
    the code of the original checkout. They are `mesh`, and `dg` for a domain without its own."""
    if wanted.python.with_name("mesh").exists():
        _write_launcher(wanted, "mesh", "-m platform_core.cli")
    if wanted.folder.parent == ROOT / "domains" and not (wanted.packages / "dagster_dg_cli").exists():
        _write_launcher(wanted, "dg", shlex.quote(str(ROOT / "scripts" / "domain_dg.py")))


def _write_launcher(wanted: Environment, name: str, program: str) -> None:
    launcher = wanted.python.with_name(name)
    path, python = shlex.quote(str(launcher)), shlex.quote(str(wanted.python))
    moved = "this checkout was moved or copied; its environments are made by: make setup"
    words = f'[ "$0" -ef {path} ] || {{ echo "{moved}" >&2; exit 1; }}'
    launcher.write_text(f'#!/bin/sh\n{words}\nexec {python} {program} "$@"\n', encoding="utf-8")
    launcher.chmod(0o755)


@contextmanager
def alone() -> Iterator[int]:
    """Hold the lock that excludes another setup of the checkout; yields its file descriptor."""
    path = ROOT / ".mesh" / "setup.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another setup of this checkout.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def make_all(environments: Sequence[Environment]) -> None:
    """Make several environments, ``AT_ONCE`` at a time, and print a line for each. Raises SetupError if one
    fails; the others are finished or not begun."""
    stale = [each for each in environments if each.found() != each.wanted()]
    if not stale:
        return
    width = max(len(each.name) for each in stale)
    plural = "environments" if len(stale) > 1 else "environment"
    anew = any(each.found().get("lock") != each.wanted()["lock"] for each in stale)
    patience = " (once per lock; some minutes with a cold cache)" if anew else ""
    print(f"{'Making' if anew else 'Updating'} {len(stale)} {plural}{patience}", flush=True)
    began = time.monotonic()
    with alone() as lock, ThreadPoolExecutor(AT_ONCE) as pool:
        commands = Commands(lock)
        installer = make_installer(commands)

        def timed(each: Environment) -> str:
            start = time.monotonic()
            try:
                done = make(each, commands, installer) or "was made meanwhile"
            except SetupError as error:
                raise SetupError(f"{each.name}: {error}") from error
            return f"  {each.name:<{width}}  {time.monotonic() - start:6.1f} s  {done}"

        try:
            for future in as_completed([pool.submit(timed, each) for each in stale]):
                print(future.result(), flush=True)
        except BaseException:
            commands.stop()
            raise
    print(f"  {'':<{width}}  {time.monotonic() - began:6.1f} s  in all", flush=True)


def _terminated(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Make the environments of the command line; returns the exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    domains = sorted(path.parent for path in ROOT.glob("domains/*/pyproject.toml"))
    folders = [(ROOT / name).resolve() for name in arguments] or [ROOT, *domains]
    try:
        make_all([environment(folder) for folder in folders])
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; run `make setup` again to continue.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
