"""Ctrl-C as a fact to look at instead of an exception out of nowhere.

An exception between starting a process and remembering it would leave that process behind.
"""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """While entered, SIGINT, SIGTERM and SIGHUP are counted. ``fileno`` becomes readable by each, so
    that a waiting ``select`` wakes up."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}
        self._read, self._write = -1, -1

    def __enter__(self) -> Interrupts:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        for number in _SIGNALS:
            # One that the caller ignores (nohup) stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        return self._read

    def _came(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        try:
            os.write(self._write, b"!")
        except BlockingIOError:
            return
