"""Dagster's UI behind an authenticating proxy: two locations, three kinds of users, a real server process."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers import free_port
from workspace.run.test_interrupt import wait_for

CODE = """
import dagster as dg

days = dg.StaticPartitionsDefinition(["a", "b"])
names = dg.DynamicPartitionsDefinition(name="names_{name}")

@dg.asset(key=["{name}", "plain"])
def plain(): ...

@dg.asset(key=["{name}", "parts"], partitions_def=days)
def parts(): ...

@dg.asset(key=["{name}", "named"], partitions_def=names)
def named(): ...

job = dg.define_asset_job("parts_job", [parts], partitions_def=days)
plain_job = dg.define_asset_job("plain_job", [plain])

@dg.sensor(job=plain_job)
def watching():
    return dg.SkipReason("nothing")

defs = dg.Definitions(
    assets=[plain, parts, named],
    jobs=[job, plain_job],
    sensors=[watching],
    schedules=[dg.ScheduleDefinition(name="nightly", job=plain_job, cron_schedule="0 0 * * *")],
)
"""
TEAMS = """
teams:
  sales-analytics: {name: Sales, domain: sales, email: sales@example.com}
  people: {name: People, domain: hr, email: people@example.com}
  data-platform: {name: Platform, email: platform@example.com}
"""
DEPLOYMENT = """
access: {url: "https://mesh.example.com", proxies: [127.0.0.1], user_header: X-User, groups_header: X-Groups}
"""
Headers = tuple[tuple[str, str], ...]


def of(user: str, groups: str) -> Headers:
    return (("X-User", user), ("X-Groups", groups))


OUTSIDER = of("otto", "guests, sales-analytics-guests")
MEMBER = of("sam", "guests,sales-analytics")
PLATFORM = of("petra", "data-platform")


@dataclass(frozen=True)
class Ui:
    """The address of the server, its process and the home of its instance."""

    port: int
    process: subprocess.Popen[bytes]
    home: Path

    def request(
        self,
        method: str,
        path: str,
        headers: Headers = (),
        body: str = "",
        source: str = "127.0.0.1",
        host: str | None = None,
    ) -> tuple[int, str]:
        """Send one request from an address of this machine; returns status and body."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=60, source_address=(source, 0)
        )
        try:
            connection.putrequest(method, path, skip_host=True)
            own = ("Host", host or f"127.0.0.1:{self.port}")
            for name, value in (own, *headers, ("Content-Length", str(len(body.encode())))):
                connection.putheader(name, value)
            connection.endheaders(body.encode())
            answer = connection.getresponse()
            return answer.status, "" if answer.status == 101 else answer.read().decode(errors="replace")
        finally:
            connection.close()

    def ask(self, query: str, who: Headers = PLATFORM, **variables: Any) -> tuple[int, dict[str, Any]]:
        """Send a query or a mutation of GraphQL; returns status and answer."""
        body = json.dumps({"query": query, "variables": variables})
        status, text = self.request("POST", "/graphql", (*who, ("Content-Type", "application/json")), body)
        return status, json.loads(text)


@contextmanager
def serving(folder: Path) -> Iterator[Ui]:
    """Serve two locations with the module that `mesh serve` starts."""
    entries = []
    for name in ("sales", "hr"):
        (folder / f"{name}_code.py").write_text(CODE.replace("{name}", name))
        entries.append(
            {"python_file": {"relative_path": str(folder / f"{name}_code.py"), "location_name": name}}
        )
    (folder / "workspace.yaml").write_text(json.dumps({"load_from": entries}))
    (folder / "governance").mkdir()
    (folder / "governance" / "teams.yaml").write_text(TEAMS)
    (folder / "governance" / "mesh.yaml").write_text("central_team: data-platform\n")
    (folder / "mesh.deployment.yaml").write_text(DEPLOYMENT)
    (folder / "home").mkdir()
    port = free_port()
    command = [sys.executable, "-m", "platform_core.workspace.serve.web_gate", str(folder / "workspace.yaml")]
    variables = {
        **os.environ,
        "MESH_ROOT": str(folder),
        "MESH_DEPLOYMENT": str(folder / "mesh.deployment.yaml"),
        "DAGSTER_HOME": str(folder / "home"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "127.0.0.1", str(port), f"127.0.0.1:{port}"], env=variables, stdout=log, stderr=log
        )
    ui = Ui(port, process, folder / "home")

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return ui.request("GET", "/server_info")[0] == 200
        except OSError:
            return False

    try:
        wait_for(answers)
        yield ui
    finally:
        process.terminate()
        process.wait(60)
