"""Mails to real servers: encrypted, with a login, and never to one that cannot prove its name."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path

import pytest
from operations.alerted import AlertedMesh
from operations.mail_server import MailBox, mail_server

from platform_core.operations.alerts import delivery

BAD = "shop/sales was not published: range__amount fails"
TEAMS = "".join(
    f"  {domain}-team: {{domain: {domain}, email: {domain}@example.com}}\n" for domain in ("shop", "other")
)
OWNERS = "{name: all, events: [opened, resolved], notify: [owner, readers]}"
HOUR = timedelta(hours=1)


def post(alerted: AlertedMesh, port: int, encryption: str) -> None:
    server = f"host: localhost, port: {port}, encryption: {encryption}, from: mesh@example.com"
    login = ", user: mesh, password: {env: MAIL_PASSWORD}" if encryption != "none" else ""
    alerted.teams("platform", more=TEAMS)
    alerted.policies(OWNERS, more=f"email: {{{server}{login}}}\n")


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("MAIL_PASSWORD", MailBox.password.decode())
    return monkeypatch


def trust(box: MailBox, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("SSL_CERT_FILE", str(box.authority))


@pytest.mark.parametrize("encryption", ["tls", "starttls", "none"])
def test_owner_and_reader_get_a_mail(
    alerted: AlertedMesh, tmp_path: Path, trusting: pytest.MonkeyPatch, encryption: str
) -> None:
    with mail_server(tmp_path, encryption) as box:
        trust(box, trusting)
        post(alerted, box.port, encryption)
        alerted.refuse()
        assert alerted.round().remarks == ()
        alerted.publish()
        alerted.round(HOUR)
        alerted.round(HOUR)
    assert [box.titles(f"{each}@example.com") for each in ("shop", "other")] == [
        [BAD, "shop/sales works again"]
    ] * 2
    assert len({mail["Message-ID"] for mail in box.mails}) == 4
    opened, closed = (mail for mail in box.mails if mail["To"] == "shop@example.com")
    assert opened["References"] == closed["References"]  # one thread
    assert opened["From"] == "mesh@example.com"
    assert opened["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in opened.iter_parts()] == ["text/plain", "text/html"]
    assert box.logins == ([True] * 4 if encryption != "none" else [])


@pytest.mark.parametrize("encryption", ["tls", "starttls"])
def test_a_server_without_a_trusted_certificate_gets_neither_mail_nor_login(
    alerted: AlertedMesh, tmp_path: Path, trusting: pytest.MonkeyPatch, encryption: str
) -> None:
    with mail_server(tmp_path, encryption) as box:
        post(alerted, box.port, encryption)
        alerted.refuse()
        remarks = alerted.round().remarks
        assert len(remarks) == 2
        assert all("certificate verify failed" in each for each in remarks)
        assert (box.mails, box.logins) == ([], [])
        trust(box, trusting)
        alerted.round(HOUR)
        assert len(box.mails) == 2


def test_a_server_that_offers_no_encryption_gets_neither_mail_nor_login(
    alerted: AlertedMesh, tmp_path: Path, trusting: pytest.MonkeyPatch
) -> None:
    with mail_server(tmp_path, "none") as box:
        post(alerted, box.port, "starttls")
        alerted.refuse()
        assert "STARTTLS" in alerted.round().remarks[0]
        assert (box.mails, box.logins) == ([], [])


def test_an_unknown_recipient_holds_up_no_other(
    alerted: AlertedMesh, tmp_path: Path, trusting: pytest.MonkeyPatch
) -> None:
    with mail_server(tmp_path, "none") as box:
        box.unknown.add("shop@example.com")
        post(alerted, box.port, "none")
        alerted.refuse()
        [remark] = alerted.round().remarks
        assert remark.startswith("shop-team shop@example.com waits since ")
        assert "no such user" in remark
        assert box.titles("other@example.com") == [BAD]
        box.unknown.clear()
        for _ in range(3):
            alerted.round(HOUR)
        assert box.titles("shop@example.com") == box.titles("other@example.com") == [BAD]


@pytest.mark.parametrize("password", ["wrong and secret", "geheimes Paßwort €"])
def test_no_remark_shows_a_password(
    alerted: AlertedMesh, tmp_path: Path, trusting: pytest.MonkeyPatch, password: str
) -> None:
    with mail_server(tmp_path, "tls") as box:
        trust(box, trusting)
        trusting.setenv("MAIL_PASSWORD", password)
        post(alerted, box.port, "tls")
        alerted.refuse()
        remarks = alerted.round().remarks
        assert len(remarks) == 2
        error = "SMTPAuthenticationError" if password.isascii() else "UnicodeEncodeError"
        assert all(each.endswith(f"the mail server localhost: {error}") for each in remarks)
        assert not any(box.logins)
        trusting.setenv("MAIL_PASSWORD", MailBox.password.decode())
        alerted.round(HOUR)
        assert len(box.mails) == 2


def test_a_mail_server_that_does_not_answer(alerted: AlertedMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "PATIENCE", 0.2)
    with socket.create_server(("localhost", 0)) as server:
        post(alerted, server.getsockname()[1], "none")
        alerted.refuse()
        assert all("timed out" in each for each in alerted.round().remarks)
    assert all("Connection refused" in each for each in alerted.round(HOUR).remarks)
    assert len(alerted.waiting()) == 2
