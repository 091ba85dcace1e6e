"""``mesh remove``: show what goes with a domain or a product, and remove it with ``--apply``."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from platform_core.cli.grammar import one_of
from platform_core.cli.output import answer
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, PlatformError
from platform_core.lake.lakes import current_lakes
from platform_core.lake.location import RESTRICTED
from platform_core.masking.publish import keys_of
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import domain_name, product_id
from platform_core.settings import mesh_root
from platform_core.source.federation import read_federation
from platform_core.source.workspace import read_locations
from platform_core.workspace.introspection.readers import reads
from platform_core.workspace.removal import state, tree


def arguments(parser: argparse.ArgumentParser) -> None:
    kinds = ("domain", "product")
    parser.add_argument("kind", type=one_of("KIND", kinds), metavar="KIND", help="domain or product")
    parser.add_argument("name", metavar="NAME", help="such as travel, or sales/returns for a product")
    parser.add_argument(
        "--apply", action="store_true", help="remove it; without it, mesh only shows what goes"
    )


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    registry = Registry.open(root)
    if options.kind == "domain":
        name = domain_name(options.name, _domains(root, registry))
        products = [each for each in registry.names() if each.domain == name and registry.is_own(name)]
        faults = [*_readers(root, products, name)]
        change, steps = tree.of_domain(root, name), [*state.of_domain(root, name)]
    else:
        name = _product(options.name, root, registry)
        products = [name, *_twins(name, registry)]
        faults = [*_readers(root, products)]
        change = tree.of_product(root, name, registry)
        steps = [*state.of_products(root, products, _keys(products, registry))]
    if options.apply and (change.files or change.folders) and (found := tree.dirty(root)):
        faults.append(found)
    gone = [*change.words(), *(step.words for step in steps)]
    done = options.apply and not faults
    if done:
        change.apply()
        for step in steps:
            step.apply()
        tree.sweep(root, name)
    lines = [f"{'removed' if done else 'would remove'} {words}" for words in gone]
    if not gone:
        lines.append(f"Nothing is left of {name}.")
    elif not options.apply and not faults:
        lines += ["", f"Remove it: mesh remove {options.kind} {name} --apply"]
    return answer(
        options, root, {options.kind: name, "removed": done, "gone": gone}, "\n".join(lines), faults
    )


def _domains(root: Path, registry: Registry) -> list[str]:
    """The domains of the tree, and those of which the lakes or shared files still hold something."""
    federation, lakes = read_federation(root), current_lakes(root).root
    known = {*registry.domains(), *federation.representatives}
    known |= {team.domain for team in federation.teams.values() if team.domain}
    known |= {path.name.removesuffix(RESTRICTED) for path in lakes.glob("[a-z]*") if path.is_dir()}
    with suppress(PlatformError):  # the last location may be gone already
        known |= {location.name for location in read_locations(root)}
    left = {path.name.removeprefix(".removed-") for path in root.glob("d*/.removed-*")}
    elsewhere = {each.domain for each in registry.names() if not registry.is_own(each.domain)}
    return sorted((known | left) - elsewhere)


def _product(written: str, root: Path, registry: Registry) -> ProductId:
    """A product with a contract, or one of which the lakes still hold versions."""
    wanted = ProductId.written(written)
    left = wanted.name and wanted not in registry.names() and wanted.domain in _domains(root, registry)
    if left and [*state.of_products(root, [wanted], ())]:
        return wanted
    return product_id(written, [each for each in registry.names() if registry.is_own(each.domain)])


def _twins(product: ProductId, registry: Registry) -> list[ProductId]:
    try:
        masking = registry.get(product).masking
    except PlatformError:
        return []
    return [ProductId.of(product.domain, masking.name)] if masking is not None else []


def _keys(products: Collection[ProductId], registry: Registry) -> set[str]:
    """The keys that only these products are hashed with."""
    every, _ = registry.scan()
    used: dict[bool, set[str]] = {True: set(), False: set()}
    for product in every:
        used[product.id in products] |= set(keys_of(product))
    return used[True] - used[False]


def _readers(root: Path, products: Collection[str], domain: str | None = None) -> Iterable[Diagnostic]:
    """U070 for each input, foreign key or dependency of another product."""
    for read in reads(root, products) if products else ():
        if read.reader not in products and read.domain != domain:
            fix = "Change it or remove it first, with its owner."
            message = f"{read.reader} reads {read.source}"
            yield Diagnostic("U070", message, read.place, "a product or domain without readers", fix)
