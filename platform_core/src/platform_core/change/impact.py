"""The products whose data may differ after a change, by column: a pure function of two states of the mesh.

A column may differ if its own fingerprint moved, if it uses a column of an input that may differ, or if an
input that it uses may have other rows. Other rows concern all columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from platform_core.fingerprint.made_from import MadeFrom, QueryPrint, Uses
from platform_core.graph import ordered
from platform_core.words import listed

Kind = Literal["changed", "affected", "assumed", "unaffected"]
Mark = Literal["new", "code", "inputs", "partitions", "contract"]
WORDS: Final = {"function": "its function", "dbt": "its dbt model", "masked": "its masks"}
LIBRARY: Final = "platform_core has other sources"
NEVER: Final = "it was never made"
NEW: Final = "it is new"
CONTRACT: Final = "its contract: "
REGROUPED: Final = f"{CONTRACT}other partitions"
SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class Moved:
    """Data of a product that may differ: its rows, which means all columns, or some columns."""

    rows: bool = False
    columns: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.rows or bool(self.columns)


@dataclass(frozen=True, slots=True)
class Former:
    """A product as it was published, or in the base. ``stamp`` is None where it is unknown, for the reason
    ``unknown``."""

    stamp: Mapping[str, Any] | None
    unknown: str = ""
    contract: tuple[str, ...] = ()
    """The changes of the contract since then, in words, without neutral ones."""
    regrouped: bool = False
    """Whether its partitions changed."""
    behind: Mapping[str, tuple[Moved, str]] = field(default_factory=dict)
    """Inputs with a newer version than it was made from, and what differs."""
    partitions: tuple[str, ...] | None = None
    """The partitions that this state is of; None: all."""

    def moved_before(self) -> Iterator[tuple[str, Moved]]:
        """The inputs that have a newer version, and what differs."""
        return ((name, moved) for name, (moved, _) in self.behind.items())


@dataclass(frozen=True, slots=True)
class Current:
    """A product as its location has it now. ``parts`` is None where the location does not show them."""

    kind: str
    stamp: Mapping[str, Any] | None = None
    parts: MadeFrom | None = None
    prints: QueryPrint | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The effect on one product."""

    product: str
    change: Kind
    own: tuple[str, ...]
    """Its own causes, or the doubts about a product that is assumed unaffected."""
    inputs: tuple[str, ...]
    """The changes of its inputs that it uses."""
    moved: Moved
    partitions: tuple[str, ...] | None = None
    """The partitions to make; None: all."""
    certain: bool = True
    """Whether a run makes it even if its inputs turn out to be equal."""

    @property
    def because(self) -> tuple[str, ...]:
        return (*self.own, *self.inputs)

    @property
    def mark(self) -> Mark | None:
        """The kind of the change in one word, by its first cause; None without a change."""
        if self.change in ("assumed", "unaffected"):
            return None
        kinds = ["contract" if cause.startswith(CONTRACT) else "code" for cause in self.own]
        if set(self.own) & {NEVER, NEW}:
            return "new"
        if REGROUPED in self.own:
            return "partitions"
        return "code" if "code" in kinds else "contract" if kinds else "inputs"


def impact(
    now: Mapping[str, Current], before: Mapping[str, Sequence[Former]], absent: str = NEVER
) -> dict[str, Verdict]:
    """The verdict on each product, each after its inputs. ``before`` has several states of a product whose
    partitions were made by different code, and none of a new product; ``absent`` are the words for that."""
    edges = {product: [name for name in _inputs(each) if name in now] for product, each in now.items()}
    order = ordered(edges)
    found: dict[str, Verdict] = {}
    for product in (*order, *sorted(now.keys() - set(order))):
        states = before.get(product, ())
        found[product] = (
            _verdict(product, now[product], states, found)
            if states
            else Verdict(product, "changed", (absent,), (), Moved(rows=True))
        )
    return found


def _verdict(product: str, now: Current, before: Sequence[Former], known: Mapping[str, Verdict]) -> Verdict:
    causes, reasons, moved = dict[str, None](), dict[str, None](), Moved()
    keys: set[str] | None = set()
    for former in before:
        own = list(_own_causes(now, former))
        inputs = list(_input_causes(now, former, known))
        part = union([own_moved for _, own_moved in own] + [moved for _, moved in inputs])
        causes |= dict.fromkeys(words for words, _ in own)
        if not any(own_moved.rows for _, own_moved in own):  # else its inputs change nothing more
            reasons |= dict.fromkeys(words for words, _ in inputs)
        moved = union([moved, part])
        if own or inputs:
            keys = None if keys is None or former.partitions is None else keys | {*former.partitions}
    partitions = tuple(sorted(keys)) if keys else None
    if causes:
        return Verdict(product, "changed", tuple(causes), tuple(reasons), moved, partitions)
    if reasons:
        certain = any(_hit(now, *each)[0] for former in before for each in former.moved_before())
        return Verdict(product, "affected", (), tuple(reasons), moved, partitions, certain)
    if doubts := tuple(dict.fromkeys(_doubts(now, known))):
        return Verdict(product, "assumed", doubts, (), Moved())
    return Verdict(product, "unaffected", (), (), Moved())


def _own_causes(now: Current, before: Former) -> Iterator[tuple[str, Moved]]:
    """The causes of a product's own, with the data that each may change."""
    every = Moved(rows=True)
    for words in before.contract:
        yield f"{CONTRACT}{words}", Moved()
    if before.regrouped:
        yield REGROUPED, every
    if before.stamp is None:
        yield before.unknown, every
        return
    if now.stamp is None or now.prints is None or now.parts is None:
        yield "its location does not show what it is made from", every
        return
    old, new = before.stamp, now.stamp
    if old["library"] != new["library"]:
        yield LIBRARY, every
    if old["engine"] != new["engine"] and old["engine"] and new["engine"]:
        yield f"DuckDB {new['engine']} instead of {old['engine']}", every
        return
    if locked := list(_other_packages(old["packages"], new["packages"])):
        yield f"its lock: {listed(locked, SHOWN)}", every
    columns = {
        name
        for name in {*old["columns"], *new["columns"]}
        if old["columns"].get(name) != new["columns"].get(name)
    }
    if moved := Moved(old["rows"] != new["rows"], frozenset(columns)):
        reads = {*old["reads"].items()} ^ {*new["reads"].items()}
        sources = sorted({name for name, _ in reads})
        parts = [f"the definition of the source {name}" for name in sources if not _is_input(name, now)]
        if any(_is_input(name, now) for name in sources) or old["text"] != new["text"]:
            parts.insert(0, WORDS[now.kind])
        yield listed(parts or ["the types of its inputs"]), moved


def _is_input(name: str, now: Current) -> bool:
    # The way in which a product is read is a part of the function.
    return now.parts is not None and name in _inputs(now)


def _other_packages(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"{name} {new.get(name) or 'none'} instead of {old.get(name) or 'none'}"


def _input_causes(now: Current, before: Former, known: Mapping[str, Verdict]) -> Iterator[tuple[str, Moved]]:
    """The changes of its inputs, with the data of the product that each may change."""
    if now.prints is None or now.parts is None:
        return
    for name in _inputs(now):
        verdict = known.get(name)
        changes = [(verdict.moved, "")] if verdict is not None else []
        for moved, words in (*changes, *([before.behind[name]] if name in before.behind else [])):
            hit, used = _hit(now, name, moved)
            if hit:
                what = f"columns {listed(sorted(used), SHOWN)}" if used else "the rows"
                yield f"{what} of {name}{words}", hit


def _hit(now: Current, name: str, moved: Moved) -> tuple[Moved, set[str]]:
    """The data that a change of an input may change, and the columns of the input through which it does."""
    assert now.prints is not None
    used: set[str] = set()

    def reached(uses: Uses) -> bool:
        if name not in uses:
            return False
        met = moved.columns & set(uses[name])
        used.update(met)
        return moved.rows or bool(met)

    rows = reached(now.prints.rows.uses)
    columns = frozenset(column for column, each in now.prints.columns.items() if reached(each.uses))
    return Moved(rows, columns), set() if moved.rows else used


def _doubts(now: Current, known: Mapping[str, Verdict]) -> Iterator[str]:
    """The reasons for which a product without a cause might still differ."""
    if now.parts is not None and now.parts.outside:
        yield f"its function calls {listed(sorted(now.parts.outside), SHOWN)}"
    if now.prints is not None and now.prints.unstable:
        yield f"{listed(now.prints.unstable)} may have another value at each run"
    for name in _inputs(now):
        if name in known and known[name].change == "assumed":
            yield f"{name} is only assumed unaffected"


def _inputs(now: Current) -> list[str]:
    """The products that it reads."""
    if now.parts is None:
        return []
    return sorted({table.source for table in now.parts.tables if not table.outside})


def union(parts: Iterable[Moved]) -> Moved:
    """The data that any of the parts has."""
    rows, columns = False, frozenset[str]()
    for part in parts:
        rows, columns = rows or part.rows, columns | part.columns
    return Moved(rows, columns)
