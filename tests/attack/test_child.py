"""The process of a query: its access, its possible answers, and its end."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from attack.queries import GRANTED
from attack.sandbox import Sandbox, sandbox
from mesh_command import until

from platform_core.access.query import granted_query
from platform_core.diagnostics import AccessDenied, UsageError
from platform_core.sealed import query_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="patches reach a copy of this process alone")

ENDLESS = (
    "SELECT count(*) FROM range(1000000000000) a, range(1000000000000) b WHERE hash(a.range, b.range) = 7"
)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("child") / "box") as found:
        yield found


def ask(box: Sandbox, sql: str, **said: Any) -> list[tuple[Any, ...]]:
    with granted_query(sql, "analysts", box.registry, box.mesh.lakes, box.mesh.root, **said) as answer:
        return answer.rows(100)


def refusal(box: Sandbox, sql: str, **said: Any) -> str:
    with pytest.raises(UsageError) as raised:
        ask(box, sql, **said)
    [diagnostic] = raised.value.diagnostics
    return diagnostic.code


def test_it_has_the_granted_files_and_the_channel(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_: object) -> None:
        links = list(Path("/proc/self/fd").iterdir())
        opened = [str(link.readlink()) for link in links if link.is_symlink()]  # the listing's own is gone
        raise RuntimeError(f"{sorted(opened)} {Path.cwd()}")

    monkeypatch.setattr(query_process, "wall_off", look)
    parents = [os.open(box.bait / "s.csv", os.O_RDONLY) for _ in range(3)]
    with pytest.raises(UsageError) as raised:
        ask(box, f"FROM {', '.join(name.replace('/', '.') for name in GRANTED)}")
    for descriptor in parents:
        os.close(descriptor)
    words = str(raised.value)
    assert "s.csv" not in words
    assert words.count(".parquet") == len(GRANTED)
    assert words.count("socket:") == 1
    assert words.count("/dev/null") == 3
    assert "] /" in words


class Reduced:
    """Pickled as a call."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


MESSAGES = {
    "a call of the system": pickle.dumps(("answer", Reduced(os.system, "touch {out}"))),
    "eval": pickle.dumps(("answer", Reduced(eval, "open({out!r}, 'w')"))),
    "a path": pickle.dumps(("answer", Path("/etc/passwd"))),
    "a class of ours": pickle.dumps(("answer", Sandbox)),
    "a name with dots": b"\x80\x04\x8c\x08datetime\x8c\x14date.__class__.__call__\x93.",
    "no pickle": b"\xff" * 100,
    "nothing": b"",
    "half a pickle": pickle.dumps(("answer", [1, 2, 3]))[:-4],
    "nothing on the stack": b"\x80\x04.",
    "another shape": pickle.dumps(7),
    "an empty answer": pickle.dumps(()),
    "an answer without words": pickle.dumps(("answer",)),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_its_answers_are_rows_or_are_refused(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, message: bytes
) -> None:
    out = box.root / "work" / "out"
    message = message.replace(b"{out!r}", repr(str(out)).encode()).replace(b"{out}", str(out).encode())

    def serve(channel: Any, _: bool) -> None:
        channel.send_bytes(message)
        channel.recv()

    monkeypatch.setattr(query_process, "_serve", serve)
    assert refusal(box, "FROM sales.transactions") == "U045"
    assert not out.exists()


def test_rows_in_arrow_are_checked(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    garbage = b"ARROW1" + b"\xff" * 1000
    monkeypatch.setattr(query_process, "begun", lambda *_: (["a"], ["INTEGER"], lambda count: garbage))
    assert refusal(box, "FROM sales.transactions", shape="arrow") == "U045"


BOMBS = {
    "unions": " UNION ALL ".join(["SELECT 1"] * 20_000),
    "brackets": "SELECT " + "(" * 100_000 + "1" + ")" * 100_000,
    "a list": f"SELECT [{', '.join(['1'] * 200_000)}] FROM sales.transactions",
    "a list of a function": "SELECT list(a.range) FROM range(100000) a, range(100000) b",
    "text": "SELECT repeat('x', 4000000000) || repeat('y', 4000000000)",
    "products": f"SELECT count(*) FROM {', '.join(['sales.transactions'] * 2000)}",
    "cases": f"SELECT {'CASE WHEN true THEN ' * 20_000}1{' END' * 20_000}",
    "names": f"SELECT {', '.join(f'1 AS c{n}' for n in range(50_000))}",
}


@pytest.mark.full
@pytest.mark.parametrize("sql", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_or_ends_the_process_alone(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.setenv("MESH_MEMORY_LIMIT", "300MB")
    with suppress(AccessDenied, UsageError):  # or it runs
        ask(box, sql, seconds=60)
    assert psutil.Process().children() == []
    assert psutil.Process().memory_info().rss < 2 << 30


def test_it_is_killed_when_its_time_is_up(box: Sandbox) -> None:
    assert refusal(box, ENDLESS, seconds=0.5) == "U044"
    assert psutil.Process().children() == []


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_parent(box: Sandbox, end: signal.Signals) -> None:
    command = [Path(sys.executable).parent / "mesh", "query", ENDLESS]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DAGSTER_")}
    with subprocess.Popen(
        command, cwd=box.mesh.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as mesh:
        process = psutil.Process(mesh.pid)
        [query] = until(process.children, "the process of the query")
        until(lambda: query.cpu_times().user > 0.5, "its work")
        mesh.send_signal(end)
        assert mesh.wait(60) != 0
        until(lambda: not query.is_running() or query.status() == psutil.STATUS_ZOMBIE, "its end")
        assert b"Traceback" not in (mesh.stderr.read() if mesh.stderr else b"")
    assert not list((box.mesh.lakes.root).glob(".spill-*/*")) or end != signal.SIGINT


def test_the_time_is_asked_on_the_command_line(box: Sandbox) -> None:
    started = time.monotonic()
    command = [Path(sys.executable).parent / "mesh", "query", ENDLESS, "--timeout", "1"]
    ended = subprocess.run(command, cwd=box.mesh.root, capture_output=True, text=True, check=False)
    assert "error[U044]" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert time.monotonic() > started + 1
