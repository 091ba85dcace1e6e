"""Compressed and remote files: whole, or one diagnostic and nothing left."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pytest

from platform_core.diagnostics import SourceError
from platform_core.sources.readers import fetched_files
from platform_core.sources.readers.fetched_files import download, whole

CSV = b"id,amount\n" + b"".join(b"%d,%d.5\n" % (n, n) for n in range(50_000))


def compressed(suffix: str, data: bytes) -> bytes:
    if suffix == ".gz":
        return gzip.compress(data)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    found: bytes = sink.getvalue().to_pybytes()
    return found


def refused(code: str, fetch: Callable[[], object], room: Path) -> str:
    with pytest.raises(SourceError) as error:
        fetch()
    [fault] = error.value.diagnostics
    assert fault.code == code, fault.message
    assert not room.exists() or not list(room.iterdir())
    return fault.render()


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
class TestWhole:
    def test_all_members_are_read(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"orders.csv{suffix}"
        path.write_bytes(compressed(suffix, CSV) + compressed(suffix, b"1,2\n"))
        found = whole(path, tmp_path / "room" / "new")
        assert found == tmp_path / "room" / "new" / "orders.csv"
        assert found.read_bytes() == CSV + b"1,2\n"

    @pytest.mark.parametrize("cut", [1, 8, 1000, 0.5, 1.0])
    def test_a_file_that_is_cut_off(self, tmp_path: Path, suffix: str, cut: float) -> None:
        path, data = tmp_path / f"orders.csv{suffix}", compressed(suffix, CSV)
        path.write_bytes(data[: len(data) - (cut if isinstance(cut, int) else int(len(data) * cut))])
        text = refused("S030", lambda: whole(path, tmp_path / "room"), tmp_path / "room")
        assert f"orders.csv{suffix} is cut off or damaged" in text

    def test_a_second_member_that_is_cut_off(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"orders.csv{suffix}"
        path.write_bytes(compressed(suffix, CSV) + compressed(suffix, CSV)[:-5])
        refused("S030", lambda: whole(path, tmp_path / "room"), tmp_path / "room")

    def test_another_format(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"orders.csv{suffix}"
        path.write_bytes(CSV)
        refused("S030", lambda: whole(path, tmp_path / "room"), tmp_path / "room")

    def test_no_file(self, tmp_path: Path, suffix: str) -> None:
        refused("S002", lambda: whole(tmp_path / f"none{suffix}", tmp_path / "room"), tmp_path / "room")


def test_a_wrong_checksum(tmp_path: Path) -> None:
    path, data = tmp_path / "orders.csv.gz", bytearray(gzip.compress(CSV))
    data[-6] ^= 1
    path.write_bytes(data)
    assert "data check" in refused("S030", lambda: whole(path, tmp_path / "room"), tmp_path / "room")


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """The pipe holds the reader until the file has changed."""
    path, real = tmp_path / "orders.csv.gz", tmp_path / "real.gz"
    real.write_bytes(gzip.compress(os.urandom(3_000_000)))
    os.mkfifo(path)

    def write() -> None:
        data = real.read_bytes()
        with path.open("wb") as pipe:
            pipe.write(data[:1_000_000])
            os.utime(path, ns=(0, 0))
            pipe.write(data[1_000_000:])

    writer = threading.Thread(target=write)
    writer.start()
    text = refused("S031", lambda: whole(path, tmp_path / "room"), tmp_path / "room")
    writer.join()
    assert "changes while it is read" in text


def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "orders.csv.gz").write_bytes(gzip.compress(CSV))
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "orders.csv").symlink_to("/dev/full")
    refused("S033", lambda: whole(tmp_path / "orders.csv.gz", tmp_path / "room"), tmp_path / "room")


class Server(ThreadingHTTPServer):
    """Answers with what ``plan`` has for a path: the rest of the list, or its last element forever."""

    def __init__(self) -> None:
        self.plan: dict[str, list[tuple[int, dict[str, str], bytes]]] = {}
        self.asked: list[tuple[str, str | None]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        answers = self.server.plan[self.path.partition("?")[0]]
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetched_files, "_WAITS", (0, 0, 0, 0))
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sized(data: bytes, more: int = 0) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Length": str(len(data) + more)}, data


WAIT: tuple[int, dict[str, str], bytes] = (429, {"Retry-After": "0"}, b"")


@pytest.mark.parametrize(
    "before",
    [
        [],
        [WAIT, (503, {"Retry-After": "Fri, 01 Mar 2024 00:00:00 GMT"}, b"")],
        [(500, {}, b"")] * 4,
        [sized(CSV[:1000], len(CSV) - 1000)],
    ],
    ids=["at once", "busy", "failing", "broken off"],
)
def test_a_file_is_downloaded(tmp_path: Path, server: Server, before: list[object]) -> None:
    server.plan = {"/a/orders.csv": [*before, sized(CSV)]}  # type: ignore[list-item]
    found = download(f"{server.url}/a/orders.csv?signature=xyz", tmp_path / "room", token="t0ken")
    assert found == tmp_path / "room" / "orders.csv"
    assert found.read_bytes() == CSV
    assert {token for _, token in server.asked} == {"Bearer t0ken"}


REFUSED: dict[str, tuple[list[tuple[int, dict[str, str], bytes]], str, int]] = {
    "gone": ([(404, {}, b"")], "404 Not Found", 1),
    "denied": ([(401, {}, b"")], "401 Unauthorized", 1),
    "busy": ([WAIT], "429 Too Many Requests", 5),
    "a lie about the length": ([sized(CSV, 7)], f"{len(CSV):,} of {len(CSV) + 7} bytes arrived", 5),
    "chunks broken off": ([(200, {"Transfer-Encoding": "chunked"}, b"ff\r\nabc")], "IncompleteRead", 5),
    "a file of the server": ([(302, {"Location": "file:///etc/passwd"}, b"")], "302 Found", 1),
    "ftp": ([(302, {"Location": "ftp://127.0.0.1/x"}, b"")], "a redirect to ftp:", 1),
    "a circle": ([(302, {"Location": "/a/orders.csv"}, b"")], "302 Found", 1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_download_that_fails(tmp_path: Path, server: Server, name: str) -> None:
    answers, words, times = REFUSED[name]
    server.plan = {"/a/orders.csv": answers}
    url = f"{server.url}/a/orders.csv?signature=xyz"
    text = refused("S032", lambda: download(url, tmp_path / "room", token="t0ken"), tmp_path / "room")
    assert f"a file of 127.0.0.1 cannot be read: {words}" in text
    assert not {"t0ken", "xyz"} & set(text.replace("=", " ").split())
    if name != "a circle":
        assert len(server.asked) == times


def test_a_token_stays_at_its_origin(tmp_path: Path, server: Server) -> None:
    with Server() as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        other.plan = {"/orders.csv": [sized(CSV)]}
        server.plan = {
            "/a/orders.csv": [(307, {"Location": "/b/orders.csv"}, b"")],
            "/b/orders.csv": [(307, {"Location": f"{other.url}/orders.csv"}, b"")],
        }
        found = download(f"{server.url}/a/orders.csv", tmp_path / "room", token="t0ken")
        other.shutdown()
        thread.join()
    assert found.read_bytes() == CSV
    assert [token for _, token in server.asked] == ["Bearer t0ken"] * 2
    assert [token for _, token in other.asked] == [None]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://ann:s3cret@127.0.0.1/x", "ftp://127.0.0.1/x", "http:///x", "x.csv"]
)
def test_a_url_that_is_not_asked(tmp_path: Path, url: str) -> None:
    text = refused("S032", lambda: download(url, tmp_path / "room"), tmp_path / "room")
    assert "s3cret" not in text


def test_a_server_that_is_down(tmp_path: Path, server: Server) -> None:
    with Server() as other:
        url = f"{other.url}/orders.csv"
    text = refused("S032", lambda: download(url, tmp_path / "room"), tmp_path / "room")
    assert "Connection refused" in text


def test_names_stay_in_the_folder(tmp_path: Path, server: Server) -> None:
    server.plan = {"/a/..": [sized(b"x")], "/": [sized(b"x")]}
    assert download(f"{server.url}/a/..", tmp_path / "room") == tmp_path / "room" / "file"
    assert download(f"{server.url}/", tmp_path / "room") == tmp_path / "room" / "file"
