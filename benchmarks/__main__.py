"""``python -m benchmarks [--rounds N] [commands | validation | definitions | ...]``."""

from __future__ import annotations

import argparse
import sys

from benchmarks import (
    commands,
    concurrency,
    definitions,
    inference,
    masking,
    mesh_stage,
    publication,
    sealed,
    searching,
    sources,
    stream,
    tpch,
    validation,
    whole_mesh,
    yielded,
)
from benchmarks.measure import BenchmarkFailed
from benchmarks.report import text, write

BENCHMARKS = {
    "commands": commands.measure,
    "validation": validation.measure,
    "definitions": definitions.measure,
    "mesh_stage": mesh_stage.measure,
    "publication": publication.measure,
    "searching": searching.measure,
    "inference": inference.measure,
    "masking": masking.measure,
    "sealed": sealed.measure,
    "sources": sources.measure,
    "concurrency": concurrency.measure,
    "stream": stream.measure,
    "tpch": tpch.measure,
    "whole_mesh": whole_mesh.measure,
    "yielded": yielded.measure,
}


def main() -> int:
    """Run the benchmarks one after the other, print and write their tables; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each variant (default 3)")
    parser.add_argument("benchmarks", nargs="*", metavar="BENCHMARK", help=", ".join(BENCHMARKS))
    options = parser.parse_args()
    if unknown := set(options.benchmarks) - BENCHMARKS.keys():
        parser.error(f"unknown benchmark {', '.join(sorted(unknown))}; known: {', '.join(BENCHMARKS)}")
    sections, failed = [], False
    for name in options.benchmarks or BENCHMARKS:
        print(f"Measuring {name} ...", file=sys.stderr, flush=True)
        try:
            section = BENCHMARKS[name](options.rounds)
        except BenchmarkFailed as error:
            print(f"\n{name}: {error}\n", file=sys.stderr)
            failed = True
            continue
        sections.append(section)
        print(f"\n{text(section)}\n", flush=True)
    if sections:
        print(f"All figures: {write(sections)}")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
