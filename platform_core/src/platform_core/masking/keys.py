"""The keys of hashes: one file each, for this user alone, made when a hash first needs it.

A key is its domain's, ``hr.employee``: whoever else could hash under it would find out what was hashed.
``MESH_KEYS`` names their folder, else they are in ``keys`` in the mesh's state. Whoever has a key can try
out values until a hash fits, so neither a key nor anything it could be guessed from leaves its file: what
is shown and recorded is its fingerprint.
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

from platform_core.diagnostics import LakeError, Place, shown
from platform_core.files import OTHERS, close_to_others, file_lock, link_new, write_whole
from platform_core.lake.connect import connect
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
        """Which key it is, without telling the key."""
        return hashlib.sha256(b"mesh key fingerprint" + self.secret).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The folder of the key files."""

    folder: Path

    @classmethod
    def current(cls, root: Path | None = None) -> KeyRing:
        """The folder by ``MESH_KEYS``, else ``keys`` in the state of the mesh at ``root``; see ``share``."""
        ring = cls(KEYS.folder() or mesh_home(root) / "keys")
        ring.share(LakeLocation.current(root))
        return ring

    def share(self, location: LakeLocation) -> None:
        """Give a key of before, which had no domain, to each domain whose published twins were hashed under
        it, and to no other: their hashes stay as they are."""
        for name in self.names():
            if "." not in name:
                self._share(name, location)

    def _share(self, name: str, location: LakeLocation) -> None:
        path = self._path(name)
        try:
            with file_lock(self.folder / ".lock"):
                if (key := self.find(name)) is None:
                    return  # another process was faster
                domains = [domain for domain in location.shared() if _hashed(location, domain, key)]
                for domain in domains:
                    link_new(path, self._path(f"{domain}.{name}"))
                if domains:
                    path.unlink()
        except OSError as error:
            raise _unusable(name, path, f"cannot be renamed: {error.strerror or error}") from None

    def names(self) -> tuple[str, ...]:
        """The keys that there are, sorted."""
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(path.stem for path in self.folder.glob("*.key") if not path.name.startswith(".")))

    def get(self, name: str) -> Key:
        """A key, made where there is none yet. Whoever else makes it at the same time has the same one.

        Raises LakeError: L020 where the file cannot be read or written, is no key, or can be read by
        others.
        """
        path = self._path(name)
        if not path.exists():
            self._write(name, replace=False)
        return self._read(name)

    def find(self, name: str) -> Key | None:
        """A key; None where there is none yet. Raises as ``get`` does."""
        return self._read(name) if self._path(name).exists() else None

    def rotate(self, name: str) -> Key:
        """Another key under the same name; the old one is gone, so that nothing can be hashed by it again."""
        self._write(name, replace=True)
        return self._read(name)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def _write(self, name: str, *, replace: bool) -> None:
        path = self._path(name)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            close_to_others(self.folder)
            # Where another process was faster, its key stays and is the one that both use.
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
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise _unusable(name, path, f"cannot be read: {reason}") from None
        if folder.st_mode & _WRITE or {folder.st_uid, status.st_uid} - {os.getuid(), 0}:
            # Whoever can put a file there chooses the key, and with it reads the hashes.
            fix = f"chmod 700 {shown(path.parent)}; then rotate the key"
            raise _unusable(name, path, "can be replaced by other users", fix)
        if status.st_mode & OTHERS:
            fix = f"chmod 600 {shown(path)}; then rotate the key"
            raise _unusable(name, path, "can be read by other users", fix)
        if not _FORM.fullmatch(text):
            fix = f"restore it, or make another: mesh keys rotate {name}"
            raise _unusable(name, path, "holds no key", fix)
        return Key(name, bytes.fromhex(text.strip()), datetime.fromtimestamp(status.st_mtime, UTC))


def _hashed(location: LakeLocation, domain: str, key: Key) -> bool:
    """Whether a domain published anything that was hashed under a key of that name."""
    with connect(location, read=[domain]) as connection:
        made_under = (facts.get("keys") or {} for _, _, facts in stamps(connection, domain))
        return any(keys.get(key.name) == key.fingerprint for keys in made_under)


def _unusable(name: str, path: Path, why: str, fix: str | None = None) -> LakeError:
    place = Place(path) if path.is_dir() else None
    expected = f"64 hexadecimal digits in {shown(path)}, of mode 600"
    fix = fix or f"give this user {shown(path.parent)}, or name another folder in {KEYS.name}"
    return LakeError.of("L020", f'the key "{name}" {why}', place, expected, fix)
