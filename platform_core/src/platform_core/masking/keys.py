"""The keys of hashes: one file each, private to this user, created when a hash first needs it.

A key belongs to a domain, ``hr.employee``: with it, another domain could find out what was hashed by hashing
guesses. So a key never leaves its file; only its fingerprint is shown and recorded. The folder is
``MESH_KEYS``, else ``keys`` in the mesh's state.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from platform_core.deployment.file import current_deployment
from platform_core.diagnostics import LakeError, Place, shown
from platform_core.files import OTHERS, close_to_others, file_lock, link_new, write_whole
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.location import LakeLocation
from platform_core.lake.versions import stamps
from platform_core.settings import KEYS, mesh_home

_BYTES: Final = 32
_FORM: Final = re.compile(r"[0-9a-f]{64}\n?")
_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    secret: bytes = field(repr=False)
    made_at: datetime

    @property
    def fingerprint(self) -> str:
        """Identifies the key without revealing it."""
        return hashlib.sha256(b"mesh key fingerprint" + self.secret).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The folder of the key files."""

    folder: Path

    @classmethod
    def current(cls, root: Path | None = None) -> KeyRing:
        """The folder from ``MESH_KEYS``, else of the deployment, else ``keys`` in the state of the mesh at
        ``root``; see ``share``."""
        deployment = current_deployment()
        deployed = deployment.keys if deployment is not None else None
        ring = cls(KEYS.folder() or deployed or mesh_home(root) / "keys")
        ring.share(current_lakes(root))
        return ring

    def share(self, location: LakeLocation) -> None:
        """Give a key from before 0.4, without a domain, to each domain whose published twins used it.
        Their hashes stay."""
        for name in (name for name in self.names() if "." not in name):
            path = self._path(name)
            try:
                with file_lock(self.folder / ".lock"):
                    if (key := self.find(name)) is None:
                        continue  # another process has done it
                    domains = [domain for domain in location.shared() if _hashed(location, domain, key)]
                    for domain in domains:
                        link_new(path, self._path(f"{domain}.{name}"))
                    if domains:
                        path.unlink()
            except OSError as error:
                raise _unusable(name, path, f"cannot be renamed: {error.strerror or error}") from None

    def names(self) -> tuple[str, ...]:
        """The names of all keys, sorted."""
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(path.stem for path in self.folder.glob("*.key") if not path.name.startswith(".")))

    def get(self, name: str) -> Key:
        """A key, created if it is missing; processes that do so at the same time get the same key. Raises
        LakeError L020 if the file is unreadable, unwritable, malformed or readable by others."""
        path = self._path(name)
        if not path.exists():
            self._write(name, replace=False)
        return self._read(name)

    def find(self, name: str) -> Key | None:
        """A key; None if it is missing. Raises as ``get`` does."""
        return self._read(name) if self._path(name).exists() else None

    def rotate(self, name: str) -> Key:
        """Replace a key. The old key is lost, so nothing can be hashed with it again."""
        self._write(name, replace=True)
        return self._read(name)

    def remove(self, name: str) -> None:
        """Remove a key, if it exists, permanently."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def _write(self, name: str, *, replace: bool) -> None:
        path = self._path(name)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            close_to_others(self.folder)
            # If another process was faster, both use its key.
            write_whole(path, f"{secrets.token_hex(_BYTES)}\n", 0o600, replace=replace)
        except OSError as error:
            raise _unusable(name, path, f"cannot be written: {error.strerror}") from None

    def _read(self, name: str) -> Key:
        path = self._path(name)
        try:
            folder = path.parent.stat()
            with path.open(encoding="ascii") as file:
                status = os.fstat(file.fileno())
                text = file.read(100)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise _unusable(name, path, f"cannot be read: {reason}") from None
        if folder.st_mode & _WRITE or {folder.st_uid, status.st_uid} - {os.getuid(), 0}:
            # A user who can replace the key can find out what is hashed.
            fix = f"Run `chmod 700 {shown(path.parent)}`, then rotate the key."
            raise _unusable(name, path, "can be replaced by other users", fix)
        if status.st_mode & OTHERS:
            fix = f"Run `chmod 600 {shown(path)}`, then rotate the key."
            raise _unusable(name, path, "can be read by other users", fix)
        if not _FORM.fullmatch(text):
            fix = f"Restore the file, or run `mesh keys rotate {name}` to replace the key."
            raise _unusable(name, path, "is malformed", fix)
        return Key(name, bytes.fromhex(text.strip()), datetime.fromtimestamp(status.st_mtime, UTC))


def _hashed(location: LakeLocation, domain: str, key: Key) -> bool:
    """Whether a domain published hashes that were made with a key."""
    with connect(location, read=[domain]) as connection:
        made_under = (facts.get("keys") or {} for _, _, facts in stamps(connection, domain))
        return any(keys.get(key.name) == key.fingerprint for keys in made_under)


def _unusable(name: str, path: Path, why: str, fix: str | None = None) -> LakeError:
    place = Place(path) if path.is_dir() else None
    expected = f"64 hexadecimal digits in {shown(path)}, of mode 600"
    fix = fix or f"Give this user access to {shown(path.parent)}, or set {KEYS.name} to another folder."
    return LakeError.of("L020", f'the key "{name}" {why}', place, expected, fix)
