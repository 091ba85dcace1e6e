"""Install the packages of a lock into an environment: with uv, or with pip if uv fails.

pip comes with Python and installs uv with hashes from the tools' lock. uv then unpacks each package once into
its cache and links the files into every environment: a tenth of pip's time, and one copy on the disk. pip's
configuration applies to uv too. If uv fails (an index that only pip can use, a machine without a build of
uv), pip installs the packages and shows its output.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

# pip's settings by uv's variables, with the separator between several values. Later ones override, as in pip.
SETTINGS = {
    "index-url": ("UV_DEFAULT_INDEX", None),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", None),
    "client-cert": ("SSL_CLIENT_CERT", None),
    "proxy": ("ALL_PROXY", None),
    "timeout": ("UV_HTTP_TIMEOUT", None),
}
# Later ones override earlier ones, as in pip.
SECTIONS = ("global", "install", ":env:")
# A package's own tests are never imported, and are a third of the files to compile. Files for another Python
# do not compile; pip ignores them too.
COMPILE = """
import compileall, re, sys
compileall.compile_dir(sys.argv[1], quiet=2, workers=0, maxlevels=50, rx=re.compile("/tests/"))
"""

Run = Callable[..., None]
"""Runs a command: its description, its words, `advice` and `environ`."""


def locked(package: str, lock: Path) -> str:
    """The entry of one package in a lock, with its hashes; empty if it has none."""
    text = lock.read_text(encoding="utf-8") if lock.is_file() else ""
    found = re.search(rf"^{re.escape(package)}==.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


def pip_settings(python: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """pip's configuration by the names of its long options."""
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], env=environ, capture_output=True, text=True, check=False
    )
    found = {}
    for line in listed.stdout.splitlines():
        setting, _, value = line.partition("=")
        section, _, name = setting.rpartition(".")
        if section in SECTIONS:
            found[SECTIONS.index(section), name] = str(ast.literal_eval(value))
    return {name: value for (_, name), value in sorted(found.items())}


def uv_environ(settings: Mapping[str, str]) -> dict[str, str]:
    """pip's configuration as environment variables for uv."""
    found = {
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_LINK_MODE": "hardlink",
        # As in pip. The hashes verify the packages of every index.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    for name, (variable, between) in SETTINGS.items():
        if value := settings.get(name):
            found[variable] = value if between is None else between.join(value.split())
    return found


class Installer:
    """Installs packages into environments with one Python.

    Arguments:
        python: of the environment that has pip, and uv if the tools' lock names it.
        run: runs a command; raises when it fails.
        failure: what `run` raises then.
        environ: of every command.
    """

    def __init__(self, python: Path, run: Run, failure: type[Exception], environ: Mapping[str, str]) -> None:
        self._python = python
        self._run = run
        self._failure = failure
        self._settings = pip_settings(python, environ)
        # The user's own configuration of uv takes precedence.
        self._environ = {**uv_environ(self._settings), **environ}
        uv = python.with_name("uv")
        self._uv = uv if uv.exists() else None

    def install_locked(self, target: Path, lock: Path, advice: str) -> str:
        """Install exactly the packages of a lock, hashes checked; returns a note if uv failed. Raises the
        failure of `run`, with the advice, if pip fails too."""
        how = ""
        if self._uv is not None:
            words = [*self._uv_install(target), "--system-certs", "--require-hashes", "-r", lock]
            if self._settings.get("no-index", "0").lower() in {"1", "true", "yes", "on"}:
                words.append("--no-index")
            try:
                self._run("uv pip install", *words, environ=self._environ)
                return how
            except self._failure as failure:
                # pip succeeds, or reports the fault in familiar words.
                reasons = str(failure).splitlines()
                how = f", with pip, because uv failed: {reasons[-1].strip()}"
        self._run("pip install", *self._pip_install(target), "--require-hashes", "-r", lock, advice=advice)
        return how

    def install_sources(self, target: Path, sources: Iterable[Path]) -> None:
        """Install our own packages in editable mode, without an index."""
        install = self._pip_install(target)
        if self._uv is not None:
            install = [*self._uv_install(target), "--reinstall"]
        what = [word for source in sources for word in ("-e", source)]
        offline = ["--no-index", "--no-deps", "--no-build-isolation"]
        self._run("installing our packages", *install, *offline, *what, environ=self._environ)

    def _uv_install(self, target: Path) -> list[str | Path]:
        return [self._uv or "uv", "pip", "install", "--quiet", "--python", target]

    def _pip_install(self, target: Path) -> list[str | Path]:
        quiet = ("--quiet", "--no-compile", "--progress-bar=off")
        return [self._python, "-m", "pip", "--python", target, "install", *quiet]
