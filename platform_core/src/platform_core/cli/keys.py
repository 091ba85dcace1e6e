"""``mesh keys``: the keys that masked twins are hashed under, by their fingerprints, and their rotation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_core.cli import FAILED, OK

if TYPE_CHECKING:
    from platform_core.contracts.registry import Registry
    from platform_core.lake.keys import Key, KeyRing
    from platform_core.lake.location import LakeLocation
    from platform_core.lake.versions import Version

STATES = {
    None: "never published",
    True: "current",
    False: "hashed under another key",
}


@dataclass(frozen=True)
class Use:
    """A masked twin that is hashed under a key; ``current`` is None where it was never published."""

    product: str
    fingerprint: str | None
    current: bool | None


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "rotate"), default="list")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the key to rotate")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(options: argparse.Namespace) -> int:
    from platform_core.contracts.registry import Registry
    from platform_core.errors import render
    from platform_core.lake.keys import KeyRing
    from platform_core.lake.location import LakeLocation
    from platform_core.settings import mesh_root

    root = mesh_root()
    ring, location = KeyRing.current(root), LakeLocation.current(root)
    registry = Registry.open(root)
    named, faults = _named(registry)
    if options.action == "rotate":
        _rotate(options.name, ring, named)
    elif options.name is not None:
        raise _unexpected(options.name)
    keys = {name: ring.find(name) for name in sorted({*named, *ring.names()})}
    uses = _uses(named, keys, registry, location)
    if options.json:
        import json

        print(json.dumps(_facts(keys, uses), indent=2, ensure_ascii=False))
    else:
        _print(keys, uses)
    if faults:
        print(f"\n{render(faults)}", file=sys.stderr)
    # What was asked for is done when a key is rotated, whatever other contracts are like.
    return FAILED if faults and options.action == "list" else OK


def _named(registry: Registry) -> tuple[dict[str, list[str]], Sequence[Any]]:
    """The keys that contracts name, with the masked twins that are hashed under each."""
    from platform_core.products.masking import keys_of

    products, faults = registry.scan()
    named: dict[str, list[str]] = {}
    for product in products:
        for key in keys_of(product) if product.twin_of else ():
            named.setdefault(key, []).append(product.id)
    return named, [fault for fault in faults if fault.severity == "error"]


def _rotate(name: str | None, ring: KeyRing, named: Mapping[str, Sequence[str]]) -> None:
    from platform_core.errors import Diagnostic, UsageError
    from platform_core.words import did_you_mean, listed

    known = sorted({*named, *ring.names()})
    if name not in known:
        raise UsageError(
            Diagnostic(
                "U090",
                f'there is no key "{name}"' if name else "no key is named",
                expected=f"one of {listed(known)}" if known else "a key that a contract names in a mask",
                fix=(did_you_mean(name, known) if name else None) or "`mesh keys` lists the keys",
            )
        )
    ring.rotate(name)


def _unexpected(word: str) -> Exception:
    from platform_core.errors import Diagnostic, UsageError

    return UsageError(
        Diagnostic(
            "U091", f'"{word}" is one word too many', expected="mesh keys", fix=f"mesh keys rotate {word}"
        )
    )


def _uses(
    named: Mapping[str, Sequence[str]],
    keys: Mapping[str, Key | None],
    registry: Registry,
    location: LakeLocation,
) -> dict[str, list[Use]]:
    from platform_core.cli.products import with_versions

    products = [registry.get(name) for name in sorted({twin for twins in named.values() for twin in twins})]
    published: dict[str, Version | None] = {
        entry.product.id: entry.version for entry in with_versions(products, location)
    }
    uses: dict[str, list[Use]] = {}
    for name, twins in named.items():
        key = keys[name]
        for twin in twins:
            version = published[twin]
            made_under = version.keys.get(name) if version is not None else None
            current = None if version is None else key is not None and made_under == key.fingerprint
            uses.setdefault(name, []).append(Use(twin, made_under, current))
    return uses


def _print(keys: Mapping[str, Key | None], uses: Mapping[str, Sequence[Use]]) -> None:
    from platform_core.cli.table import print_table

    if not keys:
        print("No contract names a key: no product is hashed.")
        return
    rows = []
    for name, key in keys.items():
        mark = key.fingerprint if key is not None else "not made yet"
        when = f"{key.made_at:%Y-%m-%d %H:%M}" if key is not None else "-"
        for number, use in enumerate(uses.get(name) or [None]):
            twin = [use.product, STATES[use.current]] if use else ["-", "no contract names it"]
            rows.append([*([name, mark, when] if number == 0 else ["", "", ""]), *twin])
    print_table(("key", "fingerprint", "since", "masked twin", "is"), rows)
    stale = [use.product for each in uses.values() for use in each if use.current is False]
    if stale:
        print(f"\nMake them anew under the key of now: mesh run {' '.join(dict.fromkeys(stale))}")


def _facts(keys: Mapping[str, Key | None], uses: Mapping[str, Sequence[Use]]) -> list[dict[str, Any]]:
    return [
        {
            "key": name,
            "fingerprint": key.fingerprint if key is not None else None,
            "since": key.made_at.isoformat() if key is not None else None,
            "twins": [
                {"product": use.product, "fingerprint": use.fingerprint, "current": use.current}
                for use in uses.get(name, ())
            ],
        }
        for name, key in keys.items()
    ]
