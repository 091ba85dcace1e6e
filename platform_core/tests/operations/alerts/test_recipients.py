"""The recipients of an event: by the filters of a policy, and by those that it notifies."""

from __future__ import annotations

import pytest
from operations.alerted import AlertedMesh


def heard(alerted: AlertedMesh, words: str) -> list[str]:
    """The teams that hear of a refusal of `shop/sales`, by a policy."""
    alerted.policies(f"{{name: x, events: [refused], {words}}}")
    alerted.refuse()
    assert alerted.round().remarks == ()
    return sorted({each.path[1:] for each in alerted.receiver.taken})


@pytest.mark.parametrize(
    ("of", "matches"),
    [
        ("domain: shop", True),
        ("domain: [other, shop]", True),
        ("domain: other", False),
        ("owner: shop-team", True),
        ("owner: other-team", False),
        ("tag: retail", True),
        ("tag: [wholesale]", False),
        ("tag: retail, domain: other", False),
        ("tag: retail, domain: shop", True),
        ("selection: shop/sales", True),
        ("selection: other/amounts shop/sales", True),
        ("selection: shop", True),
        ("selection: other/amounts", False),
        ("selection: +other/amounts", True),
        ("selection: other/amounts+", False),
        ("selection: shop/sales, domain: other", False),
        ("", True),
    ],
)
def test_a_policy_is_about_some_products(alerted: AlertedMesh, of: str, matches: bool) -> None:
    assert heard(alerted, f"of: {{{of}}}, notify: [owner]") == (["shop"] if matches else [])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("notify: [owner]", ["shop"]),
        ("notify: [readers]", ["other"]),
        ("notify: [third-team]", ["third"]),
        ('notify: ["domain:third", "domain:other"]', ["other", "third"]),
        ("notify: [owner, readers, platform-team]", ["other", "platform", "shop"]),
        ("notify: [owner], by: [webhook]", ["shop"]),
        ("notify: [owner], by: [slack, webhook]", ["shop"]),
        ("notify: [owner], by: [slack]", ["platform"]),  # for the owner, who has no such channel
    ],
)
def test_a_policy_notifies_some_teams(alerted: AlertedMesh, words: str, expected: list[str]) -> None:
    assert heard(alerted, words) == expected


def test_a_channel_gets_one_message_although_several_policies_name_it(alerted: AlertedMesh) -> None:
    both = "{name: %s, events: [opened, refused, failed], notify: [shop-team, owner]}"
    alerted.policies(both % "a", both % "b", '{name: c, events: [refused], notify: ["domain:shop"]}')
    alerted.refuse()
    alerted.round()
    assert len(alerted.receiver.taken) == 1
    assert "The team shop-team owns it; policy a of " in alerted.receiver.taken[0].body["why"]


@pytest.mark.parametrize(
    ("event", "matches"), [("refused", True), ("opened", True), ("failed", False), ("late", False)]
)
def test_a_policy_is_about_some_kinds_of_faults(alerted: AlertedMesh, event: str, matches: bool) -> None:
    alerted.policies(f"{{name: x, events: [{event}, recovered], notify: [owner]}}")
    alerted.refuse()
    alerted.round()
    alerted.publish()
    alerted.round()
    assert len(alerted.receiver.taken) == (2 if matches else 0)
