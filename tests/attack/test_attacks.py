"""No attempt comes through, also where one of the walls is off; without walls many do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attack import contracts, dbt, functions, queries

Attempts = Callable[..., Iterator[tuple[str, bool]]]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def ways(attempts: Attempts, folder: Path, walls: Any, most: int | None) -> tuple[int, list[str]]:
    """How many attempts there were, and those that came through."""
    found = list(attempts(folder / "box", walls, most))
    return len(found), [name for name, came in found if came]


def but(walls: tuple[str, ...], *off: str) -> tuple[str, ...]:
    return tuple(wall for wall in walls if wall not in off)


FEW, ALL = 60, None
LONG = pytest.param(ALL, marks=pytest.mark.full)


@pytest.mark.parametrize("most", [FEW, LONG])
def test_no_query_comes_through(tmp_path: Path, most: int | None) -> None:
    assert ways(queries.attempts, tmp_path, queries.WALLS, most)[1] == []


@pytest.mark.parametrize("most", [FEW, LONG])
def test_no_query_comes_through_in_the_callers_process(tmp_path: Path, most: int | None) -> None:
    found = list(queries.attempts(tmp_path / "box", queries.WALLS, most, queries.in_this_process))
    assert [name for name, came in found if came] == []


@pytest.mark.parametrize("most", [12, pytest.param(400, marks=pytest.mark.full)])
@pytest.mark.parametrize("off", ["names", "engine", "kernel", "names kernel", "names engine"])
def test_nor_where_a_wall_before_queries_is_off(tmp_path: Path, off: str, most: int | None) -> None:
    assert ways(queries.attempts, tmp_path, but(queries.WALLS, *off.split()), most)[1] == []


@pytest.mark.parametrize("most", [12, pytest.param(400, marks=pytest.mark.full)])
def test_without_walls_queries_come_through(tmp_path: Path, most: int | None) -> None:
    count, found = ways(queries.attempts, tmp_path, (), most)
    assert len(found) > count / 20


@pytest.mark.parametrize("most", [8, LONG])
def test_no_rule_comes_through(tmp_path: Path, most: int | None) -> None:
    assert ways(contracts.attempts, tmp_path, contracts.WALLS, most)[1] == []


@pytest.mark.full
@pytest.mark.parametrize("off", ["plan", "lock"])
def test_nor_where_a_wall_before_rules_is_off(tmp_path: Path, off: str) -> None:
    assert ways(contracts.attempts, tmp_path, but(contracts.WALLS, off), ALL)[1] == []


@pytest.mark.full
def test_the_reads_that_a_plan_does_not_show_are_known(tmp_path: Path) -> None:
    """So the names are checked first."""
    found = ways(contracts.attempts, tmp_path, but(contracts.WALLS, "names"), ALL)[1]
    assert set(found) == contracts.PLAN_ALONE


@pytest.mark.full
def test_without_walls_rules_come_through(tmp_path: Path) -> None:
    count, found = ways(contracts.attempts, tmp_path, (), ALL)
    assert len(found) > count / 2


@pytest.mark.full
def test_no_text_of_a_contract_is_run(tmp_path: Path) -> None:
    assert ways(contracts.texts, tmp_path, (), 40)[1] == []


@pytest.mark.parametrize("most", [4, LONG])
def test_no_function_comes_through(tmp_path: Path, most: int | None) -> None:
    assert ways(functions.attempts, tmp_path, functions.WALLS, most)[1] == []


@pytest.mark.full
@pytest.mark.parametrize("off", ["plan", "lock"])
def test_nor_where_a_wall_before_functions_is_off(tmp_path: Path, off: str) -> None:
    assert ways(functions.attempts, tmp_path, but(functions.WALLS, off), 40)[1] == []


@pytest.mark.full
@pytest.mark.parametrize("off", [("engine",), ("names",)])
def test_functions_are_confined_by_their_arguments_and_results(tmp_path: Path, off: tuple[str, ...]) -> None:
    assert ways(functions.attempts, tmp_path, but(functions.WALLS, *off), 40)[1]


@pytest.mark.full
@pytest.mark.parametrize("off", ["", "limits"])
def test_no_dbt_project_comes_through(tmp_path: Path, off: str) -> None:
    assert ways(dbt.attempts, tmp_path, but(dbt.WALLS, off), 12)[1] == []
