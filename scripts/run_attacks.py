"""Run every attack of the tests, and print the attackers with the numbers of their attempts and successes.

Each attacker runs with all walls, and with each wall off in turn. Successes without a wall show what this
wall stops; zeros show that another wall stops it too. The exit status is 1 if an attack succeeds against all
walls. A run takes half an hour or more; ``--most N`` limits the attempts of each attacker.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
Attempts = Callable[[Path, tuple[str, ...], int | None], Iterable[tuple[str, bool]]]
ATTACKERS = ("queries", "contracts", "functions", "dbt")


def attackers() -> Iterator[tuple[str, Attempts, tuple[str, ...]]]:
    """The attackers with their attempts and walls."""
    for name in ATTACKERS:
        module = importlib.import_module(f"attack.{name}")
        yield name, module.attempts, module.WALLS
    texts = importlib.import_module("attack.contracts").texts
    yield "texts of contracts", texts, ()
    web = importlib.import_module("attack.web").attempts

    def requests(_: Path, walls: tuple[str, ...], most: int | None) -> list[tuple[str, bool]]:
        found: list[tuple[str, bool]] = web(gate="gate" in walls)
        return found[:most]

    yield "web", requests, ("gate",)


def row(name: str, walls: str, found: list[tuple[str, bool]]) -> str:
    return f"{name:<20} {walls:<24} {len(found):>8} {sum(came for _, came in found):>8}"


def main() -> int:
    """Run all attackers; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--most", type=int, help="maximum attempts of each attacker")
    parser.add_argument("attacker", nargs="*", help="run only these attackers")
    words = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "platform_core" / "tests")]
    warnings.simplefilter("ignore")
    logging.disable()
    through: list[str] = []
    print(f"{'attacker':<20} {'wall off':<24} {'attempts':>8} {'through':>8}")
    for name, attempts, walls in attackers():
        if words.attacker and name not in words.attacker:
            continue
        every = [(), *((wall,) for wall in walls), *([walls] if len(walls) > 1 else [])]
        for off in every:
            standing = tuple(wall for wall in walls if wall not in off)
            with tempfile.TemporaryDirectory() as folder:
                found = list(attempts(Path(folder) / "box", standing, words.most))
            called = "none" if not off else "all" if off == walls and len(walls) > 1 else ", ".join(off)
            print(row(name if not off else "", called, found), flush=True)
            if not off:
                through += [f"{name}: {attempt}" for attempt, came in found if came]
    for attempt in through:
        print(f"came through: {attempt}", file=sys.stderr)
    return 1 if through else 0


if __name__ == "__main__":
    sys.exit(main())
