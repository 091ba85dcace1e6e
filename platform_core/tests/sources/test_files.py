"""Compressed files, and files of a web server, as sources of products."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from small_mesh import AT_SIX, GOVERNED, KEPT, SmallMesh

from platform_core.cli import main
from platform_core.diagnostics import SourceError
from platform_core.sources.source import Source
from platform_core.sources.staging import order_of, stage

ROWS = "id,amount\n" + "".join(f"{number},{number}.5\n" for number in range(1000))
CODE = """
@data_product(inputs={{"till": Source("files/till", {path!r}{more})}})
def amounts(till: Table):
    return f"SELECT id, amount FROM {{till}}"
"""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A web server of a folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *words: object, **named: object) -> None:
            super().__init__(*words, directory=str(folder), **named)  # type: ignore[arg-type]

        def log_message(self, format: str, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def amounts(mesh: SmallMesh, path: str, more: str = "") -> None:
    mesh.contract("shop/amounts", GOVERNED, promise=AT_SIX + KEPT)
    mesh.code("shop", CODE.format(path=path, more=more))


def test_a_compressed_file_is_read_whole_or_refused(
    mesh: SmallMesh, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    file = tmp_path / "till.csv.gz"
    file.write_bytes(gzip.compress(ROWS.encode()))
    amounts(mesh, str(file))
    assert mesh.run("shop", "shop/amounts", instance).success
    assert mesh.read("SELECT count(*) FROM shop.products.amounts") == [(1000,)]
    file.write_bytes(file.read_bytes()[:-100])
    result = mesh.run("shop", "shop/amounts", instance)
    assert not result.success
    assert mesh.read("SELECT count(*) FROM shop.products.amounts") == [(1000,)]


@pytest.mark.full
def test_a_file_of_a_web_server_becomes_a_product(
    mesh: SmallMesh, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www/till.csv").write_text(ROWS)
    mesh.location("shop")
    monkeypatch.syspath_prepend(str(mesh.root / "domains/shop/src"))
    with served(tmp_path / "www") as url:
        amounts(mesh, f"{url}/till.csv")
        assert main(["check", "--inside", "--lock", "shop/amounts"]) == 0
        assert mesh.run("shop", "shop/amounts", instance).success
    assert mesh.read("SELECT count(*) FROM shop.products.amounts") == [(1000,)]
    assert main(["check", "--inside", "shop/amounts"]) == 0  # without the server
    assert not mesh.run("shop", "shop/amounts", instance).success
    assert mesh.read("SELECT count(*) FROM shop.products.amounts") == [(1000,)]


def test_a_text_is_read_in_the_declared_types(tmp_path: Path) -> None:
    file = tmp_path / "till.csv.gz"
    file.write_bytes(gzip.compress(b"id,note\n007,x\n"))
    source = Source("files/till", str(file))
    stage([order_of("till", source, {"id": "VARCHAR"}, None, tmp_path)], "mesh/test", None)
    with duckdb.connect() as connection:
        rows = connection.execute(f"FROM '{tmp_path}/till.parquet'").fetchall()
    assert rows == [("007",)]
    with pytest.raises(SourceError, match="S025"):
        stage([order_of("till", source, {"note": "BIGINT"}, None, tmp_path)], "mesh/test", None)


class Odd(BaseHTTPRequestHandler):
    """Answers as its path names it: with a part of the file, without a length, with a page, or empty."""

    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        kind = self.path.partition("/")[2].partition("/")[0]
        self.send_response(206 if kind == "part" else 200)
        body = {"page": b"<html>login</html>", "empty": b""}.get(kind, ROWS.encode()[:1000])
        if kind != "endless":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *words: object) -> None:
        pass


@pytest.mark.parametrize(
    ("kind", "words"),
    [("part", "206"), ("endless", "length"), ("page", "a page"), ("empty", "is empty")],
)
def test_an_answer_that_is_not_the_whole_file_is_refused(tmp_path: Path, kind: str, words: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            source = Source("files/till", f"http://127.0.0.1:{server.server_port}/{kind}/till.csv")
            with pytest.raises(SourceError, match=words) as refused:
                stage([order_of("till", source, {"id": "BIGINT"}, None, tmp_path)], "mesh/test", None)
        finally:
            server.shutdown()
            thread.join()
    assert refused.value.diagnostics[0].code == "S032"
