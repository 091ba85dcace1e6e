"""A dbt model read from its files, as far as it can be known without dbt: what it reads, and its SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from platform_core.errors import Place
from platform_core.sql.quoting import quoted

_NAMED: Final = (
    r"""(?P<call>source|ref)\(\s*['"](?P<first>[^'"]+)['"](?:\s*,\s*['"](?P<second>[^'"]+)['"])?\s*\)"""
)
_CALL: Final = re.compile(_NAMED, re.DOTALL)
_CALL_ALONE: Final = re.compile(r"\{\{-?\s*" + _NAMED + r"\s*-?\}\}", re.DOTALL)
_CONFIG: Final = re.compile(r"\{\{-?\s*config\(.*?\)\s*-?\}\}", re.DOTALL)
_COMMENT: Final = re.compile(r"\{#.*?#\}", re.DOTALL)


@dataclass(frozen=True)
class DbtModel:
    """One model of a project; ``files`` are those of all its models by name."""

    name: str
    files: Mapping[str, Path]

    @cached_property
    def _text(self) -> str:
        text = self.files[self.name].read_text(encoding="utf-8", errors="replace")
        # Comments keep their length, so that places stay right.
        return _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)

    def sources(self) -> Iterator[tuple[str, Place]]:
        """The products that the model reads, through other models too, with where it says so."""
        yield from self._sources({self.name})

    def _sources(self, seen: set[str]) -> Iterator[tuple[str, Place]]:
        for call in _CALL.finditer(self._text):
            if call["call"] == "source":
                start = call.start()
                line_start = self._text.rfind("\n", 0, start) + 1
                line = self._text.count("\n", 0, start) + 1
                place = Place(self.files[self.name], line, start - line_start + 1, call.end() - start)
                yield f"{call['first']}/{call['second'] or ''}", place
                continue
            name = call["second"] or call["first"]
            if name in self.files and name not in seen:
                seen.add(name)
                yield from DbtModel(name, self.files)._sources(seen)

    def sql(self) -> str | None:
        """Its SQL with sources as ``"domain"."product"``; None where it takes dbt to write it out."""
        return self._sql(())

    def _sql(self, within: tuple[str, ...]) -> str | None:
        known = True

        def written_out(call: re.Match[str]) -> str:
            nonlocal known
            if call["call"] == "source":
                return f"{quoted(call['first'])}.{quoted(call['second'] or '')}"
            name = call["second"] or call["first"]
            inner = None
            if name in self.files and name not in within:
                inner = DbtModel(name, self.files)._sql((*within, self.name))
            known &= inner is not None
            return f"({inner})"

        text = _CALL_ALONE.sub(written_out, _CONFIG.sub("", self._text)).strip().rstrip(";")
        return text if known and "{{" not in text and "{%" not in text else None
