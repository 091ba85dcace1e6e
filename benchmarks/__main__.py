"""``python -m benchmarks [--rounds N] [commands | validation | definitions | ...]``."""

from __future__ import annotations

import argparse
import sys

from benchmarks import (
    commands,
    concurrency,
    definitions,
    differing,
    fingerprints,
    inference,
    masking,
    mesh_stage,
    operations,
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
from benchmarks.command import parsed, run_all

BENCHMARKS = {
    "commands": commands.measure,
    "validation": validation.measure,
    "definitions": definitions.measure,
    "differing": differing.measure,
    "fingerprints": fingerprints.measure,
    "mesh_stage": mesh_stage.measure,
    "operations": operations.measure,
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
    options = parsed(argparse.ArgumentParser(prog="python -m benchmarks"), [*BENCHMARKS])
    return run_all(BENCHMARKS, options.benchmarks, options.rounds)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
