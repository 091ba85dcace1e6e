"""Publishing a masked twin from its parent's rows, with the check that its files hold no raw value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb

from platform_core.contracts.model import DataProduct
from platform_core.contracts.partitions import Window
from platform_core.diagnostics import DefinitionError, LakeError
from platform_core.lake.location import LakeLocation
from platform_core.lake.partition_filter import window_predicate
from platform_core.lake.publication.tables import Publication, publish_table
from platform_core.lake.transaction import Stamp, one
from platform_core.lake.versions import stamps
from platform_core.masking.files import KEYS, MASKS, masks_of, twin_files, written_files
from platform_core.masking.keys import KeyRing
from platform_core.masking.leak_check import find_leaks
from platform_core.masking.sql import forget_keys, masked_query, set_keys
from platform_core.quality.gate import ContractBroken
from platform_core.quality.outcome import Outcomes
from platform_core.registry.lookup import Registry
from platform_core.sql.quoting import quoted
from platform_core.sql.types import describe


def parent_of(twin: DataProduct, registry: Registry) -> DataProduct:
    """The parent of a twin. Raises ContractError for a broken contract, DefinitionError D030 for a
    product that is not a twin."""
    if twin.twin_of is None:
        raise DefinitionError.of("D030", f"{twin.id} is not a masked twin", twin.place)
    return registry.get(twin.twin_of)


def keys_of(twin: DataProduct) -> tuple[str, ...]:
    """The names of the keys of a twin's hashes."""
    return tuple(sorted({c.mask.key for c in twin.columns if c.mask is not None and c.mask.key is not None}))


@contextmanager
def hashing(connection: duckdb.DuckDBPyConnection, twin: DataProduct) -> Iterator[dict[str, str]]:
    """Set the twin's keys on the connection; yields their fingerprints by name. Raises LakeError L020 for
    an unusable key, L021 for one that is lost."""
    ring = KeyRing.current()
    used = [facts.get(KEYS) or {} for _, _, facts in stamps(connection, twin.lake, twin.id, limit=1)]
    for name in keys_of(twin):
        # A new key would be made in silence, and its hashes would not join with those of before.
        if any(name in keys for keys in used) and ring.find(name) is None:
            message = f"{ring.folder} has no key {name}, which hashed the published version of {twin.id}"
            expected = "the key of the published hashes"
            fix = f"Restore the key from a backup, or replace it with `mesh keys rotate {name}`."
            raise LakeError.of("L021", message, twin.place, expected, fix, plain=True)
    keys = [ring.get(name) for name in keys_of(twin)]
    set_keys(connection, keys)
    try:
        yield {key.name: key.fingerprint for key in keys}
    finally:
        forget_keys(connection, keys_of(twin))


def publish_masked(
    connection: duckdb.DuckDBPyConnection,
    location: LakeLocation,
    twin: DataProduct,
    parent: DataProduct,
    relation: str,
    *,
    stamp: Stamp,
    audit: Callable[[str], Outcomes],
    window: Window | None = None,
    replace: bool = True,
) -> Publication[Outcomes]:
    """Publish a twin from ``relation``, its parent's rows, on a connection that has its keys.

    Raises what ``publish_table`` does; ContractBroken if a raw value is found; DefinitionError C090 for a
    prefix as long as all values.
    """
    rows = relation
    if window is not None:
        types = describe(connection, f"FROM {relation}")
        rows = f"(FROM {relation} WHERE {window_predicate(parent, types, window)})"
    hidden = tuple(name for rule in twin.rules if rule.kind == "no_raw_values" for name in rule.columns)
    _require_longer(connection, twin, relation)
    masks = stamp.facts[MASKS] = masks_of(twin, hidden)
    before = written_files(location, twin)

    def audit_with_files(written: str) -> Outcomes:
        forget_keys(connection, keys_of(twin))  # the audit runs SQL of a contract
        outcomes = audit(written)
        files = twin_files(connection, location, twin, masks, before)
        leaks = find_leaks(connection, twin, relation, files)
        if any(outcome.blocking for outcome in leaks):
            raise ContractBroken(twin, (*outcomes, *leaks))
        return (*outcomes, *leaks)

    return publish_table(
        connection,
        location,
        twin,
        masked_query(twin, rows, parent.masking.suppression if parent.masking else None),
        window=window,
        replace=replace,
        stamp=stamp,
        audit=audit_with_files,
    )


def _require_longer(connection: duckdb.DuckDBPyConnection, twin: DataProduct, relation: str) -> None:
    for column in twin.columns:
        if column.mask is None or column.mask.prefix is None:
            continue
        [longest] = one(connection, f"SELECT max(length({quoted(column.name)})) FROM {relation}")
        if longest is not None and longest <= column.mask.prefix:
            message = f'no value of "{column.name}" is longer than its prefix of {column.mask.prefix}'
            place, fix = column.mask.place, "Write a smaller prefix, or {method: redact}."
            raise DefinitionError.of("C090", message, place, "a prefix that is shorter than the values", fix)
