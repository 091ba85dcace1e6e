"""The documentation as a site: it opens from a folder, without a server and without a network."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from mesh_command import ENOUGH, ROOT
from playwright.sync_api import sync_playwright

pytestmark = pytest.mark.full
CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here: apt-get install chromium")
def test_pages_pictures_and_search_need_no_network() -> None:
    built = subprocess.run(["make", "docs"], cwd=ROOT, capture_output=True, text=True, timeout=ENOUGH)
    assert built.returncode == 0, built.stderr
    home = ROOT / ".mesh/site/html"
    asked: list[str] = []
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments).new_page()
        page.on("request", lambda request: asked.append(request.url))
        for name in ("access", "publication", "runs", "principles"):
            page.goto((home / f"concepts/{name}.html").as_uri())
            assert page.locator(".diagram svg").first.is_visible(), name
        page.goto((home / "reference/codes/C010.html").as_uri())
        assert "a property is unknown here" in page.locator("article").inner_text().lower()
        page.keyboard.press("/")
        page.locator("input:visible").fill("personal data masked twin")
        page.locator("a", has_text="Personal data, and a masked twin").first.wait_for()
    assert asked
    assert not [url for url in asked if url.startswith("http")]
