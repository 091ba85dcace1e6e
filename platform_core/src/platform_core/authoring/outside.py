"""A source outside of the mesh, named by a word on the command line, and its code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from platform_core.diagnostics import UsageError
from platform_core.lake.local.spill import spill_folder
from platform_core.lake.location import LakeLocation
from platform_core.products.inputs.bind import in_memory
from platform_core.settings import SECRETS
from platform_core.sources.columns import lock_text
from platform_core.sources.source import COMPRESSED, Kind, Source, rows_of
from platform_core.sources.staging import order_of, stage
from platform_core.sql.types import describe
from platform_core.words import snake

FORMS: Final = {
    "postgres": "postgres:<SECRET>:<schema>.<table>",
    "sqlite": "sqlite:<path>:<table>",
    "duckdb": "duckdb:<path>:<schema>.<table>",
    "delta": "delta:<path>",
    "iceberg": "iceberg:<path>",
}
EXTRAS: Final = {"postgres", "delta", "iceberg"}
"""The kinds of source that need an extra of the same name."""


@dataclass(frozen=True)
class Outside:
    """A source and its rows in a local file. ``lock`` is the text of the lock of its columns; None for a
    file, which needs none."""

    source: Source
    file: Path
    lock: str | None


def source_of(words: str) -> Source | None:
    """The source that a word names; None for any other word. Raises UsageError U060 for an unfinished one."""
    kind, colon, rest = words.partition(":")
    if kind in FORMS and colon:
        place, _, table = (rest, "", "") if kind in ("delta", "iceberg") else rest.rpartition(":")
        if not place or (FORMS[kind].count(":") == 2 and not table):
            raise UsageError.of("U060", f'"{words}" does not name a source', None, FORMS[kind])
        name = f"{snake(place)}/{snake(table.removeprefix('public.'))}"
        made = Source(name.rstrip("/"), kind=cast(Kind, kind), table=table)
        return replace(made, secret=place) if kind == "postgres" else replace(made, path=place)
    if re.match(r"(https?|s3)://", words) or words.lower().endswith(COMPRESSED):
        plain = words.partition("?")[0].partition("://")[2] or words
        return Source(f"files/{snake(plain.removesuffix(Path(plain).suffix))}", words)
    return None


@contextmanager
def read_outside(source: Source, location: LakeLocation) -> Iterator[Outside]:
    """All rows of a source, in a file that is removed at the end. Raises SourceError S020 to S025."""
    with spill_folder(location) as folder:
        if source.kind != "file":
            order = order_of("rows", source, None, None, folder)
            types = stage([order], f"mesh/{source.name}", None)["rows"].types
            yield Outside(source, Path(order.out), lock_text(source, types))
            return
        from platform_core.sources.readers.file import fetched

        file = fetched(source.path if source.remote else str(source.locate()), source.secret, folder)
        lock = None
        if source.remote and source.tabular:
            with in_memory([file]) as connection:
                lock = lock_text(source, describe(connection, rows_of(file)))
        yield Outside(source, file, lock)


def constructor(source: Source) -> str:
    """The call in Python that declares a source, in one line."""
    words = [json.dumps(source.name)]
    for name in ("package", "path", "table", "secret"):
        if value := getattr(source, name):
            words.append(f"{name}={json.dumps(value, ensure_ascii=False)}")
    return f"Source{'' if source.kind == 'file' else f'.{source.kind}'}({', '.join(words)})"


def with_needs(text: str, source: Source) -> str:
    """The ``pyproject.toml`` of a domain with the extra and the variable that a source needs."""
    if source.kind in EXTRAS:
        text = _with_extra(text, source.kind)
    if isinstance(source.secret, str) and (name := SECRETS + source.secret) not in text:
        if (listed := re.search(r"^environment\s*=\s*\[", text, re.M)) is not None:
            text = f'{text[: listed.end()]}"{name}", {text[listed.end() :]}'
        elif "[tool.platform-core]" in text:
            text = text.replace("[tool.platform-core]", f'[tool.platform-core]\nenvironment = ["{name}"]', 1)
        else:
            text = f'{text.rstrip()}\n\n[tool.platform-core]\nenvironment = ["{name}"]\n'
    return text


def _with_extra(text: str, extra: str) -> str:
    dependency = re.search(r'"platform-core(?:\[([a-z0-9, ]*)\])?', text)
    if dependency is None:
        return text
    extras = sorted({*filter(None, re.split(r"[, ]+", dependency[1] or "")), extra})
    return f'{text[: dependency.start()]}"platform-core[{",".join(extras)}]{text[dependency.end() :]}'
