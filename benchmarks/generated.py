"""A domain with any number of governed products, with realistic contracts and functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: {domain}/{name}
version: 1.0.0
status: active
tags: [generated]
description:
  purpose: "**One row per visit** of the {name} counter, as the tills delivered it."
  usage: Join it by visit_id.
  limitations: Returns are not in it.
team: {{name: {domain}-team}}
roles: [{roles}]
slaProperties:
  - {{property: latency, value: {days}, unit: d}}
  - {{property: retention, value: 1, unit: y}}
schema:
  - name: {name}
    properties:
      - name: visit_id
        logicalType: integer
        primaryKey: true
        classification: internal
        description: Visit.
      - name: store_id
        logicalType: integer
        required: true
        classification: internal
        description: Store.
      - name: visited_at
        logicalType: timestamp
        required: true
        classification: internal
        description: When.
      - name: channel
        logicalType: string
        classification: internal
        enum: [{{value: till}}, {{value: web}}]
        description: Where.
      - name: lines
        logicalType: integer
        logicalTypeOptions: {{minimum: 1}}
        classification: internal
        description: Lines.
      - name: value
        logicalType: number
        logicalTypeOptions: {{minimum: 0}}
        classification: internal
        description: Dollars.
      - name: discount
        logicalType: number
        classification: internal
        description: Dollars off.
      - name: note
        logicalType: string
        logicalTypeOptions: {{maxLength: 200}}
        classification: internal
        description: Note.
    quality:
      - {{metric: rowCount, mustBeGreaterThan: 0}}
"""
FUNCTION = """

@data_product(inputs={{{inputs}}})
def {name}({arguments}) -> pa.Table:
    raise NotImplementedError("no product of this domain is ever made")
"""
LINKS = 10
"""Products in a chain."""


def product(number: int) -> str:
    return f"counter_{number:04d}"


def write_domain(root: Path, domain: str, products: int, readers: Sequence[str], source: str | None) -> None:
    """Write a domain with chains of ten products. The last of each chain also reads ``source``, a product of
    another domain. Every product is granted to every reader."""
    folder, chains = root / "domains" / domain, products // LINKS
    package, contracts = folder / "src" / domain, folder / "contracts"
    package.mkdir(parents=True)
    contracts.mkdir()
    (package / "__init__.py").write_text(f'"""The domain {domain}."""\n')
    code = ["import pyarrow as pa\n\nfrom platform_core import Input, Table, data_product\n"]
    roles = ", ".join(f'{{role: "domain:{reader}", access: read}}' for reader in readers)
    for number in range(products):
        name = product(number)
        # Ages add up along a chain, so each product promises the sum of those before it.
        text = CONTRACT.format(domain=domain, name=name, roles=roles, days=2 ** (number // chains))
        (contracts / f"{name}.odcs.yaml").write_text(text)
        reads = {"visits": f"{domain}/{product(number - chains)}"} if number >= chains else {}
        if source is not None and number >= products - chains:
            reads["others"] = source
        inputs = ", ".join(
            f'"{key}": Input("{read}", columns=("visit_id", "value"))' for key, read in reads.items()
        )
        arguments = ", ".join(f"{key}: Table" for key in reads)
        code.append(FUNCTION.format(name=name, inputs=inputs, arguments=arguments))
    (package / "products.py").write_text("".join(code))


def write_federation(root: Path, domains: Sequence[str]) -> None:
    """Write a workspace file and the teams of the domains."""
    (root / "workspace.yaml").write_text("load_from: []\n")
    governance = root / "governance"
    governance.mkdir()
    teams = "\n".join(
        f"  {domain}-team: {{domain: {domain}, email: {domain}@example.com, channels: [{{channel: help}}], "
        f"members: [{{role: owner, email: owner-{domain}@example.com}}]}}"
        for domain in domains
    )
    (governance / "teams.yaml").write_text(f"teams:\n{teams}\n")
