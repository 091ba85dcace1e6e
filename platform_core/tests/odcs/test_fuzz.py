"""Any contract is either read or refused with diagnostics."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_core.contracts.time_units import BadCron, cron_interval
from platform_core.diagnostics import ContractError, Diagnostic
from platform_core.odcs.reader import load_contract

pytestmark = pytest.mark.full

GOOD = (Path(__file__).parent / "conftest.py").read_text().split('GOOD = """\\\n')[1].split('"""')[0]
TREE: dict[str, Any] = yaml.load(GOOD, Loader=yaml.BaseLoader)
SETTINGS = settings(
    derandomize=True,
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
WORDS = ["", "orders", "state", "mustBe", "metric", "unit", "[", "1e400", "0 0 31 2 *", "partitions", "mask", "x/y", "a.b.c", "\\", "(", "٣", "-1", "9" * 30, "2017-13-45", "0001-01-01T00:00:00+14:00", "vendor", "platform-core", "percent", "latency", "element", "😀"]  # fmt: skip  # noqa: E501
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def pointers(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(found for key, inner in items for found in pointers(inner, (*here, key)))]


def attempt(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    faults: tuple[Diagnostic, ...] = ()
    names: list[str] = []
    try:
        names = [rule.name for rule in load_contract(path, "shop").rules]
    except ContractError as error:
        faults = error.diagnostics
    assert bool(faults) != bool(names)
    assert len(set(names)) == len(names)
    for fault in faults:
        assert fault.code.startswith("C")
        assert fault.place is not None
        assert fault.render()


@SETTINGS
@given(changes=st.lists(st.tuples(st.sampled_from(pointers(TREE)[1:]), VALUES), min_size=1, max_size=3))
def test_any_value_anywhere(tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    tree = copy.deepcopy(TREE)
    for pointer, value in changes:
        parent = tree
        try:
            for key in pointer[:-1]:
                parent = parent[key]
            parent[pointer[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change removed what was there
    text = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
    attempt(tmp_path / "orders.odcs.yaml", text.replace("'", "").encode("utf-8", "surrogatepass"))


@SETTINGS
@given(data=st.data())
def test_any_bytes_changed(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        raw[start : start + data.draw(st.integers(0, 12))] = data.draw(
            st.binary(max_size=4)
            | st.sampled_from([b"\n", b"\t", b"- ", b": ", b"{", b"]", b"&a ", b"*a", b"!!x "])
        )
    attempt(tmp_path / "orders.odcs.yaml", bytes(raw))


@SETTINGS
@given(schedule=st.from_regex(r"[0-9a-z*/,\- ]{0,16}", fullmatch=True) | st.text(max_size=12))
def test_any_schedule(schedule: str) -> None:
    try:
        assert cron_interval(schedule).total_seconds() >= 60
    except BadCron:
        return
