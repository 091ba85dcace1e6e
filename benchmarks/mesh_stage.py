"""The judgement of a generated mesh, from the JSON of its locations: seconds, memory, growth."""

from __future__ import annotations

import gc
import json
import sys
import time
from datetime import date
from pathlib import Path

from benchmarks.generated import product, write_domain, write_federation
from benchmarks.measure import environ, fresh_home, module, run
from benchmarks.report import Aim, Section, peak, timed, used

PRODUCTS = 100
SIZES = (10, 100)


def measure(rounds: int) -> Section:
    """Run each size in turn; each domain reads from the one before it."""
    runs = {}
    with fresh_home() as home:
        for size in SIZES:
            folder = home / str(size)
            folder.mkdir()
            around = environ(home) | {"MESH_ROOT": str(folder)}
            run(module("mesh_stage", "write", str(folder), str(size)), around)
        for size in SIZES:
            command = module("mesh_stage", "judge", str(home / str(size)))
            around = environ(home) | {"MESH_ROOT": str(home / str(size))}
            runs[size] = [run(command, around) for _ in range(rounds)]
    small, large = (runs[size] for size in SIZES)
    return Section(
        title=f"The mesh stage over {SIZES[-1]} domains x {PRODUCTS} products ({rounds} runs each, medians)",
        aims=[
            Aim("10,000 products", timed(large), at_most=5, unit=" s"),
            Aim("10,000 products", peak(large) / 1000, at_most=1, unit=" GB"),
            # CPU time, because the small mesh takes a tenth of a second, which other processes disturb.
            Aim("10 times the products / processor time", used(large) / used(small), at_most=11),
        ],
        columns=("products", "seconds", "processor, s", "peak MB"),
        rows=[(size * PRODUCTS, timed(each), used(each), peak(each)) for size, each in runs.items()],
    )


def write(folder: Path, size: int) -> None:
    """The JSON of every location. One comes from contracts and functions, the others are copies of it."""
    from platform_core.governance.collect import collect
    from platform_core.governance.facts_document import to_document
    from platform_core.products.makers.domain import read_domain

    names = [f"domain{number:03d}" for number in range(size)]
    write_federation(folder, names)
    write_domain(folder, "domain001", PRODUCTS, ["domain002"], f"domain000/{product(0)}")
    sys.path.insert(0, str(folder / "domains" / "domain001" / "src"))
    facts = to_document(collect(read_domain("domain001"), sql=True), folder)
    text = json.dumps(facts, separators=(",", ":"))
    for number, name in enumerate(names):
        before, after = (f"domain{(number + step) % size:03d}" for step in (-1, 1))
        words = text.replace("domain001", "<own>").replace("domain000", "<before>")
        words = words.replace("domain002", after).replace("<own>", name).replace("<before>", before)
        if number == 0:
            # The first domain reads no other, because the mesh would be a cycle.
            first = json.loads(words)
            for factory in first["factories"]:
                factory["inputs"] = [
                    read for read in factory.get("inputs", []) if read["product"].startswith(name)
                ]
            words = json.dumps(first, separators=(",", ":"))
        (folder / f"{name}.json").write_text(words)


def judge_all(folder: Path) -> dict[str, float]:
    """The work of `mesh validate` after introspection."""
    from platform_core.governance.facts import MeshFacts
    from platform_core.governance.facts_document import from_document
    from platform_core.governance.judge import judge
    from platform_core.governance.policy_set import load_policies
    from platform_core.source.federation import read_federation

    gc.disable()
    began, used = time.perf_counter(), time.process_time()
    files = sorted(folder.glob("domain*.json"))
    locations = tuple(from_document(json.loads(file.read_bytes()), folder) for file in files)
    read = time.perf_counter()
    mesh = MeshFacts(locations, read_federation(folder))
    found = judge(mesh, load_policies(folder, [location.domain for location in locations]), date.today())
    ended = time.perf_counter()
    if found.errors:
        raise SystemExit("\n\n".join(error.render() for error in found.errors[:5]))
    return {
        "seconds": ended - began,
        "reading": read - began,
        "judging": ended - read,
        "processor": time.process_time() - used,
    }


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        print(json.dumps(judge_all(Path(sys.argv[2]))))
