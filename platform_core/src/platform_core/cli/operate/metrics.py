"""``mesh metrics``: metrics of the mesh for Prometheus, until Ctrl-C."""

from __future__ import annotations

import argparse
import select

from platform_core.cli.exit_status import OK
from platform_core.cli.grammar import number
from platform_core.diagnostics import UsageError
from platform_core.settings import mesh_root
from platform_core.workspace.processes.interrupts import Interrupts


def arguments(parser: argparse.ArgumentParser) -> None:
    port = number("--port", 1, 65535)
    parser.add_argument("--port", type=port, default=9464, metavar="PORT", help="default: 9464")
    where = "address to listen on; default: 127.0.0.1"
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help=where)


def run(options: argparse.Namespace) -> int:
    from prometheus_client import CollectorRegistry, start_http_server

    from platform_core.workspace.serve.metrics import Metrics

    registry = CollectorRegistry()
    registry.register(Metrics(mesh_root()))
    with Interrupts() as interrupts:
        try:
            start_http_server(options.port, options.host, registry)
        except OSError as error:
            message = f"no server can listen on {options.host}, port {options.port}: {error.strerror}"
            fix = "Write an address of this machine, and a free port."
            raise UsageError.of("U027", message, fix=fix) from None
        print(f"Metrics: http://{options.host}:{options.port}/metrics  (Ctrl-C stops it)", flush=True)
        select.select([interrupts], [], [])
    return OK
