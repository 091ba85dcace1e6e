"""A small mesh with ungranted files around it, and the check whether an attempt had an effect.

Every secret is a word that no attempt contains, so an attempt that shows one has read it. Every file below
the folder is compared with its earlier content, so an attempt that changes one has written it.
"""

from __future__ import annotations

import faulthandler
import os
import re
import shutil
import signal
import socket
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import duckdb
import pytest
from small_mesh import SmallMesh, here, published_mesh

from platform_core.registry.lookup import Registry

T = TypeVar("T")

SECRET = "ZQX"
"""In every row, column and file that is not granted."""
_SPILL = re.compile(r"[^\s'\"\[,(]*\.spill-[^\s'\"\]),]*")
NAMES = ("costs", "payroll", "staffing", "ducklake_", "sales_staging")
"""What lakes hold beside what is granted: no secret in a message, which may propose a product's name."""


def some(attempts: Mapping[str, T], count: int | None) -> list[tuple[str, T]]:
    """A part of the attempts by their names, always the same, of all kinds."""
    return sorted(attempts.items(), key=lambda attempt: zlib.crc32(attempt[0].encode()))[:count]


def in_a_child(came_through: Callable[[], bool]) -> bool:
    """The answer of an attempt in a child process; an attempt that ends the process succeeded."""
    process = os.fork()
    if process == 0:
        faulthandler.disable()
        signal.alarm(300)  # one that hangs ends so, however slow the machine is
        found = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with suppress(BaseException):
            found = came_through()
        os._exit(found)
    return os.waitpid(process, 0)[1] != 0


@dataclass(frozen=True)
class Sandbox:
    """``root`` holds everything: the mesh, a bait, a home and the folder that attempts work in."""

    root: Path
    mesh: SmallMesh
    listener: socket.socket = field(repr=False)

    @property
    def bait(self) -> Path:
        return self.root / "bait"

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @cached_property
    def registry(self) -> Registry:
        return self.mesh.registry

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        data = [path.stem for path in self.mesh.lakes.root.rglob("*.parquet")]
        return (SECRET, "root:x:0", str(self.root), str(Path.home()), sys.prefix, *data)

    def shown(self, attempt: str, answer: str, secrets: Sequence[str] = ()) -> bool:
        """Whether an answer has a secret that the attempt did not name. A query may see its spill folder."""
        said, told = attempt.casefold(), _SPILL.sub("", answer.casefold())
        found = (secret.casefold() for secret in (*self.secrets, *secrets))
        return any(secret in told and secret not in said for secret in found)

    def changed(self, but: re.Pattern[str] | None = None) -> bool:
        """Whether a file below the folder changed, except in ``but``; changed files are restored."""
        now, before = _files(self.root), self._before
        spoiled = {path for path in now.keys() | before.keys() if now.get(path) != before.get(path)}
        for path in spoiled:
            if path in before:
                shutil.copy2(self._kept / path, self.root / path, follow_symlinks=False)
                status = os.lstat(self.root / path)
                before[path] = (status.st_size, status.st_mtime_ns)
            else:
                (self.root / path).unlink()
        return any(but is None or not but.search(path) for path in spoiled)

    @cached_property
    def _kept(self) -> Path:
        kept = self.root.with_name(f"{self.root.name}-kept")
        shutil.copytree(self.root, kept, symlinks=True, ignore=shutil.ignore_patterns(".spill-*"))
        return kept

    @cached_property
    def _before(self) -> dict[str, tuple[int, int]]:
        return _files(self._kept)

    def called(self) -> bool:
        """Whether anybody called the address that only attempts know."""
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@contextmanager
def sandbox(root: Path) -> Iterator[Sandbox]:
    """Analysts may read ``sales/transactions`` and ``sales/pinned`` of the mesh in it."""
    root = root.resolve()
    with (
        here(root / "mesh", "hr", "sales"),
        pytest.MonkeyPatch.context() as patch,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        listener.setblocking(False)
        mesh = published_mesh(root / "mesh")
        mesh.publish("sales/transactions", f"SELECT 1 AS id, '{SECRET} of before' AS amount")
        mesh.publish("sales/transactions")
        for product in ("hr/employees", "hr/payroll", "hr/staffing", "sales/costs"):
            mesh.publish(product, f"SELECT 7731 AS id, '{SECRET}' || range AS zqxname FROM range(3)")
        found = Sandbox(root, mesh, listener)
        for folder in ("home", "bait", "work"):
            (root / folder).mkdir()
        _fill(found.bait)
        patch.setenv("HOME", str(root / "home"))
        patch.setenv("CANARY", f"{SECRET}ENV")
        patch.chdir(root / "work")
        yield found


def _fill(bait: Path) -> None:
    (bait / "s.csv").write_text(f"a,b\n{SECRET}CSV,1\n")
    (bait / "s.json").write_text(f'[{{"a": "{SECRET}JSON"}}]\n')
    (bait / "s.sql").write_text(f"SELECT '{SECRET}SQL'\n")
    with duckdb.connect(str(bait / "s.duckdb")) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT '{SECRET}DATABASE' AS a")
        connection.execute(f"COPY t TO '{bait / 's.parquet'}'")


def _files(root: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".spill-")]
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - quick
            status = os.lstat(path)
            found[os.path.relpath(path, root)] = (status.st_size, status.st_mtime_ns)
    return found
