"""`mesh metrics` next to a mesh that runs: what Prometheus reads, and that it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli.one_shop import one_shop
from prometheus_client.parser import text_string_to_metric_families
from servers import free_port

from platform_core.cli import main

pytestmark = pytest.mark.full


@contextmanager
def metrics(root: Path) -> Iterator[str]:
    """Serve metrics on a free port; yields the address, and checks that Ctrl-C ends it."""
    port = free_port()
    command = [sys.executable, "-m", "platform_core.cli", "metrics", "--port", str(port)]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}/metrics" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}/metrics"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def scraped(address: str) -> dict[str, dict[tuple[str, ...], float]]:
    with urllib.request.urlopen(address, timeout=60) as answer:
        text = answer.read().decode()
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
    }


def test_metrics_are_those_of_the_instance(tmp_path: Path) -> None:
    root = one_shop(tmp_path / "mesh")
    with metrics(root) as address:
        assert scraped(address) == {"mesh_instance_up": {(): 0.0}}
        run = [sys.executable, "-m", "platform_core.cli", "-q", "run"]
        assert subprocess.run(run, cwd=root, env=os.environ).returncode == 0
        found = scraped(address)
        assert found["mesh_instance_up"] == {(): 1.0}
        assert found["mesh_runs_ended"] == {("SUCCESS",): 1.0, ("FAILURE",): 0.0, ("CANCELED",): 0.0}
        assert set(found["mesh_product_last_made_timestamp_seconds"]) == {("shop/stores",)}
        (root / ".mesh" / "dagster" / "history" / "runs.db").write_bytes(b"not a database")
        assert scraped(address) == {"mesh_instance_up": {(): 0.0}}


def test_a_used_port_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(one_shop(tmp_path / "mesh"))
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        assert main(["metrics", "--port", str(used.getsockname()[1])]) == 2
    assert "U027" in capsys.readouterr().err
