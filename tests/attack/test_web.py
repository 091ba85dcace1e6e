"""The gate before the webserver: every attempt fails, the page of the server itself works."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from attack.web import ATTEMPTS, HANDSHAKE, JSON, LINK, LOG, REFUSED_BY_DAGSTER, Attempt, Target, serving

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

VERSION = json.dumps({"query": "{ version }"})
OWN = (("Origin", "http://127.0.0.1:{port}"), ("Sec-Fetch-Site", "same-origin"))


@pytest.fixture(scope="module")
def gated() -> Iterator[Target]:
    with serving(gate=True) as target:
        yield target


@pytest.fixture(scope="module")
def plain() -> Iterator[Target]:
    with serving(gate=False) as target:
        yield target


def test_every_attempt_has_a_name_of_its_own() -> None:
    names = [attempt.name for attempt in ATTEMPTS]
    assert len(names) == len(set(names))
    assert set(names) >= REFUSED_BY_DAGSTER


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
def test_it_reaches_its_goal_without_the_gate_alone(gated: Target, plain: Target, attempt: Attempt) -> None:
    assert plain.reached(attempt) == (attempt.name not in REFUSED_BY_DAGSTER)
    assert not gated.reached(attempt)


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ((), "/graphql"),
        (OWN, "/graphql"),
        ((("Sec-Fetch-Site", "none"),), "/graphql"),
        ((("Host", "LOCALHOST:{port}"), ("Origin", "http://localhost:{port}")), "/graphql"),
        ((), "/%67raphql"),
    ],
    ids=["a program", "the page itself", "a person", "another name of it", "encoded"],
)
def test_a_query_is_answered(gated: Target, headers: tuple[tuple[str, str], ...], target: str) -> None:
    asked = Attempt("query", "read", "POST", target, (*JSON, *headers), VERSION)
    status, sent, body = gated.send(asked)
    assert (status, list(json.loads(body)["data"])) == (200, ["version"])
    assert sent["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/runs/8a6e-x", "/assets/sales/stores?view=lineage", "/graphql/"])
@pytest.mark.parametrize("headers", [(), LINK, OWN], ids=["program", "link", "own"])
def test_a_page_opens_from_a_link_too(gated: Target, path: str, headers: tuple[tuple[str, str], ...]) -> None:
    status, sent, body = gated.send(Attempt("page", "read", "GET", path, headers))
    assert (status, sent["x-frame-options"]) == (200, "SAMEORIGIN")
    assert b"<html" in body


@pytest.mark.parametrize("target", [f"/logs/{'/'.join(LOG)}/out", "/download_debug/{run}", "/server_info"])
def test_the_page_itself_downloads_files(gated: Target, target: str) -> None:
    assert gated.send(Attempt("file", "read", "GET", target, OWN))[0] == 200


@pytest.mark.parametrize("headers", [(), OWN], ids=["a program", "the page itself"])
def test_a_websocket_opens(gated: Target, headers: tuple[tuple[str, str], ...]) -> None:
    assert gated.reached(Attempt("websocket", "open", "GET", "/graphql", (*HANDSHAKE, *headers)))


@pytest.mark.parametrize(
    ("attempt", "status", "told"),
    [
        ("Host of another site", 421, "expected: 127.0.0.1:{port}, localhost:{port}"),
        ("Origin of another site", 403, "expected: Origin: http://127.0.0.1:{port}"),
        ("GET mutation", 405, "expected: POST for /graphql"),
        ("text/plain", 415, "expected: Content-Type: application/json"),
        ("report in JSON", 403, "Dagster's routes for reports are off"),
        ("websocket of another origin", 403, ""),
    ],
)
def test_a_refusal_names_the_expected_value(gated: Target, attempt: str, status: int, told: str) -> None:
    [found] = [each for each in ATTEMPTS if each.name == attempt]
    answered, _, body = gated.send(found)
    assert answered == status
    assert told.replace("{port}", str(gated.port)) in body.decode()
    assert not told or body.startswith(b"error[A020]: ")
