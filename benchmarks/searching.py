"""Searching among ten thousand products, compared with listing them all."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.generated import write_federation
from benchmarks.measure import MESH, environ, fresh_home, run
from benchmarks.report import Aim, Section, peak, processor, seconds

PRODUCTS = 10_000
DOMAINS = [f"domain{number:02d}" for number in range(20)]
WORDS = 20_000
CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: {domain}/{name}
version: 1.0.0
status: active
tags: [{tag}]
description: {{purpose: "One row per {about}.", usage: "Join it by {about}.", limitations: "No {about}."}}
team: {{name: {domain}-team}}
roles: [{{role: analysts, access: read}}]
slaProperties: [{{property: retention, value: 1, unit: y}}]
schema:
  - name: {name}
    properties:
      - {{name: {first}_id, logicalType: integer, primaryKey: true, classification: internal}}
      - {{name: {second}, logicalType: string, classification: internal, description: "The {about}."}}
      - {{name: {third}_at, logicalType: timestamp, classification: internal, description: "When {about}."}}
"""


def measure(rounds: int) -> Section:
    """Search twice for each name, misspelt: the first call makes the index."""
    with fresh_home() as home:
        root = home / "mesh"
        names = write(root)
        around = environ(home) | {"MESH_ROOT": str(root)}
        wanted = random.Random(2).sample(names, 5)
        first = run([str(MESH), "products", "--search", wanted[0]], around)
        fresh = []
        for name in wanted * rounds:
            domain, _, product = name.partition("/")
            wrong = product[:2] + product[3] + product[2] + product[4:]
            searched = run([str(MESH), "-q", "products", "--search", f"{domain} {wrong}"], around)
            fresh.append(searched)
        listing = run([str(MESH), "-q", "products"], around)
    ways = [("search, first call", [first]), ("search", fresh), ("mesh products", [listing])]
    return Section(
        title=f"Searching {PRODUCTS:,} products ({len(fresh)} searches, medians)",
        aims=[
            Aim("mesh products --search, processor", processor(fresh), at_most=0.5, unit=" s"),
            Aim("search / listing, processor", processor(fresh) / processor([listing]), at_most=0.1),
        ],
        columns=("way", "seconds", "processor, s", "peak MB"),
        rows=[(way, seconds(each), processor(each), peak(each)) for way, each in ways],
    )


def write(root: Path) -> list[str]:
    """Write a mesh of contracts with twenty thousand different words; returns the ids of its products."""
    root.mkdir()
    write_federation(root, DOMAINS)
    chance = random.Random(1)
    syllables = [first + second for first in "bcdfglmnprstvw" for second in "aeiou"]
    words = sorted({"".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(3 * WORDS)})
    words = chance.sample(words, WORDS)
    names = []
    for number in range(PRODUCTS):
        domain = DOMAINS[number % len(DOMAINS)]
        first, second, third, tag, *about = chance.choices(words, k=10)
        name = f"{first}_{second}_{number}"
        text = CONTRACT.format(
            domain=domain, name=name, first=first, second=second, third=third, tag=tag, about=" ".join(about)
        )
        file = root / "domains" / domain / "contracts" / f"{name}.odcs.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        names.append(f"{domain}/{name}")
    return names
