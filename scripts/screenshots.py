"""Take the pictures of the documentation, of Dagster's UI in headless Chromium.

    python scripts/screenshots.py            write docs/images/*.png
    python scripts/screenshots.py FOLDER     also write the page of every kind of product to a folder

It works on a copy of the lakes and of Dagster's records, and on a copy of the contracts in which one product
must be refused and one is late. `mesh run` must have made the products before.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
MESH = ROOT / ".venv" / "bin" / "mesh"
IMAGES = ROOT / "docs" / "images"
REFUSED, LATE, STOPPED = "hr/attrition_by_department", "marketing/coupon_redemptions", "sales/transactions"
KINDS = {
    "table": "sales/stores",
    "dbt": "sales/store_performance",
    "file": "hr/headcount_extract",
    "stream": LATE,
    "model": "marketing/redemption_propensity",
    "masked-twin": "marketing/household_profiles",
    "restricted": "hr/employees",
    "partitioned": STOPPED,
}
PICTURES = {
    "product": "/assets/hr/headcount_extract",
    "lineage": "/assets/hr/headcount_extract?view=lineage&lineageScope=upstream&lineageDepth=4",
    "checks": "/assets/sales/transactions?view=checks&checkDetail=quantity_positive",
    "refused": f"/assets/{REFUSED}?view=checks&checkDetail=row_count",
    "late": f"/assets/{LATE}",
    "automation": "/automation",
}


def main(arguments: list[str]) -> int:
    chromium = shutil.which("chromium")
    if chromium is None or not (ROOT / ".mesh" / "lake").is_dir():
        print("chromium and a materialized mesh are needed: make materialize", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        environ = _prepared(Path(folder))
        with _served(environ) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900}, base_url=address)
            for name, path in PICTURES.items():
                _take(page, path, IMAGES / f"{name}.png")
            for kind, product in KINDS.items() if arguments else ():
                _take(page, f"/assets/{product}", Path(arguments[0]) / f"{kind}.png")
            browser.close()
    return 0


def _prepared(folder: Path) -> dict[str, str]:
    """A mesh after a refused and an interrupted run, in which a product is late."""
    home, contracts = folder / "home", folder / "contracts"
    for name in ("lake", "dagster", "keys"):
        shutil.copytree(ROOT / ".mesh" / name, home / name, symlinks=True)
    for domain in sorted((ROOT / "domains").iterdir()):
        if (domain / "contracts").is_dir():
            shutil.copytree(domain / "contracts", contracts / domain.name)
    environ = {**os.environ, "MESH_HOME": str(home), "MESH_CONTRACTS": str(contracts)}
    _run(environ, KINDS["file"], KINDS["table"])
    _replace(contracts / f"{REFUSED}.odcs.yaml", "rowCount, mustBe: 9", "rowCount, mustBe: 12")
    _replace(contracts / f"{LATE}.odcs.yaml", "value: 1\n    unit: d", "value: 2\n    unit: min")
    _replace(contracts / f"{LATE}.odcs.yaml", "value: 18 h", "value: 1 min")
    _run(environ, REFUSED, status=1)
    stopped = subprocess.Popen([MESH, "-q", "run", STOPPED], cwd=ROOT, env=environ, stderr=subprocess.DEVNULL)
    time.sleep(8)
    stopped.send_signal(signal.SIGINT)
    stopped.wait()
    return environ


def _run(environ: Mapping[str, str], *products: str, status: int = 0) -> None:
    done = subprocess.run(
        [MESH, "-q", "run", *products], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    if done.returncode != status:
        raise SystemExit(done.stdout + done.stderr)


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    if old not in text:
        raise SystemExit(f"{file.name} has no {old!r}")
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


@contextmanager
def _served(environ: Mapping[str, str]) -> Iterator[str]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [MESH, "serve", "--port", str(port)], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(120):
            time.sleep(1)
            try:
                with urlopen(f"{address}/server_info", timeout=5):
                    break
            except OSError:
                continue
        time.sleep(75)  # the daemon judges freshness every half minute
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def _take(page: Page, path: str, target: Path) -> None:
    page.goto(path)
    page.wait_for_timeout(6000)
    for close in page.get_by_role("button", name="Skip").all():
        close.click()
    target.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=target)
    print(target)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
