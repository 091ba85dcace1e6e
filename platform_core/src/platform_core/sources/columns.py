"""The columns of a source that only a run reads: declared in the code, or locked next to the contracts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from platform_core.diagnostics import Place, SourceError, shown
from platform_core.settings import CONTRACTS
from platform_core.sources.order import LOCK_COMMAND
from platform_core.sources.source import Source
from platform_core.sql.types import BadType, canonical_type


def locked_in(source: Source, domain: str, root: Path) -> Path:
    """The lock of a source, which the domain's products share."""
    folder = CONTRACTS.folder()
    contracts = root / "domains" / domain / "contracts" if folder is None else folder / domain
    return contracts / "sources" / f"{source.name.replace('/', '.')}.json"


def columns_of(source: Source, domain: str, root: Path, place: Place | None) -> dict[str, str] | None:
    """The DuckDB types of a source's columns by name; None for a file, which shows its own.

    Raises SourceError S026 if they are neither declared nor locked, or not DuckDB's types.
    """
    lock = locked_in(source, domain, root)
    columns: object = source.columns
    if columns is None and not source.asked:
        return None
    where = place
    if columns is None:
        if not lock.is_file():
            message = f"the columns of the source {source.name} are not known"
            expected = f'columns={{"<name>": "<DuckDB type>"}}, or the lock {shown(lock)}'
            raise SourceError.of("S026", message, place, expected, f"Run `{LOCK_COMMAND}`.")
        where = Place(lock, 1)
        try:
            columns = json.loads(lock.read_text(encoding="utf-8"))["columns"]
        except (OSError, ValueError, KeyError, TypeError):
            columns = None
    wrong = "not an object of names and types"
    if isinstance(columns, Mapping) and columns:
        try:
            return {str(name): canonical_type(str(kind)) for name, kind in columns.items()}
        except BadType as error:
            wrong = str(error)
    message = f"the columns of the source {source.name} cannot be used: {wrong}"
    expected = '{"columns": {"id": "BIGINT"}}, with the names and DuckDB types of all columns'
    raise SourceError.of("S026", message, where, expected, f"Correct it, or run `{LOCK_COMMAND}`.")


def lock_text(source: Source, columns: Mapping[str, str]) -> str:
    """The text of a lock."""
    lock = {"source": source.origin, "columns": dict(columns)}
    return json.dumps(lock, indent=2, ensure_ascii=False) + "\n"


def require_own(lock: Path, source: Source) -> None:
    """Refuse the lock of another source of the same name (S026), which would be overwritten."""
    try:
        of = json.loads(lock.read_text(encoding="utf-8"))["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if of != source.origin:
        message = f"the lock of the source {source.name} is that of {of}, not of {source.origin}"
        fix = "Give one of the two sources another name."
        raise SourceError.of("S026", message, Place(lock, 1), "one source for each name", fix)
