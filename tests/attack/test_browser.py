"""A browser with the UI of `mesh serve` on one tab and a page of another site on the next."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from mesh_command import Mesh, until
from mesh_served import Served, serving
from playwright.sync_api import Page, expect, sync_playwright
from small_mesh import here
from test_served_mesh import QUIET, SLOW

pytestmark = pytest.mark.full

CHROMIUM = shutil.which("chromium")
CODE = """
import pathlib

@dg.asset(key=["shop", "stores"])
def stores():
    while not pathlib.Path("go").exists():
        time.sleep(0.1)

defs = dg.Definitions(assets=[stores])
"""
WIPE = (
    'mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["shop", "stores"]}}]) { __typename } }'
)
HISTORY = '{ assetNodes(assetKeys: [{path: ["shop", "stores"]}]) { assetMaterializations { runId } } }'
EVIL = """<!doctype html><title>evil</title>
<a href="UI/runs">a link</a>
<iframe src="UI/runs"></iframe>
<iframe name="a"></iframe><iframe name="b"></iframe><iframe name="c"></iframe>
<form method="post" target="a" action="UI/graphql?query=MUTATION"></form>
<form method="post" target="b" enctype="text/plain" action="UI/graphql?query=MUTATION"></form>
<form method="post" target="c" action="UI/report_asset_materialization/shop/stores"></form>
<img src="UI/graphql?query=MUTATION"><img src="UI/graphql%0A?query=MUTATION">
"""
ATTACK = """async ([ui, mutation]) => {
    for (const form of document.forms) form.submit();
    const body = JSON.stringify({query: mutation});
    const said = [];
    for (const type of ["text/plain", "application/json"])
        for (const mode of ["no-cors", "cors"])
            await fetch(ui + "/graphql", {method: "POST", mode, body, headers: {"Content-Type": type}})
                .then(() => said.push(mode), () => said.push("failed"));
    said.push(await new Promise(resolve => {
        const socket = new WebSocket(ui.replace("http", "ws") + "/graphql", "graphql-ws");
        socket.onopen = () => resolve("open");
        socket.onerror = () => resolve("closed");
    }));
    return said;
}"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("mesh")
    with here(root, "shop") as mesh:
        mesh.location("shop", CODE, "stores")
    with serving(Mesh(root, root / ".mesh")) as served:
        yield served


@pytest.fixture
def page(served: Served) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1600, "height": 1000}, base_url=served.address)
        page.set_default_timeout(SLOW)
        expect.set_options(timeout=SLOW)
        yield page
        browser.close()


@pytest.fixture
def evil(served: Served) -> Iterator[str]:
    """The address of a page of another site."""
    text = EVIL.replace("UI", served.address).replace("MUTATION", quote(WIPE)).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def history(served: Served) -> list[str]:
    [node] = served.ask(HISTORY)["assetNodes"]
    return [each["runId"] for each in node["assetMaterializations"]]


def test_a_run_that_the_ui_starts_is_followed_as_it_goes(served: Served, page: Page) -> None:
    page.goto("/assets/shop/stores")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_text("View", exact=True).last.click()
    expect(page.get_by_text("STEP_START").first).to_be_visible()
    assert history(served) == []

    (served.mesh.root / "go").touch()

    # Nobody loads the page anew: the websocket tells it.
    expect(page.get_by_text("RUN_SUCCESS").first).to_be_visible()
    assert len(history(served)) == 1


def test_a_page_of_another_site_opens_the_ui_and_does_nothing_else(
    served: Served, page: Page, evil: str
) -> None:
    until(lambda: history(served), "the run of the test above")
    before = history(served)
    answers: list[tuple[str, int]] = []
    page.on("response", lambda answer: answers.append((answer.request.method, answer.status)))
    page.goto(evil)

    said = page.evaluate(ATTACK, [served.address, WIPE])
    page.wait_for_load_state("networkidle")

    assert said[-1] == "closed"
    assert said[1::2][:2] == ["failed", "failed"]
    refused = [status for method, status in answers if method == "POST"]
    assert refused
    assert set(refused) == {403}
    assert history(served) == before
    assert not any("Runs" in frame.content() for frame in page.frames[1:])

    page.get_by_text("a link").click()
    expect(page.get_by_text("Success").first).to_be_visible()
