"""`mesh watch` as a process, as a person starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ENOUGH = 120
"""Seconds after which a test gives up, however slow the machine is."""


@dataclass
class Watch:
    """A watch that runs until it is killed or interrupted; ``lines`` are what it printed."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    _heard: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MESH_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "platform_core.cli", "watch", "--every", "1"],
            cwd=self.root,
            env=kept | self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        threading.Thread(target=self._listen, args=(self.process.stdout,)).start()

    def _listen(self, lines: Iterable[str]) -> None:
        for line in lines:
            with self._heard:
                self.lines.append(line)
                self._heard.notify_all()

    def says(self, words: str) -> None:
        """Wait until it printed some words."""
        with self._heard:
            assert self._heard.wait_for(lambda: any(words in line for line in self.lines), ENOUGH), self.lines

    def leads(self) -> None:
        """Wait for its first round."""
        self.says("open incident")

    def waits(self) -> None:
        """Wait until it found that another one leads."""
        self.says("another watch of this mesh leads")

    def end(self, how: signal.Signals = signal.SIGKILL) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=ENOUGH)
