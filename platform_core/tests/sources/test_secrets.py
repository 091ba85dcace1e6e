"""Secrets: where they come from, and that nothing shows them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from servers import PASSWORD, Postgres
from small_mesh import SmallMesh

from platform_core.diagnostics import SourceError
from platform_core.secrets import confidential, secret_parts, secret_text

KNOWN = {"user": "", "password": "", "host": "", "port": "5432", "database": ""}
PARTS = {"user": "ada", "password": "p@ss/w:rd", "host": "db", "port": "5432", "database": "shop"}


def test_a_secret_comes_from_a_variable_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("of-a-file\n")
    monkeypatch.setenv("MESH_SECRET_ONE", "of-a-variable")
    monkeypatch.setenv("MESH_SECRET_TWO_FILE", str(file))
    monkeypatch.setenv("OTHER", "of-another")
    assert secret_text("ONE") == "of-a-variable"
    assert secret_text("TWO") == "of-a-file"
    assert secret_text({"env": "OTHER"}) == "of-another"
    assert secret_text({"file": str(file)}) == "of-a-file"


@pytest.mark.parametrize("secret", ["NONE", {"env": "NONE"}, {"file": "/none"}, {}])
def test_a_secret_that_is_not_set(secret: str | dict[str, str]) -> None:
    with pytest.raises(SourceError, match="S020"):
        secret_text(secret)


@pytest.mark.parametrize("text", ["postgresql://ada:p%40ss%2Fw%3Ard@db/shop", json.dumps(PARTS)])
def test_a_url_and_an_object_name_the_same_parts(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MESH_SECRET_X", text)
    assert secret_parts("X", KNOWN) == PARTS


@pytest.mark.parametrize(
    "text",
    [
        "sw0rdfish",
        "postgresql://ada:sw0rdfish@/shop",
        "postgresql://ada:sw0rdfish@db",
        "postgresql://ada:sw0rdfish@db:port/shop",
        "postgresql://ada:sw0rd/fish@db/shop",
        '{"password": "sw0rdfish"',
        '{"password": "sw0rdfish"}',
        '{"password": "sw0rdfish", "user": "a", "host": "b", "database": "c", "sslmode": "d"}',
        '["sw0rdfish"]',
    ],
)
def test_a_message_about_a_secret_does_not_show_it(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MESH_SECRET_X", text)
    with pytest.raises(SourceError) as refused:
        secret_parts("X", KNOWN)
    assert "S020" in str(refused.value)
    assert "sw0rd" not in str(refused.value)


@pytest.mark.full
def test_a_planted_secret_is_in_no_file_and_no_output(
    till: SmallMesh, shop: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    till.location("shop")
    till.write("domains/shop/pyproject.toml", '[tool.platform-core]\nenvironment = ["MESH_SECRET_SHOP_DB"]\n')
    outputs = []
    lock = till.root / "domains/shop/contracts/sources/till.orders.json"
    lock.unlink()
    for words in (
        ("check", "shop/takings", "--lock"),
        ("run", "shop/takings"),
        ("show", "shop/takings"),
        ("validate",),
        ("status",),
    ):
        outputs.append(printed(till, *words))
    assert lock.is_file()
    assert "1 made" in outputs[1], outputs
    shop.run("DROP TABLE orders")
    outputs.append(printed(till, "run", "shop/takings"))
    assert "S023" in outputs[-1]
    monkeypatch.setenv("MESH_SECRET_SHOP_DB", shop.url.replace("s3cret", "an0ther-s3cret"))
    outputs.append(printed(till, "run", "shop/takings"))
    assert "S022" in outputs[-1]
    assert "an0ther" not in outputs[-1]
    secrets = [PASSWORD.encode(), shop.url.partition("owner:")[2].partition("@127")[0].encode()]
    files = [path for path in till.root.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), path
    for output in outputs:
        assert not any(secret.decode() in output for secret in secrets)


def printed(mesh: SmallMesh, *words: str) -> str:
    """The output of the command, with the secrets of this process."""
    command = [sys.executable, "-m", "platform_core.cli", *words]
    done = subprocess.run(command, cwd=mesh.root, text=True, capture_output=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgresql://ada:p%40ss%2Fword@db/shop", {"p%40ss%2Fword", "p@ss/word"}),
        (json.dumps(PARTS), {PARTS["password"]}),
        ('{"access_key": "AKIA", "secret_key": "sw0rdfish"}', {"sw0rdfish"}),
        ("token-of-a-web-server", {"token-of-a-web-server"}),
    ],
)
def test_the_passwords_of_a_secret_are_hidden(
    monkeypatch: pytest.MonkeyPatch, text: str, hidden: set[str]
) -> None:
    monkeypatch.setenv("MESH_SECRET_X", text)
    assert {*hidden, text} <= set(confidential("X"))
    monkeypatch.delenv("MESH_SECRET_X")
    assert confidential("X") == []
