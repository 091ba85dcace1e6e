"""The one command of benchmarks: run those that are asked for, print and write their tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks.measure import BenchmarkFailed
from benchmarks.report import Section, text, write

Benchmark = Callable[[int], Section | Sequence[Section]]
"""Takes the runs of each variant."""


def parsed(parser: argparse.ArgumentParser, names: Sequence[str]) -> argparse.Namespace:
    """The options of a command; an unknown benchmark ends the process with code 2."""
    parser.add_argument("--rounds", type=int, default=3, help="runs of each variant (default 3)")
    parser.add_argument("benchmarks", nargs="*", metavar="BENCHMARK", help=", ".join(names))
    options = parser.parse_args()
    if unknown := set(options.benchmarks) - set(names):
        parser.error(f"unknown benchmark {', '.join(sorted(unknown))}; known: {', '.join(names)}")
    return options


def run_all(known: Mapping[str, Benchmark], chosen: Sequence[str], rounds: int) -> int:
    """Run benchmarks one after the other; returns the exit code, 1 if one of them failed."""
    sections: list[Section] = []
    failed = False
    for name in chosen or known:
        print(f"Measuring {name} ...", file=sys.stderr, flush=True)
        try:
            found = known[name](rounds)
        except BenchmarkFailed as error:
            print(f"\n{name}: {error}\n", file=sys.stderr)
            failed = True
            continue
        found = [found] if isinstance(found, Section) else found
        sections += found
        for section in found:
            print(f"\n{text(section)}\n", flush=True)
    if sections:
        print(f"All figures: {write(sections)}")
    return 1 if failed else 0
