"""Files of servers for a query's process, which has no network: its parent reads ranges of them for it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from multiprocessing.connection import Connection
from threading import Lock, Thread
from typing import Final

from platform_core.diagnostics import PlatformError
from platform_core.lake.location import DataBytes

_ASKED: Final = struct.Struct("=qqq")
"""The number of a file, the start and the count."""
_MOST: Final = 1 << 28
"""The most bytes of one answer."""


def serve_ranges(channel: Connection, files: Mapping[int, DataBytes]) -> None:
    """Answer in a thread until the other end is closed. The process at it is not trusted: it gets ranges of
    these files, and nothing else. The first byte of an answer is 1, or 0 before an error's words."""
    Thread(target=_serve, args=(channel, files), daemon=True).start()


def _serve(channel: Connection, files: Mapping[int, DataBytes]) -> None:
    with channel:
        try:
            while True:
                number, start, count = _ASKED.unpack(channel.recv_bytes(_ASKED.size))
                file = files[number]
                if not (0 <= start <= file.size and 0 <= count <= _MOST):
                    return
                try:
                    channel.send_bytes(b"1" + file.read(start, count))
                except (OSError, PlatformError) as error:
                    channel.send_bytes(b"0" + str(error).encode())
        except (EOFError, OSError, struct.error, KeyError):
            return  # the query ended, or does not speak this protocol


class AskedBytes:
    """A file that the parent reads."""

    def __init__(self, channel: Connection, lock: Lock, number: int, size: int) -> None:
        self.size = size
        self._channel, self._lock, self._number = channel, lock, number

    def read(self, start: int, count: int) -> bytes:
        found = b""
        while len(found) < count:
            with self._lock:
                part = min(count - len(found), _MOST)
                self._channel.send_bytes(_ASKED.pack(self._number, start + len(found), part))
                answer = self._channel.recv_bytes()
            if answer[:1] == b"0":
                raise OSError(answer[1:].decode())
            if len(answer) == 1:
                break
            found += answer[1:]
        return found

    def close(self) -> None:
        """Nothing: the channel closes with the process."""
