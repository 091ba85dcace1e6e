"""``mesh keys``: the keys of masked twins by their fingerprints, and their rotation."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from platform_core.cli.exit_status import OK
from platform_core.cli.grammar import one_of
from platform_core.cli.output import answer
from platform_core.cli.table import print_table
from platform_core.diagnostics import UsageError
from platform_core.lake.damage import newest_versions
from platform_core.lake.lakes import current_lakes
from platform_core.lake.location import LakeLocation
from platform_core.masking.keys import KeyRing
from platform_core.masking.publish import keys_of
from platform_core.registry.lookup import Registry
from platform_core.settings import mesh_root
from platform_core.words import did_you_mean, listed

STATES = {None: "never published", True: "current", False: "hashed with another key"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        type=one_of("ACTION", ("list", "rotate")),
        default="list",
        metavar="ACTION",
        help="list (default), or rotate one key",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="the key to rotate")


def run(options: argparse.Namespace) -> int:
    root = mesh_root()
    ring, location = KeyRing.current(root), current_lakes(root)
    registry = Registry.open(root)
    named, faults = _named(registry)
    if options.action == "rotate":
        _rotate(options.name, ring, named)
    elif options.name is not None:
        message, fix = f'unexpected argument "{options.name}"', f"`mesh keys rotate {options.name}`"
        raise UsageError.of("U091", message, expected="mesh keys", fix=fix)
    keys = _facts(named, ring, registry, location)
    status = answer(options, root, {"keys": keys}, lambda: _print(keys), faults)
    # A rotation has succeeded even if other contracts are broken.
    return status if options.action == "list" else OK


def _named(registry: Registry) -> tuple[dict[str, list[str]], Sequence[Any]]:
    products, faults = registry.scan()
    named: dict[str, list[str]] = {}
    for product in products:
        for key in keys_of(product) if product.twin_of else ():
            named.setdefault(key, []).append(product.id)
    return named, [fault for fault in faults if fault.severity == "error"]


def _rotate(name: str | None, ring: KeyRing, named: Mapping[str, Sequence[str]]) -> None:
    known = sorted({*named, *ring.names()})
    if name not in known:
        raise UsageError.of(
            "U090",
            f'no key is named "{name}"' if name else "the name of a key is missing",
            expected=f"one of {listed(known)}" if known else "a key that a contract names in a mask",
            fix=(did_you_mean(name, known) if name else None) or "`mesh keys` lists the keys.",
        )
    ring.rotate(name)


def _facts(
    named: Mapping[str, Sequence[str]], ring: KeyRing, registry: Registry, location: LakeLocation
) -> list[dict[str, Any]]:
    """Each key with its masked twins; ``current`` is None for a twin that was never published."""
    products = [registry.get(name) for name in sorted({twin for twins in named.values() for twin in twins})]
    published, _ = newest_versions(location, products)
    facts = []
    for name in sorted({*named, *ring.names()}):
        key, twins = ring.find(name), list[dict[str, Any]]()
        mark = key.fingerprint if key is not None else None
        for twin in named.get(name, ()):
            version = published.get(twin)
            made_under = version.keys.get(name) if version is not None else None
            current = None if version is None else mark is not None and made_under == mark
            twins.append({"product": twin, "fingerprint": made_under, "current": current})
        since = key.made_at if key is not None else None
        facts.append({"key": name, "fingerprint": mark, "since": since, "twins": twins})
    return facts


def _print(keys: Sequence[Mapping[str, Any]]) -> None:
    if not keys:
        print("No contract names a key: no product is hashed.")
        return
    rows = []
    for key in keys:
        since = f"{key['since']:%Y-%m-%d %H:%M}" if key["since"] else "-"
        cells = [key["key"], key["fingerprint"] or "not made yet", since]
        for twin in key["twins"] or [None]:
            used = [twin["product"], STATES[twin["current"]]] if twin else ["-", "no contract names it"]
            rows.append([*cells, *used])
            cells = ["", "", ""]
    print_table(("key", "fingerprint", "since", "masked twin", "is"), rows)
    stale = [twin["product"] for key in keys for twin in key["twins"] if twin["current"] is False]
    if stale:
        print(f"\nHash them with the current key: mesh run {' '.join(dict.fromkeys(stale))}")
