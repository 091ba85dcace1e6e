"""A message in the layout of each tool: escaped, within the limits of the tool, and with its key."""

from __future__ import annotations

import json
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from platform_core.operations.alerts.layouts import LAYOUTS, document, mail, slack, teams
from platform_core.operations.alerts.text import Text

KEY = "f9a66d7dc46dd20483a478ce"
TEXT = Text(
    title="shop/sales was not published: <a> & b fails",
    lead="shop/sales, which you read, was not published: <!channel> & b fails.",
    tone="bad",
    facts=(("Owner", "R&D <rd>"), ("Violations", "3 of 1,200 rows")),
    steps=("mesh show shop/sales", "After the repair: mesh run shop/sales+"),
    links=(("Product", "https://mesh.example.com/assets/shop/sales?a=1&b=2"),),
    why="The team shop-team owns it",
    event="opened",
    subject="shop/sales",
    thread="1a2b3c4d",
)
LONG = "é<é word word " * 1_000
HUGE = Text(
    LONG,
    LONG,
    "good",
    ((LONG, LONG),) * 40,
    (LONG,) * 40,
    ((LONG, "https://x.example.com"),) * 40,
    LONG,
    "opened",
    LONG,
    "t",
)
LIMITS = {"header": 150, "section": 3000, "button": 75}


def sent(text: Text, sender: str = "mesh@example.com") -> EmailMessage:
    """A mail as a server gets it."""
    made = mail(text, KEY, sender, "shop@example.com").as_bytes(policy=policy.SMTP)
    assert all(len(line) <= 998 for line in made.split(b"\r\n"))
    found = message_from_bytes(made, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def content(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_a_mail_has_the_text_as_it_is_and_a_page_with_escaped_words() -> None:
    found = sent(TEXT)
    assert found["Subject"] == TEXT.title
    assert found["Message-ID"] == f"<{KEY}@example.com>"
    assert found["References"] == "<1a2b3c4d@example.com>"
    plain, page = content(found, "plain"), content(found, "html")
    for words in (TEXT.lead, "Owner       R&D <rd>", "- mesh show shop/sales", TEXT.links[0][1], TEXT.why):
        assert words in plain
    assert "<!channel>" not in page
    assert "<rd>" not in page
    assert "R&amp;D &lt;rd&gt;" in page
    assert 'href="https://mesh.example.com/assets/shop/sales?a=1&amp;b=2"' in page


@pytest.mark.parametrize("sender", ["mesh@example.com", f"mesh@{'long-' * 30}domain.example.com"])
def test_the_key_is_whole_in_a_mail(sender: str) -> None:
    assert sent(TEXT, sender)["Message-ID"].strip() == f"<{KEY}@{sender.partition('@')[2]}>"


def test_a_mail_takes_any_length_and_no_second_header() -> None:
    assert content(sent(HUGE), "plain").startswith(LONG[:100])
    found = sent(replace(TEXT, title="first\r\nBcc: all@example.com"))
    assert (found["Bcc"], found["Subject"]) == (None, "first Bcc: all@example.com")


def test_slack_gets_escaped_words() -> None:
    found = slack(TEXT, KEY)
    assert found["text"] == "shop/sales was not published: &lt;a&gt; &amp; b fails"
    header, lead, facts, steps, actions, why = found["blocks"]
    assert header == {"type": "header", "text": {"type": "plain_text", "text": TEXT.title}}
    assert lead["text"]["text"].endswith("&lt;!channel&gt; &amp; b fails.")
    assert [each["text"] for each in facts["fields"]] == [
        "*Owner*\nR&amp;D &lt;rd&gt;",
        "*Violations*\n3 of 1,200 rows",
    ]
    assert steps["text"]["text"] == "• mesh show shop/sales\n• After the repair: mesh run shop/sales+"
    assert actions["elements"][0]["url"] == TEXT.links[0][1]
    assert why["elements"][0]["text"] == TEXT.why


@pytest.mark.parametrize("filling", ["", "x", "xx", "xxx"])
def test_slack_gets_no_more_than_it_takes(filling: str) -> None:
    found = slack(replace(HUGE, lead=filling + LONG, why=filling + LONG), KEY)
    assert len(found["blocks"]) <= 50
    assert len(found["text"]) <= 3000
    for block in found["blocks"]:
        words = block.get("text", {}).get("text", "-")
        assert 0 < len(words) <= LIMITS.get(block["type"], 0) or words == "-"
        assert len(block.get("fields", ())) <= 10
        assert len(block.get("elements", ())) <= 25
        for each in (*block.get("fields", ()), *block.get("elements", ())):
            button = each["type"] == "button"
            words = each["text"]["text"] if button else each["text"]
            assert len(words) <= (75 if button else 2000)
            assert button or words.replace("&lt;", "").replace("&amp;", "").count("&") == 0


def test_teams_gets_an_adaptive_card() -> None:
    [attachment] = teams(TEXT, KEY)["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    title, lead, facts, *steps, why = card["body"]
    assert (title["text"], title["color"]) == (TEXT.title, "Attention")
    assert lead["text"] == TEXT.lead
    assert facts["facts"][0] == {"title": "Owner", "value": "R&D <rd>"}
    assert [each["text"] for each in steps] == [f"- {step}" for step in TEXT.steps]
    assert why["text"] == TEXT.why
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Product", "url": TEXT.links[0][1]}]
    assert len(json.dumps(teams(HUGE, KEY))) < 28_000


def test_a_webhook_gets_everything_as_json() -> None:
    found = document(TEXT, KEY)
    assert found == {
        "key": KEY,
        "event": "opened",
        "subject": "shop/sales",
        "title": TEXT.title,
        "lead": TEXT.lead,
        "tone": "bad",
        "facts": {"Owner": "R&D <rd>", "Violations": "3 of 1,200 rows"},
        "steps": list(TEXT.steps),
        "links": dict(TEXT.links),
        "why": TEXT.why,
        "thread": "1a2b3c4d",
    }


@pytest.mark.parametrize("tool", LAYOUTS)
def test_a_message_without_facts_steps_and_links(tool: str) -> None:
    bare = LAYOUTS[tool](replace(TEXT, facts=(), steps=(), links=()), KEY)
    assert TEXT.why in json.dumps(bare)
    assert Text.of_document(json.loads(json.dumps(TEXT.document()))) == TEXT
