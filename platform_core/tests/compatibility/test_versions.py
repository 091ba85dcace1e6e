"""The order of versions, and the version that a change demands."""

from __future__ import annotations

import pytest

from platform_core.compatibility.change import Grade
from platform_core.compatibility.versions import behind, demanded, enough, order, same

N, C, R, B = Grade.NEUTRAL, Grade.COMPATIBLE, Grade.RISKY, Grade.BREAKING


@pytest.mark.parametrize(
    ("old", "demands"),
    [
        ("1.4.2", "1.4.2 1.5.0 1.5.0 2.0.0"),
        ("0.4.2", "0.4.2 0.4.3 0.4.3 0.5.0"),
        ("0.0.1", "0.0.1 0.0.2 0.0.2 0.1.0"),
        # A prerelease of the version that is due is followed by that version.
        ("2.0.0-rc.1", "2.0.0-rc.1 2.0.0 2.0.0 2.0.0"),
        ("1.5.0-rc.1", "1.5.0-rc.1 1.5.0 1.5.0 2.0.0"),
        ("1.4.1-rc.1", "1.4.1-rc.1 1.5.0 1.5.0 2.0.0"),
        ("0.5.0-a", "0.5.0-a 0.5.0 0.5.0 0.5.0"),
        ("1.4.2+build.7", "1.4.2+build.7 1.5.0 1.5.0 2.0.0"),
        ("1.2", "1.2 1.3.0 1.3.0 2.0.0"),
        ("v3", "v3 3.1.0 3.1.0 4.0.0"),
        ("2024-01", "2024-01 1.0.0 1.0.0 1.0.0"),
        ("final", "final 1.0.0 1.0.0 1.0.0"),
    ],
)
def test_the_lowest_version_that_suffices(old: str, demands: str) -> None:
    found = [demanded(old, grade) for grade in (N, C, R, B)]
    assert found == demands.split()
    assert all(enough(old, version, grade) for version, grade in zip(found, (N, C, R, B), strict=True))


@pytest.mark.parametrize(
    ("old", "new", "most"),
    [
        ("1.4.2", "2.0.0", B),
        ("1.4.2", "1.5.0", R),
        ("1.4.2", "1.4.3", N),
        ("1.4.2", "1.4.2", N),
        ("1.4.2", "1.10.0", R),
        ("0.9.0", "1.0.0", B),
        ("0.4.2", "0.5.0", B),
        ("0.4.2", "0.4.3", R),
        # A prerelease announces the change of its version.
        ("1.4.2", "2.0.0-rc.1", B),
        ("2.0.0-rc.1", "2.0.0-rc.2", B),
        ("2.0.0-rc.9", "2.0.0-rc.10", B),
        ("2.0.0-rc.1", "2.0.0", B),
        ("1.4.1-rc.1", "1.4.1", N),
        ("1.5.0-rc.1", "1.5.0", R),
        ("0.5.0-rc.1", "0.5.0-rc.2", B),
        # A build is the same version.
        ("1.0.0+a", "1.0.0+b", N),
        ("1.0.0", "1.0.0+b", N),
        ("1.0.0+a", "2.0.0+a", B),
        # Short versions and a letter in front.
        ("1.2", "1.3", R),
        ("1.2", "2", B),
        ("v3", "v4", B),
        ("v3", "v3.1", R),
        # A version of semver begins an order.
        ("2024-01", "1.0.0", B),
        # Without an order, another text is enough for what harms nobody.
        ("2024-01", "2024-02", C),
        ("1.0.0", "final", C),
        ("1.2.3.4", "1.2.3.5", C),
        ("final", "final", N),
    ],
)
def test_the_worst_change_that_a_version_announces(old: str, new: str, most: Grade) -> None:
    assert [grade for grade in Grade if enough(old, new, grade)] == [g for g in Grade if g <= most]


@pytest.mark.parametrize(("old", "new"), [("1.4.2", "1.4.1"), ("2.0.0", "2.0.0-rc.1"), ("1.10.0", "1.9.0")])
def test_a_version_that_goes_back_announces_nothing(old: str, new: str) -> None:
    assert behind(new, old)
    assert not behind(old, new)
    assert not any(enough(old, new, grade) for grade in Grade)


def test_the_build_does_not_count() -> None:
    assert same("1.0.0+a", "1.0.0+b")
    assert same("1.2", "1.2.0")
    assert not same("1.0.0-a", "1.0.0-b")
    assert same("final", "final")
    assert not same("final", "last")


@pytest.mark.parametrize("text", ["", "2024-01", "1.2.3.4", "01.2.3", "1.0.0-01", "final", "1..2"])
def test_a_text_without_an_order(text: str) -> None:
    assert order(text) is None
    assert not behind(text, "1.0.0")
