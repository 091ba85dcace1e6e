"""Errors of the object store, as the engine and the client write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_core.deployment.file import read_deployment
from platform_core.deployment.model import Lakes
from platform_core.lake.remote.faults import store_fault

FILE = """\
lakes:
  catalogs: {host: db, database: lakes}
  buckets: "mesh-{lake}"
  endpoint: http://store:8333
  credentials: {analysts: {user: analysts}}
"""
REFUSED = {
    "the engine": "HTTP Error: HTTP GET error on 'http://store:8333/mesh-shop/data/a.parquet' (HTTP 403)",
    "a client": "HTTP 403 Error performing HEAD http://store:8333/mesh-shop/data/a.parquet in 12.5ms",
    "a document": "response: <Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>",
}
AWAY = {
    "a time of 403 ms": "Generic S3 error: Error performing HEAD http://store:8333/mesh-shop/a.parquet in"
    " 403.377843ms, after 3 retries, max_retries: 3, retry_timeout: 60s - HTTP error: error sending request",
    "a port": "Error performing HEAD http://store:403/mesh-shop/a.parquet in 1ms, after 3 retries",
    "a product's name": "Could not establish connection error for 'http://store/mesh-shop/data/products/"
    "forbidden/HTTP 404/NoSuchBucket.parquet'",
    "an answer": "HTTP GET error on 'http://store:8333/mesh-shop/data/a.parquet' (HTTP 503)",
}


@pytest.fixture
def lakes(tmp_path: Path) -> Lakes:
    path = tmp_path / "mesh.deployment.yaml"
    path.write_text(FILE)
    found = read_deployment(path).lakes
    assert found is not None
    return found


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_refused_key(lakes: Lakes, text: str) -> None:
    fault = store_fault(text, lakes, "shop")
    assert fault is not None
    assert fault.diagnostics[0].code == "E014"


@pytest.mark.parametrize("text", AWAY.values(), ids=AWAY)
def test_numbers_and_names_are_not_statuses(lakes: Lakes, text: str) -> None:
    fault = store_fault(text, lakes, "shop")
    assert fault is not None
    assert fault.diagnostics[0].code == "E013"
    assert "cannot be reached" in fault.diagnostics[0].message


def test_a_missing_bucket(lakes: Lakes) -> None:
    fault = store_fault("<Error><Code>NoSuchBucket</Code></Error>", lakes, "shop")
    assert fault is not None
    assert "is missing" in fault.diagnostics[0].message
