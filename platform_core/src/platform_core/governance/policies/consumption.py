"""Policies on consumers: grants, fitting partitions, active versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import partitions_read
from platform_core.governance.facts import MeshFacts, Read
from platform_core.governance.policies.ownership import owner_place
from platform_core.governance.policy import Violation, policy
from platform_core.odcs.masked_twin import MASKED

_NESTS: Final = {
    "hour": ("hour",),
    "day": ("day", "hour"),
    "week": ("week", "day", "hour"),
    "month": ("month", "day", "hour"),
}
"""The grids whose partitions add up to one of the grid; weeks do not add up to a month."""


@policy("G302", scope="mesh")
def granted(mesh: MeshFacts) -> Iterator[Violation]:
    for read in mesh.reads:
        product = mesh.known.get(read.source)
        if product is None or product.domain == read.domain:
            continue
        what = "has a foreign key to" if read.kind == "reference" else "reads"
        if product.restricted:
            message = f"{read.reader} {what} {product.id}, which is restricted to {product.domain}"
            fix = f"Ask {product.owned_by or product.domain} for a product without the restricted columns."
            if product.masking is not None:
                fix = f"Read its masked twin, {product.domain}/{product.masking.name}."
            yield Violation(message, read.place, read.reader, "a product that is not restricted", fix)
        elif not product.granted_to(f"domain:{read.domain}"):
            message = f"{read.reader} {what} {product.id}, which does not grant it to {read.domain}"
            expected = f"a grant in {product.path.name}"
            access = MASKED if product.twin_of else "read"
            grant = f'roles: [{{role: "domain:{read.domain}", access: {access}}}]'
            owner = product.owned_by or product.domain
            fix = f"Ask {owner} to add this to {product.path.name}: `{grant}`"
            yield Violation(message, read.place, read.reader, expected, fix)


@policy("G305", scope="mesh")
def partitions_map(mesh: MeshFacts) -> Iterator[Violation]:
    for read in mesh.reads:
        product, reader = mesh.known.get(read.source), mesh.products.get(read.reader)
        if read.kind == "input" and product is not None and reader is not None:
            reason = _misfit(read, reader, product)
            if reason is not None:
                message = f"{reader.id} cannot read its partitions from {product.id}: {reason}"
                place = read.place
                if read.partitions is None and reader.partitions is not None:
                    place = reader.partitions.place
                yield Violation(message, place, reader.id, "partitions that the input's partitions add up to")


def _misfit(read: Read, reader: DataProduct, product: DataProduct) -> str | None:
    theirs, ours = product.partitions, reader.partitions
    if theirs is None and read.partitions in ("same", "last"):
        return f'{product.id} has no partitions, but "{read.partitions}" is read'
    if theirs is None or partitions_read(ours, read.partitions, theirs) != "same":
        return None
    if ours is None:
        return "it has no partitions of its own"
    if ours.timezone != theirs.timezone:
        return f"its time zone is {ours.timezone}, the input's {theirs.timezone}"
    if theirs.every not in _NESTS[ours.every]:
        return f"the input's {theirs.every}s do not add up to a {ours.every}"
    if ours.start < theirs.start:
        return f"they begin {ours.start:%Y-%m-%d %H:%M}, the input's {theirs.start:%Y-%m-%d %H:%M}"
    if theirs.end is not None and (ours.end is None or ours.end > theirs.end):
        ours_end = f"{ours.end:%Y-%m-%d %H:%M}" if ours.end else "never"
        return f"they end {ours_end}, the input's {theirs.end:%Y-%m-%d %H:%M}"
    return None


def _reads_of(mesh: MeshFacts, status: str) -> Iterator[Violation]:
    for read in mesh.reads:
        product, reader = mesh.known.get(read.source), mesh.products.get(read.reader)
        # A consumer with the same status need not move.
        if product is not None and product.status == status and (not reader or reader.status != status):
            message = f"{read.reader} reads {product.id} {product.version}, which is {status}"
            yield Violation(message, read.place, read.reader, "an active product")


@policy("G308", scope="mesh", severity="warn")
def deprecated(mesh: MeshFacts) -> Iterator[Violation]:
    yield from _reads_of(mesh, "deprecated")


@policy("G311", scope="mesh")
def retired(mesh: MeshFacts) -> Iterator[Violation]:
    yield from _reads_of(mesh, "retired")


@policy("G309", scope="mesh")
def orphaned(mesh: MeshFacts) -> Iterator[Violation]:
    for product in mesh.products.values():
        team = mesh.federation.teams.get(product.owner or "")
        if team is not None and not team.members:
            message = f"the team {team.slug}, which owns {product.id}, has no members"
            yield Violation(message, owner_place(product), product.id, f"members at {team.place}")
