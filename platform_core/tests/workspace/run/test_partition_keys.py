from __future__ import annotations

import pytest

from platform_core.diagnostics import UsageError
from platform_core.workspace.run.partition_keys import chosen_partitions

MONTHS = tuple(f"2017-{month:02}-01" for month in range(1, 13))


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        (None, MONTHS),
        ("all", MONTHS),
        ("2017-03-01", ("2017-03-01",)),
        ("2017-11-01..2017-12-01", ("2017-11-01", "2017-12-01")),
        ("2017-05-01..2017-05-01", ("2017-05-01",)),
    ],
)
def test_keys_of_partitioned_products_only(asked: str | None, keys: tuple[str, ...]) -> None:
    assert chosen_partitions(asked, {"a/x": MONTHS, "a/y": None}) == {"a/x": keys, "a/y": None}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("2018-01-01", "U024"),
        ("2017-03-01..", "U024"),
        ("..2017-03-01", "U024"),
        ("2017-04-01..2017-03-01", "U024"),
        ("", "U024"),
    ],
)
def test_keys_off_the_grid(asked: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen_partitions(asked, {"a/x": MONTHS})
    assert caught.value.diagnostics[0].code == code


def test_keys_for_products_without_partitions() -> None:
    with pytest.raises(UsageError, match="U025"):
        chosen_partitions("2017-03-01", {"a/y": None})
    assert chosen_partitions("all", {"a/y": None}) == {"a/y": None}
