"""``mesh format``: write contracts in the form of ``mesh infer``."""

from __future__ import annotations

import argparse

from platform_core.authoring.contract_format import formatted
from platform_core.cli.documents import relative
from platform_core.cli.exit_status import FAILED, OK
from platform_core.cli.output import answer, note
from platform_core.diagnostics import ContractError, Diagnostic, shown
from platform_core.files import write_files
from platform_core.registry.lookup import Registry
from platform_core.registry.typed_names import product_id
from platform_core.settings import mesh_root


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "products", metavar="PRODUCT", nargs="*", help="such as sales/transactions; default: all"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something would change")


def run(options: argparse.Namespace) -> int:
    """Format contracts, or list those to format. A contract that cannot be read stays unchanged."""
    root = mesh_root()
    registry = Registry.open(root)
    known = registry.names()
    names = [product_id(name, known) for name in options.products] or known
    # A masked twin has the contract of its parent.
    paths = tuple(dict.fromkeys(registry.path(name) for name in names))
    changed, broken, faults = {}, 0, list[Diagnostic]()
    for path in paths:
        try:
            form = formatted(path)
        except ContractError as error:
            broken += 1
            faults += error.diagnostics
            continue
        if form != path.read_text(encoding="utf-8"):
            changed[path] = form
    if not options.check:
        write_files(changed)
    text = "\n".join(f"{'would format' if options.check else 'formatted'} {shown(path)}" for path in changed)
    if options.format == "table":
        note(options, f"{len(paths) - len(changed) - broken} of {len(paths)} contracts already formatted")
    names_changed = [relative(path, root) for path in changed]
    facts = {"written": not options.check, "contracts": len(paths), "changed": names_changed}
    return answer(options, root, facts, text, faults) or (FAILED if options.check and changed else OK)
