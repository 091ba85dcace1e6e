"""The products whose data may differ after a change, by column."""

from __future__ import annotations

from dataclasses import replace

from platform_core.change.impact import LIBRARY, NEVER, Current, Former, Moved, Verdict, impact
from platform_core.fingerprint.made_from import MadeFrom, QueryPrint, Slice, TableShape, stamped

COLUMNS = (("id", "BIGINT"), ("amount", "DOUBLE"))


def maker(*inputs: str, text: str = "one", outside: tuple[str, ...] = ()) -> MadeFrom:
    tables = tuple(
        TableShape(f"t{number}", name, COLUMNS, outside="/" not in name) for number, name in enumerate(inputs)
    )
    return MadeFrom(text, "SELECT", tables, ("a", "b"), outside=outside)


def prints(rows: dict[str, tuple[str, ...]], **columns: dict[str, tuple[str, ...]]) -> QueryPrint:
    """Fingerprints that are the uses in words."""
    return QueryPrint(
        "1.5.5", Slice(f"{rows}", rows), {name: Slice(f"{uses}", uses) for name, uses in columns.items()}
    )


def current(parts: MadeFrom, found: QueryPrint) -> Current:
    return Current("function", stamped(parts, found), parts, found)


def same(now: Current) -> list[Former]:
    return [Former(now.stamp)]


FIRST = current(maker("raw"), prints({}, a={}, b={}))
READER = current(maker("x/first"), prints({"x/first": ()}, a={"x/first": ("a",)}, b={"x/first": ("b",)}))
LAST = current(
    maker("x/reader"), prints({"x/reader": ("a",)}, a={"x/reader": ("a",)}, b={"x/reader": ("a", "b")})
)
MESH = {"x/first": FIRST, "x/reader": READER, "x/last": LAST}


def verdicts(**former: Former | list[Former]) -> dict[str, Verdict]:
    before = {name: same(now) for name, now in MESH.items()}
    before |= {f"x/{name}": each if isinstance(each, list) else [each] for name, each in former.items()}
    return impact(MESH, before)


def moved(now: Current, **columns: str) -> Former:
    """A former state with other fingerprints of some columns."""
    assert now.stamp is not None
    return Former({**now.stamp, "text": "two", "columns": {**now.stamp["columns"], **columns}})


def test_nothing_changed() -> None:
    assert {each.change for each in verdicts().values()} == {"unaffected"}


def test_a_column_is_followed_through_the_columns_that_use_it() -> None:
    found = verdicts(first=moved(FIRST, b="other"))
    assert found["x/first"].because == ("its function",)
    assert found["x/first"].moved == Moved(columns=frozenset("b"))
    assert (found["x/reader"].change, found["x/reader"].moved.columns) == ("affected", {"b"})
    assert found["x/reader"].because == ("columns b of x/first",)
    assert found["x/last"].moved == Moved(columns=frozenset("b")), "a of x/last does not use b"


def test_a_column_that_decides_which_rows_there_are_moves_every_column() -> None:
    found = verdicts(first=moved(FIRST, a="other"))
    assert found["x/last"].moved.rows, "its filter uses a of x/reader"


def test_other_rows_move_all_that_is_behind() -> None:
    assert FIRST.stamp is not None
    found = verdicts(first=Former({**FIRST.stamp, "rows": "other"}))
    assert [found[name].moved.rows for name in MESH] == [True, True, True]
    assert found["x/last"].because == ("the rows of x/reader",)


def test_an_unread_column_concerns_nobody() -> None:
    found = verdicts(first=moved(FIRST, unread="gone"))
    assert [found[name].change for name in MESH] == ["changed", "unaffected", "unaffected"]


def test_each_cause_is_named() -> None:
    stamp = FIRST.stamp
    assert stamp is not None
    other = {**stamp["columns"], "a": "other"}
    for former, because in (
        (Former({**stamp, "library": "other"}), LIBRARY),
        (Former({**stamp, "engine": "1.4.0"}), "DuckDB 1.5.5 instead of 1.4.0"),
        (Former({**stamp, "packages": {"pandas": "1.0"}}), "its lock: pandas none instead of 1.0"),
        (Former({**stamp, "columns": other}), "the types of its inputs"),
        (Former({**stamp, "columns": other, "reads": {"old": ""}}), "the definition of the source old, raw"),
        (Former(None, "its version was published without fingerprints"), "its version was published without"),
        (Former(stamp, "", ("K101 a column is removed",)), "its contract: K101 a column is removed"),
        (Former(stamp, regrouped=True), "its contract: other partitions"),
    ):
        found = verdicts(first=former)["x/first"]
        assert found.change == "changed"
        assert found.because[0].startswith(because.split(",")[0]), found.because


def test_a_change_of_the_contract_alone_concerns_no_reader() -> None:
    found = verdicts(first=Former(FIRST.stamp, "", ("K301 a column is described",)))
    assert [found[name].change for name in MESH] == ["changed", "unaffected", "unaffected"]


def test_a_product_without_a_version_is_made_with_its_readers() -> None:
    before = {name: same(now) for name, now in MESH.items() if name != "x/first"}
    found = impact(MESH, before)
    assert found["x/first"].because == (NEVER,)
    assert found["x/reader"].change == "affected"


def test_a_location_that_does_not_show_its_maker_is_never_unaffected() -> None:
    found = impact({"x/first": Current("function")}, {"x/first": same(FIRST)})
    assert found["x/first"].change == "changed"


def test_python_that_opens_what_cannot_be_seen_is_only_assumed() -> None:
    now = current(maker("raw", outside=("open",)), prints({}, a={}, b={}))
    found = impact(
        {**MESH, "x/first": now}, {"x/first": same(now), "x/reader": same(READER), "x/last": same(LAST)}
    )
    assert found["x/first"].change == "assumed"
    assert found["x/first"].because == ("its function calls open",)
    assert found["x/last"].because == ("x/reader is only assumed unaffected",)


def test_a_value_that_differs_at_each_run_is_only_assumed() -> None:
    assert FIRST.prints is not None
    now = replace(FIRST, prints=replace(FIRST.prints, unstable=("now()",)))
    assert impact({"x/first": now}, {"x/first": same(FIRST)})["x/first"].change == "assumed"


def test_an_input_that_was_published_again_concerns_those_that_use_what_differs() -> None:
    behind = {"x/first": (Moved(columns=frozenset("b")), ", which was published again as version 9")}
    found = verdicts(reader=Former(READER.stamp, behind=behind))
    assert found["x/reader"].because == ("columns b of x/first, which was published again as version 9",)
    assert found["x/reader"].certain, "the run makes it, although no input is made again"
    unused = {"x/first": (Moved(columns=frozenset({"unread"})), "")}
    assert verdicts(reader=Former(READER.stamp, behind=unused))["x/reader"].change == "unaffected"


def test_only_the_partitions_that_older_code_made_are_made_again() -> None:
    old = moved(FIRST, a="other")
    found = verdicts(
        first=[
            replace(Former(FIRST.stamp), partitions=("2024-01-03",)),
            replace(old, partitions=("2024-01-01",)),
        ]
    )
    assert found["x/first"].partitions == ("2024-01-01",)
    assert verdicts(first=[replace(old, partitions=None)])["x/first"].partitions is None


def test_products_on_a_cycle_are_judged_too() -> None:
    mesh = {
        "x/a": current(maker("x/b"), prints({"x/b": ()}, a={})),
        "x/b": current(maker("x/a"), prints({"x/a": ()}, a={})),
    }
    assert set(impact(mesh, {name: same(now) for name, now in mesh.items()})) == {"x/a", "x/b"}
