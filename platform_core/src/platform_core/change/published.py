"""The published state of products, from the stamps of their versions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from platform_core.change.contracts import contract_words, regrouped
from platform_core.change.impact import Former, Moved
from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import partition_windows
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import Diagnostic, PlatformError
from platform_core.lake.damage import from_each_lake
from platform_core.lake.location import LakeLocation
from platform_core.lake.publication.content_hash import columns_differing
from platform_core.lake.publication.product_files import ProductFiles
from platform_core.lake.versions import Catalog, files_of, latest_of, stamps, table_behind
from platform_core.odcs.masked_twin import masked_twin
from platform_core.odcs.reader import load_contract
from platform_core.workspace.records.products import Materialization

_UNKNOWN = "its version was published without fingerprints"


@dataclass(frozen=True)
class Published:
    """The states of products with a version, and their contracts of that version where it was another one."""

    states: Mapping[str, Sequence[Former]]
    contracts: Mapping[str, DataProduct]
    gone: tuple[str, ...]
    """Products that have a version, but no contract any more."""
    faults: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class _Stamped:
    version: int
    facts: Mapping[str, Any]


def published_states(
    location: LakeLocation, products: Mapping[str, DataProduct], known: Mapping[str, DataProduct]
) -> Published:
    """The published state of products. Those of lakes that cannot be read count as unknown. ``known`` also
    has the products of other repositories, which they may read."""
    lakes = {product.lake for product in known.values()}
    readable = {lake for lake in lakes if location.is_readable(lake)}
    hidden = {lake for lake in lakes - readable if location.exists(lake)}
    newest, faults = from_each_lake(location, readable, _newest)
    found = {name: each for held in newest.values() for name, each in held.items() if name in known}
    read = {name: each.facts.get("inputs") or {} for name, each in found.items()}
    wanted: dict[str, set[tuple[str, int]]] = {}
    for inputs in read.values():
        for name, version in inputs.items():
            if name in found and version != found[name].version:
                wanted.setdefault(known[name].lake, set()).add((name, version))
    older, more = from_each_lake(location, wanted, lambda catalog, lake: _older(catalog, lake, wanted[lake]))
    former = {name: facts for held in older.values() for name, facts in held.items()}
    states: dict[str, list[Former]] = {}
    contracts: dict[str, DataProduct] = {}
    for name, product in products.items():
        if name in found:
            behind = dict(_behind(read[name], found, former))
            contract, unknown = _contract(location, product, found[name])
            if contract is not None:
                contracts[name] = contract
            states[name] = list(_states(product, found[name], behind, contract, unknown))
        elif product.lake in hidden or (product.lake in readable and product.lake not in newest):
            states[name] = [Former(None, f'the lake "{product.lake}" cannot be read')]
    gone = tuple(name for held in newest.values() for name in held if name not in known)
    return Published(states, contracts, gone, (*faults, *more))


def last_runs(location: LakeLocation, products: Mapping[str, DataProduct]) -> dict[str, Materialization]:
    """The last run of each product by the stamp of its version, without lakes that cannot be read."""
    lakes = {product.lake for product in products.values() if location.is_readable(product.lake)}

    def ask(catalog: Catalog, lake: str) -> list[Materialization]:
        return [
            Materialization(
                product.id,
                made.published_at,
                made.run_id,
                made.version,
                made.rows,
                made.rows_written,
                made.seconds,
                made.bytes,
            )
            for product, made, _ in latest_of(catalog, lake, products.values())
        ]

    return {made.product: made for held in from_each_lake(location, lakes, ask)[0].values() for made in held}


def _newest(catalog: Catalog, lake: str) -> dict[str, _Stamped]:
    found = {
        facts["asset"]: _Stamped(number, facts) for number, _, facts in stamps(catalog, lake, newest=True)
    }
    tables = [table_behind(ProductId(name).name, each.version, each.facts) for name, each in found.items()]
    held = files_of(catalog, lake, tables)
    # The stamps of a table outlive it.
    return {name: found[name] for name, files in zip(found, held, strict=True) if files is not None}


def _older(
    catalog: Catalog, lake: str, wanted: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], Mapping[str, Any]]:
    return {
        (name, version): facts
        for name, version in wanted
        for _, _, facts in stamps(catalog, lake, name, version=version)
    }


def _behind(
    inputs: Mapping[str, int],
    newest: Mapping[str, _Stamped],
    older: Mapping[tuple[str, int], Mapping[str, Any]],
) -> Iterator[tuple[str, tuple[Moved, str]]]:
    """The inputs that were published again with other content."""
    for name, version in inputs.items():
        if name not in newest or newest[name].version == version:
            continue
        then, now = (each.get("content") for each in (older.get((name, version), {}), newest[name].facts))
        columns = columns_differing(then, now) if then and now else None
        moved = Moved(rows=True) if columns is None else Moved(columns=columns)
        if moved:
            yield name, (moved, f", which was published again as version {newest[name].version}")


def _states(
    product: DataProduct,
    made: _Stamped,
    behind: Mapping[str, tuple[Moved, str]],
    former: DataProduct | None,
    unknown: str,
) -> Iterator[Former]:
    words = contract_words(former, product) if former is not None else ()
    if unknown:
        words = (unknown,)
    other_grid = former is not None and regrouped(former, product)
    stamp = made.facts.get("made_from")
    earlier: Sequence[Mapping[str, Any]] = (stamp or {}).get("earlier", ())
    others = {key for part in earlier for key in part["keys"]}
    grid = product.partitions
    keys = [each.key for each in partition_windows(grid)] if grid and earlier else []
    own = tuple(key for key in keys if key not in others) or None
    yield Former(stamp, _UNKNOWN, words, other_grid, behind, own)
    for part in earlier:
        yield Former(part["made_from"], _UNKNOWN, (), False, {}, tuple(part["keys"]))


def _contract(location: LakeLocation, product: DataProduct, made: _Stamped) -> tuple[DataProduct | None, str]:
    """The contract of the published version if it is another one than today's, else None; and why it is
    unknown."""
    sha256 = made.facts.get("contract_sha256")
    if sha256 == hashlib.sha256(product.path.read_bytes()).hexdigest():
        return None, ""
    if sha256 is None:
        return None, "another text, which is not known"
    kept = ProductFiles(location, product)
    try:
        kept.fetch(made.version)
        found = load_contract(kept.contract(made.version), product.domain)
    except (OSError, PlatformError):
        return None, "another text, which is not kept"
    return (masked_twin(found) if product.twin_of is not None else found), ""
