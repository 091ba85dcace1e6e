"""The buckets of lakes: objects, their ranges, and local copies of files that never change."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from platform_core.deployment.model import Lakes
from platform_core.deployment.principal import credential_of, principal
from platform_core.files import draft_beside, link_over
from platform_core.lake.errors import other_fault
from platform_core.lake.remote.faults import store_fault

_AT_ONCE: Final = 16
"""Requests of ``sizes`` at the same time."""
_REFUSED: Final = (PermissionError, PermissionDeniedError, UnauthenticatedError)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The bucket of a lake, with the key of this process's principal. Every method raises LakeError E013,
    E014."""

    lakes: Lakes
    lake: str

    @property
    def store(self) -> S3Store:
        own = credential_of(self.lakes, principal())
        where = (self.lakes.bucket(self.lake), self.lakes.endpoint, self.lakes.region)
        return _store(*where, own.key or "", own.text("secret") or "", own.text("session_token"))

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            words = f"HTTP 403 {error}" if isinstance(error, _REFUSED) else str(error)
            raise store_fault(words, self.lakes, self.lake) or other_fault(error, self.lake) from None

    def listed(self, prefix: str) -> list[Any]:
        """The objects below a prefix: ``path``, ``size`` and ``last_modified``."""
        with self.errors():
            return [found for part in obstore.list(self.store, prefix=prefix) for found in part]

    def sizes(self, keys: Collection[str]) -> list[int | None]:
        """The bytes of objects; None for a missing one."""
        store = self.store

        def size(key: str) -> int | None:
            try:
                return int(obstore.head(store, key)["size"])
            except FileNotFoundError:
                return None

        with self.errors():
            if len(keys) < 2:
                return list(map(size, keys))
            with ThreadPoolExecutor(min(_AT_ONCE, len(keys))) as pool:
                return list(pool.map(size, keys))

    def remove(self, keys: Collection[str]) -> None:
        with self.errors(), suppress(FileNotFoundError):
            if keys:
                obstore.delete(self.store, list(keys))

    def upload(self, path: Path, key: str) -> None:
        with self.errors():
            obstore.put(self.store, key, path)

    def download(self, key: str, path: Path) -> None:
        """Copy an object to a file, unless it is there. A missing object makes none."""
        with self.errors():
            try:
                there = obstore.head(self.store, key)
                at = there["last_modified"].timestamp()
                known = path.stat() if path.exists() else None
                if known is not None and known.st_size == there["size"] and int(known.st_mtime) == int(at):
                    return
                path.parent.mkdir(parents=True, exist_ok=True)
                draft = draft_beside(path)
                with draft.open("wb") as file:
                    for part in obstore.get(self.store, key).stream():
                        file.write(part)
                os.utime(draft, (at, at))
                draft.chmod(0o400)
                link_over(draft, path)
                draft.unlink()
            except FileNotFoundError:
                return


class RemoteBytes:
    """An object, which never changes."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket, self._key, self._store = bucket, key, bucket.store
        [size] = bucket.sizes([key])
        if size is None:
            raise FileNotFoundError(f"{key} is not in the bucket")
        self.size = size

    def read(self, start: int, count: int) -> bytes:
        if count <= 0 or start >= self.size:
            return b""
        with self._bucket.errors():
            return bytes(
                obstore.get_range(self._store, self._key, start=start, end=min(start + count, self.size))
            )

    def close(self) -> None:
        """Nothing: the store keeps its connections."""


@lru_cache(maxsize=64)
def _store(
    bucket: str, endpoint: str | None, region: str, key: str, secret: str, token: str | None
) -> S3Store:
    where: dict[str, Any] = {"endpoint": endpoint, "virtual_hosted_style_request": False} if endpoint else {}
    if token:
        where["session_token"] = token
    return S3Store(
        bucket,
        region=region,
        access_key_id=key,
        secret_access_key=secret,
        client_options={"allow_http": True, "timeout": "30s", "connect_timeout": "10s"},
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=60)},
        **where,
    )
