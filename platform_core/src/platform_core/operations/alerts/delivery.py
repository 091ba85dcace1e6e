"""Delivery of the outbox: at least once, each time under the same key.

A message is marked before it is sent and after it was accepted, so a killed sender sends it again. A channel
that does not answer as it should waits, with all its messages, up to an hour. A message that is refused for
what it holds waits alone. None is ever dropped.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests

from platform_core.diagnostics import PlatformError
from platform_core.operations.alerts.layouts import LAYOUTS, mail
from platform_core.operations.alerts.outbox import UI
from platform_core.operations.alerts.recipients import Directory, Target
from platform_core.operations.alerts.text import Text
from platform_core.operations.store.journal import Journal, Message, written
from platform_core.secrets import Secret, secret_text
from platform_core.source.alerts import MailServer

PATIENCE: Final = 10.0
"""Seconds that a server may take for one answer."""
FIRST_WAIT: Final = timedelta(seconds=15)
LONGEST_WAIT: Final = timedelta(hours=1)
WAITS: Final = "waits"
"""The name of the kept value with the channels that wait, until when."""
OF_THE_MESSAGE: Final = (400, 413, 415, 422)
"""The statuses by which a server refuses what a message holds."""
Clock = Callable[[], datetime]


class NotAccepted(Exception):
    """A channel did not take a message; ``wait`` is how long it asks to wait. ``alone``: only this message is
    refused."""

    def __init__(self, reason: str, wait: timedelta | None = None, alone: bool = False) -> None:
        super().__init__(reason)
        self.wait, self.alone = wait, alone


def deliver(
    journal: Journal,
    directory: Directory,
    show: Callable[[Message], None],
    now: Clock = lambda: datetime.now(UTC),
) -> int:
    """Send the messages that are due; the number of those that were accepted. ``show`` shows one on the asset
    pages."""
    journal.take_back()
    accepted, kept = 0, (journal.fact(WAITS) or {}).items()
    # A clock that went back would make a channel wait for longer than the longest time.
    waits = {name: at for name, at in kept if now() < datetime.fromisoformat(at) <= now() + LONGEST_WAIT}
    for message in journal.due(now(), waits):
        if message.channel in waits:
            continue
        if message.channel == UI:
            journal.mark(message.key, "sending")
            show(message)
            journal.mark(message.key, "sent")
            continue
        target = directory.target(message.channel)
        if target is None:
            # The team or the channel was removed; it may come back.
            journal.mark(message.key, "pending", now() + LONGEST_WAIT, "the channel is not declared any more")
            continue
        journal.mark(message.key, "sending")
        try:
            send(target, Text.of_document(message.body), message.key, directory.alerts.email)
        except NotAccepted as error:
            due = now() + min(error.wait or FIRST_WAIT * 2 ** min(message.attempts, 10), LONGEST_WAIT)
            if not error.alone:
                waits[message.channel] = written(due)
                journal.keep(WAITS, waits)
            journal.mark(message.key, "pending", due, str(error))
        else:
            journal.mark(message.key, "sent")
            accepted += 1
    return accepted


def send(target: Target, text: Text, key: str, server: MailServer | None) -> None:
    """Send one message now. Raises NotAccepted, without a secret in its text."""
    try:
        if target.tool == "email":
            _mail(target, text, key, server)
        else:
            _post(target, text, key)
    except PlatformError as error:  # a secret that is not set
        raise NotAccepted(error.diagnostics[0].message) from None


def _mail(target: Target, text: Text, key: str, server: MailServer | None) -> None:
    if server is None:
        raise NotAccepted("governance/alerts.yaml declares no mail server")
    context = ssl.create_default_context()
    try:
        with (
            smtplib.SMTP_SSL(server.host, server.port, timeout=PATIENCE, context=context)
            if server.encryption == "tls"
            else smtplib.SMTP(server.host, server.port, timeout=PATIENCE)
        ) as session:
            if server.encryption == "starttls":
                session.starttls(context=context)
            if server.user is not None and server.password is not None:
                session.login(server.user, secret_text(server.password))
            session.send_message(mail(text, key, server.sender, target.channel.name))
    except (OSError, smtplib.SMTPException, ValueError) as error:
        # The text of these may have the password, or a part of it.
        private = isinstance(error, smtplib.SMTPAuthenticationError | UnicodeError)
        reason = type(error).__name__ if private else f"{type(error).__name__}: {error}"
        alone = isinstance(error, smtplib.SMTPDataError)
        raise NotAccepted(f"the mail server {server.host}: {reason}", alone=alone) from None


def _post(target: Target, text: Text, key: str) -> None:
    webhook = target.channel.webhook
    assert webhook is not None  # a target has one
    call(webhook, json=LAYOUTS[target.tool](text, key), headers={"Idempotency-Key": key})


def call(address: Secret, **request: Any) -> None:
    """Send a request to a secret address. Raises NotAccepted, without the address in its text; PlatformError
    for a secret that is not set."""
    url = secret_text(address)
    try:
        # The content of the answer does not matter, and may have no end.
        with requests.post(url, timeout=PATIENCE, allow_redirects=False, stream=True, **request) as answer:
            status, after = answer.status_code, answer.headers.get("Retry-After")
    except (requests.RequestException, ValueError) as error:
        raise NotAccepted(_reason(error)) from None
    if not 200 <= status < 300:
        redirect = ", a redirect, which is not followed" if 300 <= status < 400 else ""
        raise NotAccepted(f"status {status}{redirect}", _retry_after(after), status in OF_THE_MESSAGE)


def _reason(error: BaseException) -> str:
    """The class of an error with the text of the operating system. Its own text has the address, a secret."""
    first = error
    while (before := first.__cause__ or first.__context__) is not None:
        first = before
    system = first.strerror if isinstance(first, OSError) else None
    return f"{type(error).__name__}: {system}" if system else type(error).__name__


def _retry_after(words: str | None) -> timedelta | None:
    """The time to wait that a server names, in seconds or as a date (RFC 9110, 10.2.3)."""
    if words is None:
        return None
    try:
        if words.strip().isdigit():
            return timedelta(seconds=int(words))
        return max(timedelta(0), parsedate_to_datetime(words) - datetime.now(UTC))
    except (ValueError, TypeError, OverflowError):
        return None


def trial(target: Target, now: datetime) -> Message:
    """A message that shows whether a channel works."""
    text = Text(
        "A trial message of the mesh",
        "This channel gets the alerts of the mesh.",
        "news",
        (("Channel", target.name), ("Sent", f"{now:%Y-%m-%d %H:%M} UTC")),
        (),
        (),
        "Somebody called mesh alert test.",
        "trial",
        target.name,
        "trial",
    )
    return Message(f"trial-{now:%Y%m%d%H%M%S%f}", target.name, "trial", text.document())
