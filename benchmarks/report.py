"""The report of a benchmark: ratios with their aims, and the figures behind them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import RESULTS, Measured

Figure = str | int | float


@dataclass(frozen=True)
class Aim:
    """A number and its bound; ratios and shares have no unit."""

    name: str
    value: float
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""

    @property
    def kept(self) -> bool:
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    @property
    def wanted(self) -> str:
        if self.at_least is not None:
            return f"at least {self.at_least:g}{self.unit}"
        return f"at most {self.at_most:g}{self.unit}"


@dataclass(frozen=True)
class Section:
    """One benchmark: its aims, and a table of figures."""

    title: str
    aims: Sequence[Aim]
    columns: Sequence[str]
    rows: Sequence[Sequence[Figure]]


def seconds(runs: Sequence[Measured]) -> float:
    return round(median(run.seconds for run in runs), 3)


def timed(runs: Sequence[Measured]) -> float:
    return round(median(run.timed for run in runs), 3)


def used(runs: Sequence[Measured]) -> float:
    """Processor seconds that the processes measured themselves, as ``timed``."""
    return round(median(float(run.said["processor"]) for run in runs), 3)


def processor(runs: Sequence[Measured]) -> float:
    """CPU seconds, which stay comparable on a busy machine."""
    return round(median(run.processor for run in runs), 3)


def peak(runs: Sequence[Measured]) -> int:
    """Peak memory in megabytes."""
    return round(median(run.peak for run in runs) / 1e6)


def text(section: Section) -> str:
    """A section for a terminal."""
    lines = [section.title, "=" * len(section.title)]
    aims = [
        (aim.name, f"{aim.value:.2f}{aim.unit}", aim.wanted, "kept" if aim.kept else "MISSED")
        for aim in section.aims
    ]
    lines += [*_table(("", "measured", "aim", ""), aims), ""]
    lines += _table(section.columns, [[_words(figure) for figure in row] for row in section.rows])
    return "\n".join(lines)


def _words(figure: Figure) -> str:
    return (
        f"{figure:.2f}" if isinstance(figure, float) else f"{figure:,}" if isinstance(figure, int) else figure
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        return "  ".join([first.strip().ljust(widths[0]), *rest]).rstrip()

    return [line(head), "  ".join("-" * width for width in widths), *map(line, rows)]


def write(sections: Sequence[Section]) -> Path:
    """Write all figures as JSON, with the machine; returns the file."""
    now = datetime.now(UTC)
    document: dict[str, Any] = {
        "measured_at": now.isoformat(timespec="seconds"),
        "machine": {
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "sections": [
            {
                "title": section.title,
                "aims": [asdict(aim) | {"kept": aim.kept} for aim in section.aims],
                "figures": [dict(zip(section.columns, row, strict=True)) for row in section.rows],
            }
            for section in sections
        ],
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path
