"""Files of a real object store."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import fs

from platform_core.diagnostics import SourceError
from platform_core.sources.readers.fetched_files import s3_file

pytestmark = pytest.mark.full

KEYS = {"access_key": "OWNER", "secret_key": "owner-s3cret-key", "region": "us-east-1"}
_WEED = Path(sys.executable).parent / "weed"
_STARTED = 60
"""Seconds that the server may take; it takes four."""


def _port() -> int:
    """A free port whose sibling for gRPC, 10,000 above it, is free too."""
    while True:
        port = random.randrange(20_000, 30_000)
        try:
            for each in (port, port + 10_000):
                with socket.socket() as server:
                    server.bind(("127.0.0.1", each))
            return port
        except OSError:
            continue


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("weed")
    credentials = [{"accessKey": KEYS["access_key"], "secretKey": KEYS["secret_key"]}]
    identities = [
        {"name": "owner", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    port = _port()
    command = [_WEED, "-logtostderr=true", "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += ["-master.telemetry=false", "-volume.max=8", "-master.volumeSizeLimitMB=64", "-filer", "-s3"]
    command += [f"-master.port={_port()}", f"-volume.port={_port()}", f"-filer.port={_port()}"]
    command += [
        f"-s3.port={port}",
        f"-s3.config={folder / 's3.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(_STARTED * 10):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").close()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
        yield KEYS | {"endpoint": f"http://127.0.0.1:{port}"}
    finally:
        process.kill()  # it would take ten seconds to stop
        process.wait()


@pytest.fixture(scope="module")
def store(keys: dict[str, str]) -> fs.S3FileSystem:
    store = fs.S3FileSystem(
        access_key=keys["access_key"],
        secret_key=keys["secret_key"],
        endpoint_override=keys["endpoint"].removeprefix("http://"),
        scheme="http",
        allow_bucket_creation=True,
    )
    for _ in range(_STARTED * 10):
        try:
            store.create_dir("shop")
            break
        except OSError:  # its parts start one after the other
            time.sleep(0.1)
    return store


def test_an_object_is_fetched(tmp_path: Path, keys: dict[str, str], store: fs.S3FileSystem) -> None:
    data = random.Random(1).randbytes(5_000_000)
    with store.open_output_stream("shop/in/orders.parquet") as stream:
        stream.write(data)
    found = s3_file("s3://shop/in/orders.parquet", tmp_path / "room", keys=keys)
    assert found == tmp_path / "room" / "orders.parquet"
    assert found.read_bytes() == data


@pytest.mark.parametrize(
    ("url", "changed", "words"),
    [
        ("s3://shop/none.csv", {}, "the bucket shop has no such object"),
        ("s3://none/none.csv", {}, "the bucket none has no such object"),
        ("s3://shop/in", {}, "the bucket shop has no such object"),
        ("s3://shop/in/orders.parquet", {"secret_key": "wr0ng-s3cret-key"}, "ACCESS_DENIED"),
        ("s3://shop/in/orders.parquet", {"access_key": "NOBODY"}, "ACCESS_DENIED"),
        ("s3://shop/in/orders.parquet", {"endpoint": "http://127.0.0.1:9"}, "NETWORK_CONNECTION"),
    ],
)
@pytest.mark.usefixtures("store")
def test_an_object_that_cannot_be_read(
    tmp_path: Path, keys: dict[str, str], url: str, changed: dict[str, str], words: str
) -> None:
    with pytest.raises(SourceError) as error:
        s3_file(url, tmp_path / "room", keys=keys | changed)
    text = error.value.diagnostics[0].render()
    assert text.startswith("error[S032]: a file of 127.0.0.1 cannot be read")
    assert words in text
    assert "s3cret" not in text
    assert not list(tmp_path.rglob("*.*"))
