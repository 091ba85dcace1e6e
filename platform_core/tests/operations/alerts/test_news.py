"""News that open no incident: who hears of each, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster._daemon.types import DaemonHeartbeat
from operations.alerted import AlertedMesh, Events
from operations.watched import watched_shop

from platform_core.operations.store.journal import Journal

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
ALL = (
    "published, warned, contract_changed, deprecated_read, waiver_expiring, over_budget, silent, "
    "unchecked, recovered"
)
CONTRACT = "domains/shop/contracts/sales.odcs.yaml"


@pytest.fixture
def news(alerted: AlertedMesh) -> AlertedMesh:
    """A mesh after its first round, in which owners and readers hear of all news."""
    alerted.policies(f"{{name: all, events: [{ALL}], notify: [owner, readers]}}")
    alerted.round()
    return alerted


def edit(alerted: AlertedMesh, file: str, old: str, new: str) -> None:
    path = alerted.mesh.root / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def titles(alerted: AlertedMesh) -> dict[str, list[str]]:
    """The titles by team, without the names of the products, after some more rounds."""
    alerted.round(HOUR)
    alerted.round()
    found = {each: alerted.titles(each) for each in ("shop", "other", "third", "platform")}
    return {team: words for team, words in found.items() if words}


@pytest.mark.full
def test_a_reader_hears_that_a_version_is_there(alerted: AlertedMesh) -> None:
    there = '{name: there, events: [published], of: {selection: shop/sales}, notify: ["domain:other"]}'
    alerted.policies(there)
    with alerted.events() as events:
        alerted.round()
        events.published("shop/sales", 5)
        events.published("third/names", 2)
        assert titles(alerted) == {"other": ["shop/sales has a new version"]}


@pytest.mark.full
def test_a_reader_of_changed_columns_alone_hears_of_a_version(news: AlertedMesh) -> None:
    with news.events() as events:
        events.published("shop/sales", 5, changed_columns=["who"])
        assert {*titles(news)} == {"shop", "third"}


@pytest.mark.full
def test_the_first_round_sends_no_news_of_the_past(alerted: AlertedMesh) -> None:
    alerted.policies("{name: all, events: [published], notify: [owner, readers]}")
    with alerted.events() as events:
        events.published("shop/sales", 5)
        alerted.now = datetime.now(UTC)
        assert titles(alerted) == {}


@pytest.mark.full
def test_a_warning_is_heard_of_when_it_begins_and_not_while_it_stands(news: AlertedMesh) -> None:
    warned = "shop/sales was published with a new warning"
    with news.events() as events:
        for number in range(3):
            events.checked("shop/sales", "range__amount", False, warning=True, violations=number + 1, rows=9)
            news.round(HOUR)
        assert titles(news) == {"shop": [warned], "other": [warned]}
        facts = news.receiver.taken[0].body["facts"]
        assert (facts["Rule"], facts["Violations"]) == ("range__amount", "1 of 9 rows")

        events.checked("shop/sales", "not_null__amount", False, warning=True, violations=1, rows=9)
        assert titles(news)["shop"] == [warned] * 2  # another rule

        events.checked("shop/sales", "range__amount", True, warning=True, violations=0, rows=9)
        assert titles(news)["shop"] == [warned] * 2
        events.checked("shop/sales", "range__amount", False, warning=True, violations=2, rows=9)
        assert titles(news)["shop"] == [warned] * 3  # it had gone


@pytest.mark.full
def test_a_product_that_is_about_to_be_too_old_is_a_warning_of_its_own(news: AlertedMesh) -> None:
    warn = "{property: warnAfter, value: 1 d, vendor: platform-core}"
    edit(news, CONTRACT, "value: 2, unit: d}", f"value: 2, unit: d, customProperties: [{warn}]}}")
    with news.events() as events:
        events.published("shop/sales", 5)
        news.round()
        news.receiver.clear()
        assert titles(news) == {}
        news.now += 24 * HOUR
        old = ["shop/sales is about to be too old"]
        assert titles(news) == {"shop": old, "other": old, "third": old}
    assert news.receiver.taken[0].body["facts"]["Age"] == "more than 1 day, at most 2 days"


def test_another_version_of_a_contract_is_heard_of_by_readers(news: AlertedMesh) -> None:
    edit(news, CONTRACT, "version: 1.2.0", "version: 1.3.0")
    changed = ["shop/sales has another contract"]
    assert titles(news) == {"shop": changed, "other": changed, "third": changed}
    assert news.receiver.taken[0].body["facts"]["Version"] == "1.3.0, after 1.2.0"


def test_a_waiver_that_expires_is_heard_of_by_the_owner(news: AlertedMesh) -> None:
    expires = (news.now + 3 * DAY).date()
    waiver = (
        f"waivers:\n  - {{code: G105, product: shop/sales, reason: r, expires: {expires}, "
        "approvers: [shop-owner@example.com]}\n"
    )
    news.mesh.write("governance/waivers.yaml", waiver)
    soon = "shop/sales has a waiver that expires soon"
    assert titles(news)["shop"] == [soon]
    news.round(2 * DAY)
    assert titles(news)["shop"] == [soon] * 2  # one day is left
    news.round(5 * DAY)
    assert titles(news)["shop"] == [soon] * 2


@pytest.mark.full
@pytest.mark.parametrize(
    ("where", "limit", "shown"),
    [
        ("mesh", "seconds: 100", "150 of 100 in "),
        ("mesh", "bytes: 1000", "2,000 bytes of 1,000 in "),
        ("contract", "seconds: 100", "150 of 100 in "),
        ("contract", "bytes: 1000", "2,000 bytes of 1,000 in "),
    ],
)
def test_a_product_over_its_budget_is_heard_of_once_a_month(
    news: AlertedMesh, where: str, limit: str, shown: str
) -> None:
    if where == "mesh":
        edit(news, "governance/mesh.yaml", "email_domains", f"budget: {{{limit}}}\nemail_domains")
    else:
        own = (
            f"customProperties:\n  - {{property: budget, value: {{{limit}}}, vendor: platform-core}}\nschema:"
        )
        edit(news, CONTRACT, "schema:", own)
        edit(news, "governance/mesh.yaml", "email_domains", "budget: {seconds: 1}\nemail_domains")
    news.policies("{name: cost, events: [over_budget], of: {domain: shop}, notify: [owner]}")
    with news.events() as events:
        for version in (5, 6, 7):
            events.published("shop/sales", version, seconds=75.0, bytes_read=1000)
            news.round()
            over = ["shop/sales is over its budget"]
            assert titles(news) == ({"shop": over} if version > 5 else {})
    [value] = [
        v for name, v in news.receiver.taken[0].body["facts"].items() if name in ("Run seconds", "Read")
    ]
    assert value.startswith(shown)


@pytest.mark.full
def test_a_check_that_could_not_run_is_heard_of(news: AlertedMesh) -> None:
    with news.events() as events:
        events.checked("shop/sales", "range__amount", False)
        cannot = "shop/sales was not published: range__amount cannot be checked"
        assert titles(news) == {"shop": [cannot], "other": [cannot]}
        events.published("shop/sales", 6)
        news.receiver.clear()
        found = ["shop/sales works again", "shop/sales has a new version"]
        assert titles(news) == {"shop": found, "other": found, "third": found[1:]}


def test_a_watch_that_was_silent_is_heard_of_by_the_central_team(news: AlertedMesh) -> None:
    with Journal.open(news.mesh.root) as journal:
        journal.keep("round", {**journal.fact("round"), "every": 30})
    silent = "watch was silent: nobody heard of anything"
    assert titles(news) == {"platform": [silent]}


@pytest.mark.full
def test_a_silent_daemon_is_an_incident_of_the_central_team(alerted: AlertedMesh) -> None:
    alerted.policies("{name: x, events: [silent, resolved], notify: [platform-team]}")
    with alerted.events() as events:
        beat(events, alerted.now)
        alerted.round(timedelta(minutes=1))
        assert alerted.incidents() == []
        alerted.round(timedelta(minutes=9))
        alerted.round(timedelta(minutes=1))
        beat(events, alerted.now)
        alerted.round()
    silent = "Dagster's daemon has not answered for 10 minutes: nothing runs by itself"
    assert alerted.titles("platform") == [silent, "Dagster's daemon works again"]
    assert len(alerted.receiver.taken) == 2


def beat(events: Events, at: datetime) -> None:
    heartbeat = DaemonHeartbeat(at.timestamp(), "SENSOR", "x", [])
    events.instance.add_daemon_heartbeat(heartbeat)


@pytest.mark.full
def test_an_announced_end_is_heard_of_30_7_and_1_days_before(tmp_path: Path) -> None:
    with watched_shop(tmp_path) as shop:
        policy = "{name: x, events: [deprecated_read], notify: [owner, readers]}"
        shop.mesh.write("governance/alerts.yaml", f"policies: [{policy}]\n")
        shop.round()
        last = (shop.now + 40 * DAY).date()
        contract = shop.mesh.root / CONTRACT
        end = f"slaProperties:\n  - {{property: endOfLife, value: {last}}}\n"
        contract.write_text(contract.read_text().replace("slaProperties:\n", end))
        heard = []
        for days in (0, 9, 1, 5, 17, 1, 5, 1, 1, 1):
            shop.round(days * DAY)
            heard.append(len(shop.messages("other")))
        # 40, 31, 30, 25, 8, 7, 2, 1, 0 and -1 days before.
        assert heard == [0, 0, 1, 1, 1, 2, 2, 3, 3, 3]
        assert {*shop.messages("other")} == {"shop/sales ends soon and still has readers"}
        assert shop.messages("shop") == shop.messages("third") == shop.messages("other")
        facts = shop.receiver.taken[0].body["facts"]
        assert facts["Ends on"] == str(last)
        assert facts["Readers"] == "other/amounts, third/names"
