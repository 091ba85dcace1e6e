"""The rights that contracts give on the lakes of a deployment, and SQL that states them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from platform_core.access.grants import is_granted
from platform_core.deployment.model import ADMIN, Lakes
from platform_core.deployment.principal import credential_of
from platform_core.diagnostics import PlatformError
from platform_core.lake.location import RESTRICTED
from platform_core.registry.lookup import Registry
from platform_core.sql.quoting import quoted

GRANTS: Final = "mesh_grants"
OPEN: Final = ("ducklake_metadata", "ducklake_schema", "ducklake_schema_versions", "ducklake_snapshot")
"""DuckLake's tables without names and values of products: readers see all rows."""
_OWN: Final = "g.reader = current_user"
_ASSET: Final = "commit_extra_info::json ->> 'asset'"
_ROOM: Final = "schema_id = (SELECT schema_id FROM {s}.ducklake_schema WHERE schema_name = '{room}'"
_LATEST: Final = " AND end_snapshot IS NULL)"


@dataclass(frozen=True, slots=True)
class LakeRights:
    """The owner of a lake, and the products of it that each reader may read, by name."""

    lake: str
    owner: str
    readers: Mapping[str, tuple[str, ...]]
    streams: tuple[str, ...] = ()
    """The streams of the lake, each of which has a lock."""


def rights_of(registry: Registry, lakes: Lakes) -> tuple[LakeRights, ...]:
    """The rights on every lake, by roles of Postgres; nobody but its domain reads a restricted one.

    Raises ContractError for a broken contract, whose grants are unknown; DeploymentError E003 for a domain
    without credentials.
    """
    products, faults = registry.scan()
    if broken := [fault for fault in faults if fault.severity == "error"]:
        raise PlatformError(*broken)
    domains, found = registry.domains(), []
    for domain in domains:
        owner = credential_of(lakes, domain).user
        for lake in (domain, domain + RESTRICTED):
            own = [product for product in products if product.lake == lake]
            readers = {}
            for name, credential in lakes.credentials.items():
                reader = f"domain:{name}" if name in domains else name
                if name not in (ADMIN, domain):
                    granted = tuple(sorted(p.name for p in own if is_granted(p, reader)))
                    readers.update({credential.user: granted} if granted else {})
            streams = tuple(sorted(p.name for p in own if p.kind == "stream"))
            found.append(LakeRights(lake, owner, readers, streams))
    return tuple(found)


def read_policies(lake: str, tables: Mapping[str, bool]) -> Iterator[tuple[str, str, str]]:
    """The tables of a lake of which readers see a part: name, condition of the policy, and a digest of it.

    ``tables`` has whether a table has a column ``table_id``. Readers see no row of any other table, also not
    of one that a later DuckLake adds.
    """
    s = quoted(lake)
    granted = f"SELECT 1 FROM {s}.{GRANTS} g WHERE {_OWN} AND g.relation"
    products = _ROOM.format(s=s, room="products") + _LATEST
    staged = _ROOM.format(s=s, room="staging") + _LATEST
    # A published view reads a staged table, which the stamps of its product name.
    behind = f"SELECT commit_extra_info::json ->> 'staged' FROM {s}.ducklake_snapshot_changes"
    special = {
        "ducklake_table": f"({products} AND EXISTS ({granted} = table_name))"
        f" OR ({staged} AND table_name IN ({behind}))",
        "ducklake_view": f"{products} AND EXISTS ({granted} = view_name)",
        "ducklake_snapshot_changes": f"CASE WHEN commit_extra_info IS JSON THEN {_ASSET} IN"
        f" (SELECT g.product FROM {s}.{GRANTS} g WHERE {_OWN}) ELSE false END",
        GRANTS: "reader = current_user",
    }
    own = f"table_id IN (SELECT table_id FROM {s}.ducklake_table)"
    for table, has_id in sorted(tables.items()):
        condition = special.get(table) or ("true" if table in OPEN else own if has_id else "")
        if condition:
            yield table, condition, sha256(condition.encode()).hexdigest()[:16]


def store_policies(rights: tuple[LakeRights, ...], lakes: Lakes) -> dict[str, dict[str, Any]]:
    """The policy of each principal's key, as AWS policy JSON: its own buckets, and the folders of granted
    products."""
    found: dict[str, dict[str, Any]] = {}
    for name, credential in lakes.credentials.items():
        if name == ADMIN:
            continue
        own = [lakes.bucket(each.lake) for each in rights if each.owner == credential.user]
        folders = [
            f"{lakes.bucket(each.lake)}/{folder}/{product}/*"
            for each in rights
            for product in each.readers.get(credential.user, ())
            for folder in ("data/products", "files")
        ]
        statements = [
            _allow(["s3:ListBucket", "s3:ListBucketMultipartUploads"], own),
            _allow(
                ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                [f"{bucket}/*" for bucket in own],
            ),
            _allow(["s3:GetObject"], folders),
        ]
        kept = [statement for statement in statements if statement["Resource"]]
        found[name] = {"Version": "2012-10-17", "Statement": kept}
    return found


def _allow(actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": [f"arn:aws:s3:::{each}" for each in resources]}
