"""A mail server on loopback, with the certificate of an authority that only a test knows."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER = b"mesh"


@dataclass
class MailBox:
    port: int = 0
    authority: Path = Path()
    """The certificate that clients must trust."""
    password: bytes = b"a secret of the mail server"
    mails: list[EmailMessage] = field(default_factory=list)
    logins: list[bool] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    """The addresses that it refuses."""

    def titles(self, address: str) -> list[str]:
        return [mail["Subject"] for mail in self.mails if mail["To"] == address]

    # The names of the hooks are those of aiosmtpd.
    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: Any) -> str:
        if address in self.unknown:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def authenticate(self, _: SMTP, __: Session, ___: Envelope, mechanism: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (USER, self.password)
        self.logins.append(right)
        return AuthResult(success=right, handled=False)


@contextmanager
def mail_server(folder: Path, encryption: str) -> Iterator[MailBox]:
    """A server that asks for a login, where it has encryption."""
    authority, box = trustme.CA(), MailBox()
    box.authority = folder / "authority.pem"
    authority.cert_pem.write_to_path(box.authority)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    started = {"tls_context": context, "require_starttls": True} if encryption == "starttls" else {}
    login = {"authenticator": box.authenticate, "auth_required": True} if encryption != "none" else {}
    if encryption == "tls":
        login["auth_require_tls"] = False  # the connection is encrypted before it begins
    loop = asyncio.new_event_loop()

    def session() -> SMTP:
        return SMTP(box, loop=loop, hostname="localhost", **started, **login)

    at = loop.create_server(session, "localhost", 0, ssl=context if encryption == "tls" else None)
    server = loop.run_until_complete(at)
    box.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
