"""Facts of a location as a plain JSON document and back; ``docs/validate.md`` describes the format.

The converters are made once per dataclass, from its type hints. Members with their default value are left
out. A place is ``[line, column, length]`` in the file of its product, with the file as a fourth member
elsewhere. Files inside the mesh are relative to its root.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import Place
from platform_core.governance.facts import FORMAT, LocationFacts
from platform_core.source.document import LazyDict


@dataclass(eq=False)
class _Files:
    """The paths of a document. ``own`` is the file of the current product."""

    root: Path
    own: Path | None = None

    def name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def __post_init__(self) -> None:
        self.path = cache(self.root.joinpath)


Convert = Callable[[Any, _Files], Any]


class UnreadableFacts(ValueError):
    """A document of another format."""


class OtherVersion(UnreadableFacts):
    """A document whose format has another major version, written by another ``platform_core``."""

    def __init__(self, format: str, platform_core: str) -> None:
        super().__init__(f"the format is {format!r}, not {FORMAT!r}")
        self.format = format
        self.platform_core = platform_core


def to_document(facts: LocationFacts, root: Path) -> dict[str, Any]:
    """The facts as a document for ``json.dumps``, with the name of the format first."""
    document: dict[str, Any] = {"format": facts.format}
    document.update(_writer(LocationFacts)(facts, _Files(root)))
    return document


def from_document(document: Mapping[str, Any], root: Path) -> LocationFacts:
    """The facts of a document.

    Raises:
        UnreadableFacts: it has another format; OtherVersion for another version of this one.
    """
    format = str(document.get("format"))
    # Within a major version, members are only added: each has a default, and readers ignore unknown ones.
    if format != FORMAT and not format.startswith(f"{FORMAT}."):
        if format.startswith(FORMAT.rpartition("/")[0] + "/"):
            raise OtherVersion(format, str(document.get("platform_core") or ""))
        raise UnreadableFacts(f"the format is {document.get('format')!r}, not {FORMAT!r}")
    try:
        facts: LocationFacts = _reader(LocationFacts)(document, _Files(root))
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        raise UnreadableFacts(str(error)) from error
    return facts


def written(thing: Any) -> Any:
    """A dataclass without paths as a document for ``json.dumps``; members with their default are left out."""
    kind: Any = type(thing)
    return _writer(kind)(thing, _Files(Path()))


def made(kind: Any, document: Mapping[str, Any]) -> Any:
    """The dataclass of a document, without unknown members. Raises ValueError, TypeError and AttributeError
    for any other document."""
    return _reader(kind)(document, _Files(Path()))


def _places(text: str, path: Path) -> dict[str, Place]:
    found = {}
    for entry in text.split("|") if text else ():
        position, _, pointer = entry.partition(" ")
        number, column, length = position.split(":")
        found[pointer.replace("~2", "|")] = Place(path, int(number), int(column), int(length))
    return found


def _write_places(places: Mapping[str, Place], files: _Files) -> str:
    # One text without letters that JSON escapes is read ten times as fast as an object.
    return "|".join(
        f"{place.line}:{place.column}:{place.length} {pointer.replace('|', '~2')}"
        for pointer, place in places.items()
        if place.path == files.own
    )


def _write_place(place: Place, files: _Files) -> list[Any]:
    written = [place.line, place.column, place.length]
    return written if place.path == files.own else [*written, files.name(place.path)]


def _read_place(written: list[Any], files: _Files) -> Place:
    if len(written) == 3:
        if files.own is None:
            raise UnreadableFacts("a place has no file")
        return Place(files.own, *written)
    line, column, length, name = written
    return Place(files.path(name), line, column, length)


def _write_scalar(value: Any, files: _Files) -> Any:
    if isinstance(value, datetime):
        return {"timestamp": value.isoformat()}
    return {"date": value.isoformat()} if isinstance(value, date) else value


def _read_scalar(value: Any, files: _Files) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    return datetime.fromisoformat(text) if kind == "timestamp" else date.fromisoformat(text)


def _read_places(text: str, files: _Files) -> LazyDict[str, Place]:
    assert files.own is not None
    return LazyDict(partial(_places, text, files.own))


_FORMS: dict[Any, tuple[Convert, Convert]] = {
    Place: (_write_place, _read_place),
    Mapping[str, Place]: (_write_places, _read_places),
    Path: (lambda path, files: files.name(path), lambda name, files: files.path(name)),
    timedelta: (lambda span, files: span.total_seconds(), lambda number, files: timedelta(seconds=number)),
    datetime: (lambda moment, files: moment.isoformat(), lambda text, files: datetime.fromisoformat(text)),
    date: (lambda day, files: day.isoformat(), lambda text, files: date.fromisoformat(text)),
}
"""The converters of types that JSON does not have, for writing and reading."""


@cache
def _writer(kind: type[Any]) -> Convert:
    steps = [(each.name, _default(each), _converter(hint, write=True)) for each, hint in _fields(kind)]

    def write(value: Any, files: _Files) -> dict[str, Any]:
        if kind is DataProduct:
            files.own = value.path
        written = {}
        for name, default, convert in steps:
            member = getattr(value, name)
            if default is MISSING or member != default:
                written[name] = member if convert is None else convert(member, files)
        if kind is DataProduct:
            files.own = None
        return written

    return write


@cache
def _reader(kind: type[Any]) -> Convert:
    """Reads a dataclass. Members are set by their descriptors, since the constructor of a frozen class takes
    four times as long, and a large mesh has half a million objects."""
    plain, converted = [], []
    for each, hint in _fields(kind):
        convert = _converter(hint, write=False)
        if convert is None:
            plain.append((each.name, _setter(kind, each.name), _default(each)))
        else:
            converted.append((each.name, _setter(kind, each.name), _default(each), convert))
    make = object.__new__
    required = frozenset(each.name for each, _ in _fields(kind) if _default(each) is MISSING)

    def read(written: dict[str, Any], files: _Files) -> Any:
        if kind is DataProduct:
            files.own = files.path(written["path"])
        made, get = make(kind), written.get
        if not required <= written.keys():
            raise UnreadableFacts(f"a {kind.__name__} lacks {', '.join(sorted(required - written.keys()))}")
        for name, put, default in plain:
            put(made, get(name, default))
        for name, put, default, convert in converted:
            member = get(name, MISSING)
            put(made, default if member is MISSING else convert(member, files))
        if kind is DataProduct:
            files.own = None
        return made

    return read


def _setter(kind: type[Any], name: str) -> Callable[[Any, Any], None]:
    slot = kind.__dict__.get(name)
    if isinstance(slot, types.MemberDescriptorType):
        return slot.__set__

    def put(made: Any, value: Any) -> None:
        made.__dict__[name] = value

    return put


def _fields(kind: type[Any]) -> list[tuple[Field[Any], Any]]:
    hints = get_type_hints(kind)
    return [(each, hints[each.name]) for each in fields(kind)]


def _default(each: Field[Any]) -> Any:
    return each.default_factory() if each.default_factory is not MISSING else each.default


def _converter(hint: Any, *, write: bool) -> Convert | None:
    """The converter of a type; None where JSON has the same value."""
    if hint in _FORMS:
        return _FORMS[hint][0 if write else 1]
    if is_dataclass(hint) and isinstance(hint, type):
        return _writer(hint) if write else _reader(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in arguments if kind is not types.NoneType]
        if len(kinds) == 1:
            inner = _converter(kinds[0], write=write)
        else:
            inner = (_write_scalar if write else _read_scalar) if {date, datetime} & set(kinds) else None
        if inner is None or types.NoneType not in arguments:
            return inner
        return lambda value, files: None if value is None else inner(value, files)
    if origin is tuple:
        each, made = _converter(arguments[0], write=write), list if write else tuple
        if each is None:
            return lambda values, files: made(values)
        return lambda values, files: made([each(value, files) for value in values])
    if origin is Literal or hint in (str, int, float, bool):
        return None
    raise TypeError(f"{hint!r} has no form in JSON")
