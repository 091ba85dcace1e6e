"""One message in the layouts of the tools: mail, Slack's blocks, a card of Microsoft Teams, JSON."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Any, Final

from platform_core.operations.alerts.text import Text

COLOURS: Final = {"bad": "#b3261e", "good": "#1b7f3b", "news": "#3b5ba9"}
CARD: Final = "http://adaptivecards.io/schemas/adaptive-card.json"
# The limits of Slack's blocks: https://docs.slack.dev/reference/block-kit/blocks
HEADER, SECTION, FIELD, BUTTON, MOST_FIELDS = 150, 3000, 2000, 75, 10
# A card of Microsoft Teams has at most 28 kB.
BLOCK, MOST_BLOCKS = 500, 10


def mail(text: Text, key: str, sender: str, address: str) -> EmailMessage:
    """A mail as plain text and HTML. The key is its Message-ID, so that a double is recognised."""
    host = sender.rpartition("@")[2]
    message = EmailMessage()
    subject = _cut(" ".join(text.title.split()), HEADER)
    message["From"], message["To"], message["Subject"] = sender, address, subject
    message["Message-ID"] = f"<{key}@{host}>"
    if text.thread != key:
        message["References"] = f"<{text.thread}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(plain(text))
    message.add_alternative(_page(text), subtype="html")
    return message


def plain(text: Text) -> str:
    """The message as text in lines."""
    width = max((len(name) for name, _ in text.facts), default=0)
    parts = [
        text.lead,
        "\n".join(f"{name:<{width}}  {value}" for name, value in text.facts),
        "\n".join(f"- {step}" for step in text.steps),
        "\n".join(f"{name}: {url}" for name, url in text.links),
        f"-- \n{text.why}",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _page(text: Text) -> str:
    escape = html.escape
    rows = "".join(
        f'<tr><td style="color:#666;padding:2px 12px 2px 0">{escape(name)}</td><td>{escape(value)}</td></tr>'
        for name, value in text.facts
    )
    steps = "".join(f"<li>{escape(step)}</li>" for step in text.steps)
    links = " &middot; ".join(f'<a href="{escape(url)}">{escape(name)}</a>' for name, url in text.links)
    style = f"font:14px sans-serif;border-left:4px solid {COLOURS[text.tone]};padding-left:12px"
    return (
        f'<div style="{style}"><h2 style="font-size:17px">{escape(text.title)}</h2><p>{escape(text.lead)}</p>'
        f"<table>{rows}</table><ul>{steps}</ul><p>{links}</p>"
        f'<p style="color:#666">{escape(text.why)}</p></div>'
    )


def document(text: Text, key: str) -> dict[str, Any]:
    """The message as JSON, for a webhook of any kind."""
    pairs = {"facts": dict(text.facts), "links": dict(text.links)}
    return {"key": key, **text.document(), **pairs, "steps": list(text.steps)}


def slack(text: Text, key: str) -> dict[str, Any]:
    """The message in Slack's Block Kit."""

    def section(words: str) -> dict[str, Any]:
        return {"type": "section", "text": {"type": "mrkdwn", "text": _escaped(words, SECTION)}}

    fields = [
        {"type": "mrkdwn", "text": _escaped(f"*{name}*\n{value}", FIELD)}
        for name, value in text.facts[:MOST_FIELDS]
    ]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(text.title, HEADER)}},
        section(text.lead),
    ]
    blocks += [{"type": "section", "fields": fields}] if fields else []
    blocks += [section("\n".join(f"• {step}" for step in text.steps))] if text.steps else []
    if text.links:
        buttons = [
            {"type": "button", "text": {"type": "plain_text", "text": _cut(name, BUTTON)}, "url": url}
            for name, url in text.links[:MOST_BLOCKS]
        ]
        blocks.append({"type": "actions", "elements": buttons})
    why = {"type": "mrkdwn", "text": _escaped(text.why, FIELD)}
    title = _escaped(text.title, SECTION)
    return {"text": title, "blocks": [*blocks, {"type": "context", "elements": [why]}]}


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def _escaped(words: str, most: int) -> str:
    """The words without Slack's control characters, cut to a length, but not within an escaped one."""
    found = html.escape(words, quote=False)
    return found if len(found) <= most else re.sub(r"&\w*$", "", found[: most - 1]) + "…"


def teams(text: Text, key: str) -> dict[str, Any]:
    """The message as an Adaptive Card, for a workflow of Microsoft Teams."""
    colour = {"bad": "Attention", "good": "Good", "news": "Accent"}[text.tone]

    def block(words: str, **more: Any) -> dict[str, Any]:
        return {"type": "TextBlock", "text": _cut(words, BLOCK), "wrap": True, **more}

    facts = [{"title": _cut(name, BUTTON), "value": _cut(value, BLOCK)} for name, value in text.facts]

    body = [
        block(text.title, weight="Bolder", size="Medium", color=colour),
        block(text.lead),
        {"type": "FactSet", "facts": facts[:MOST_BLOCKS]},
        *(block(f"- {step}", spacing="None") for step in text.steps[:MOST_BLOCKS]),
        block(text.why, isSubtle=True, size="Small"),
    ]
    links = text.links[:MOST_BLOCKS]
    actions = [{"type": "Action.OpenUrl", "title": _cut(name, BUTTON), "url": url} for name, url in links]
    card = {"$schema": CARD, "type": "AdaptiveCard", "version": "1.4", "body": body, "actions": actions}
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


LAYOUTS: Final[Mapping[str, Callable[[Text, str], dict[str, Any]]]] = {
    "slack": slack,
    "teams": teams,
    "webhook": document,
}
"""The layout of each tool that takes JSON by HTTP."""
