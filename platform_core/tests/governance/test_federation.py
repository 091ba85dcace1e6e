"""The files of the federation, right and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from governance.mutating import VALID

from platform_core.source.federation import Channel, read_federation


def _with(tmp_path: Path, **files: str) -> Path:
    (tmp_path / "governance").mkdir()
    for name, text in files.items():
        (tmp_path / "governance" / f"{name}.yaml").write_text(text)
    return tmp_path


def test_the_content_of_the_files() -> None:
    federation = read_federation(VALID)
    assert not federation.faults
    assert federation.topology == "federated"
    assert federation.representatives["shop"] == ("shop-owner@example.com",)
    team = federation.teams["shop-team"]
    assert (team.domain, team.email) == ("shop", "shop@example.com")
    assert team.channels == (Channel("#shop", "slack"),)
    (waiver,) = federation.waivers
    assert (waiver.code, waiver.expires, waiver.place.line) == ("G108", "2030-06-30", 2)


def test_missing_and_empty_files_mean_defaults(tmp_path: Path) -> None:
    assert not read_federation(tmp_path).faults
    federation = read_federation(_with(tmp_path, teams="", waivers="# none\n", mesh="\n"))
    assert not federation.faults
    assert federation.readable
    assert federation.topology == "federated"


@pytest.mark.parametrize("key", ["shop_team", "Shop-Team", "SHOP TEAM"])
def test_a_team_key_is_read_like_an_owner(key: str, tmp_path: Path) -> None:
    mesh = f"topology: governed\ncentral_team: {key}\n"
    federation = read_federation(_with(tmp_path, teams=f"teams:\n  {key}: {{domain: shop}}\n", mesh=mesh))
    assert not federation.faults
    assert list(federation.teams) == [federation.central_team] == ["shop-team"]


@pytest.mark.parametrize(
    ("file", "text", "line", "words"),
    [
        ("mesh", "topology: federated\n  central: x", 2, "not YAML"),
        ("mesh", "- topology", 1, "mapping"),
        ("mesh", "topology: 5", 1, "topology"),
        ("mesh", "topology: federal", 1, "federal"),
        ("mesh", "topology: governed", 1, "central team"),
        ("mesh", "a: 1\nmesh: 2", 1, '"a"'),
        ("teams", "teams:\n  shop-team: {domain: shop}\n  Shop_team: {domain: shop}", 3, '"Shop_team"'),
        ("mesh", "email_domains: example.com", 1, "email_domains"),
        ("mesh", "representatives: {shop: a@b.c}", 1, "shop"),
        ("mesh", "topology: federated\ntopology: governed", 2, "duplicate key"),
        ("mesh", "central_team: nobody", 1, "nobody"),
        ("teams", "teams: [a]", 1, "teams"),
        ("teams", "teams:\n  a: {emial: a@b.c}", 2, "emial"),
        ("teams", "teams:\n  a: {channels: [{chanel: x}]}", 2, "chanel"),
        ("teams", "teams:\n  a: {channels: [{channel: x}, {channel: x}]}", 2, 'second channel "x"'),
        ("teams", "teams:\n  a: {members: {email: x}}", 2, "members"),
        ("alerts", "policies:\n  - {name: x, events: [repeated], notify: [owner]}", 2, "without a time"),
        ("waivers", "waivers:\n  - code: G108", 2, "without"),
        ("waivers", "waivers:\n  - G108", 2, "waivers"),
        ("waivers", "waivers: {code: G108}", 1, "waivers"),
        (
            "waivers",
            "waivers:\n  - {code: [1], product: a/b, reason: c, approvers: [d], expires: 2030-01-01}",
            2,
            "code",
        ),
        (
            "waivers",
            "waivers:\n  - {code: G1, product: a/b, reason: c, approvers: d, expires: 2030-01-01}",
            2,
            "approvers",
        ),
        (
            "waivers",
            "waivers:\n  - {code: G1, product: a/b, reason: c, approvers: [d], expires: 31.12.2030}",
            2,
            "31.12.2030",
        ),
    ],
)
def test_bad_input_is_reported_with_its_place(
    tmp_path: Path, file: str, text: str, line: int, words: str
) -> None:
    federation = read_federation(_with(tmp_path, **{file: text}))
    assert {fault.code for fault in federation.faults} == {"G406"}
    fault = federation.faults[0]
    assert fault.place is not None
    assert (fault.place.path.name, fault.place.line) == (f"{file}.yaml", line)
    assert words in fault.message
    assert "contract" not in fault.render()
    assert fault.fix


def test_a_line_with_a_secret_is_not_quoted(tmp_path: Path) -> None:
    """Also by the faults of other values in it."""
    text = (
        "email: {host: m.example.com, port: 70000, encryption: ssl, from: a@b.c, user: u, password: hunter2}"
    )
    faults = read_federation(_with(tmp_path, alerts=text)).faults
    assert len(faults) == 3
    rendered = [fault.render() for fault in faults]
    assert not [each for each in rendered if "hunter2" in each]
    assert all("alerts.yaml:1:" in each for each in rendered)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    root = _with(tmp_path)
    (root / "governance" / "teams.yaml").symlink_to("mesh.yaml")
    (root / "governance" / "mesh.yaml").symlink_to("teams.yaml")
    (root / "governance" / "waivers.yaml").write_bytes(b"waivers: \xff")
    federation = read_federation(root)
    assert {fault.code for fault in federation.faults} == {"G406"}
    assert {fault.place.path.name for fault in federation.faults if fault.place} == {
        "teams.yaml",
        "mesh.yaml",
        "waivers.yaml",
    }
    assert not federation.readable


def test_a_folder_that_links_to_itself(tmp_path: Path) -> None:
    (tmp_path / "governance").symlink_to("governance")
    federation = read_federation(tmp_path)
    assert [fault.code for fault in federation.faults] == ["G406"]
    assert not federation.readable


def test_an_unreadable_file_is_not_an_empty_one(tmp_path: Path) -> None:
    federation = read_federation(_with(tmp_path, teams="teams: {a: {}}", mesh="topology: ["))
    assert not federation.readable
