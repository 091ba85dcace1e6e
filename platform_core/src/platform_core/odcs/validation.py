"""Validation by the JSON Schema of the Open Data Contract Standard, with its errors as diagnostics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from platform_core.diagnostics import Diagnostic, Place
from platform_core.odcs.editions import Edition, known_names, schema_of
from platform_core.source.document import Document, Pointer
from platform_core.words import did_you_mean, listed, shortened

if TYPE_CHECKING:
    import jsonschema_rs

_OPERATORS = "mustBe, mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mustBeLessThan, \
mustBeLessOrEqualTo, mustBeBetween or mustNotBeBetween"
_NOUNS = {"string": "text", "object": "a mapping", "array": "a list", "boolean": "true or false"}
_EXAMPLES = {
    "apiVersion": "apiVersion: v3.2.0",
    "kind": "kind: DataContract",
    "id": "id: <domain>/<product>",
    "version": 'version: "1.0.0"',
    "name": "name: <name>",
}
_UNKNOWN = ("unevaluatedProperties", "additionalProperties")


def validate(document: Document) -> tuple[Diagnostic, ...]:
    """The faults of a document against ODCS v3: unknown property (C010), missing property (C011),
    unknown word (C012), wrong type (C013), wrong form (C014), property at the wrong place (C015)."""
    old = str(document.data.get("apiVersion")).startswith("v3.0.")
    edition: Edition = "v3.0" if old else "latest"
    errors = list(_validator(edition).iter_errors(document.data))
    if not errors:
        return ()
    schema = schema_of(edition)
    leaves = [_Error(document, schema, leaf) for error in errors for leaf in _leaves(error)]
    found = list(_diagnostics([error for error in leaves if not error.follows_from(leaves)]))
    if not found:  # every error was left out as a consequence of another
        found = [_Error(document, schema, errors[0]).form()]
    return tuple(in_order(found))


def in_order(faults: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each fault of a file once, in the order of their places."""
    unique = {(d.code, d.message, d.place): d for d in faults}
    return sorted(unique.values(), key=lambda d: (d.place.line, d.place.column) if d.place else (0, 0))


@cache
def _validator(edition: Edition) -> jsonschema_rs.Validator:
    import jsonschema_rs

    return jsonschema_rs.validator_for(schema_of(edition))


def _leaves(error: jsonschema_rs.ValidationError) -> list[jsonschema_rs.ValidationError]:
    """If all alternatives fail, the errors of the only one that has the value's type."""
    if error.kind.name not in {"oneOf", "anyOf"}:
        return [error]
    context: list[list[jsonschema_rs.ValidationError]] = getattr(error.kind, "context", [])
    here = len(error.instance_path)
    meant = [
        branch
        for branch in context
        if not any(e.kind.name == "type" and len(e.instance_path) == here for e in branch)
    ]
    if len(meant) != 1:
        return [error]
    return [leaf for nested in meant[0] for leaf in _leaves(nested)]


class _Error:
    """An error of the schema with its value in the document."""

    def __init__(
        self, document: Document, schema: dict[str, Any], error: jsonschema_rs.ValidationError
    ) -> None:
        self.document, self.schema, self.error = document, schema, error
        self.pointer = tuple(error.instance_path)
        self.kind = error.kind.name
        self.keyword: Any = error.kind
        """The keyword's record, whose class depends on the keyword."""
        self.value = document.at(*self.pointer)
        self.where = _where(self.pointer)
        self.noun = next((part for part in reversed(self.pointer) if isinstance(part, str)), "contract")

    @cached_property
    def known(self) -> set[str]:
        return known_names(self.schema, self.error.schema_path)

    @property
    def place(self) -> Place:
        return self.document.place(*self.pointer)

    def follows_from(self, others: Iterable[_Error]) -> bool:
        """A branch of the schema that fails leaves its properties "unevaluated", which would make each of
        them unknown."""
        if self.kind != "unevaluatedProperties" or not set(self.keyword.unexpected) <= self.known:
            return False
        here = self.pointer
        return any(e.pointer[: len(here)] == here for e in others if e.kind != "unevaluatedProperties")

    def unknown(self) -> Iterator[Diagnostic]:
        others = sorted(self.known - (self.value.keys() if isinstance(self.value, dict) else set()))
        for word in self.keyword.unexpected:
            place = self.document.key_place(*self.pointer, word)
            if word in self.known:
                message = f'"{word}" does not belong to this kind of {self.noun}'
                expected, fix = "a property that fits the others", f'Remove "{word}", or change the type.'
                yield Diagnostic("C015", message, place, expected, fix)
            else:
                expected = f"one of {listed(others, 20)}" if others else "no property"
                fix = did_you_mean(word, others) or "Remove it, or move it to customProperties."
                yield Diagnostic("C010", f'unknown property "{word}" in {self.where}', place, expected, fix)

    def missing(self, word: str, because: str, pointer: Pointer) -> Diagnostic:
        place = self.document.key_place(*pointer) if pointer else self.document.place()
        expected, fix = (
            f"the property {word}, which {because}",
            f"Add:\n{_EXAMPLES.get(word, f'{word}: ...')}",
        )
        return Diagnostic("C011", f'"{word}" is missing in {_where(pointer)}', place, expected, fix)

    def word(self) -> Diagnostic:
        options = [str(option) for option in getattr(self.keyword, "options", [])]
        fix = did_you_mean(str(self.value), options)
        if fix is None and len(options) == 1:
            fix = f"Write {options[0]}."
        if self.pointer[-1:] in {("rule",), ("metric",)}:
            fix = fix or "Write `type: sql` with a query, or `type: text`."
        message = f"the standard has no {self.noun} {_shown(self.value)}"
        expected = f"one of {listed(options, 60)}" if len(options) > 1 else listed(options)
        return Diagnostic("C012", message, self.place, expected, fix)

    def type(self) -> Diagnostic:
        types, value = [str(name) for name in self.keyword.types], self.value
        nouns = (_NOUNS.get(name, f"{'an' if name[0] in 'aeiou' else 'a'} {name}") for name in types)
        fix = None
        key = f"{self.pointer[-1]}: " if self.pointer and isinstance(self.pointer[-1], str) else ""
        if "string" in types and isinstance(value, (int, float, bool)):
            fix = f"Add quotes: `{key}{json.dumps(self._source(), ensure_ascii=False)}`"
        elif {"number", "integer"} & set(types) and isinstance(value, str) and _numeric(value):
            fix = f"Remove the quotes: `{key}{value}`"
        elif types == ["boolean"]:
            fix = "Write true or false; yes, no, on and off are text."
        elif types == ["array"]:
            fix = "Write a list: [a, b], or a line with a dash for each item."
        return Diagnostic("C013", f"{self.where} is {_shown(value)}", self.place, " or ".join(nouns), fix)

    def form(self) -> Diagnostic:
        pointer, value, place = self.pointer, self.value, self.place
        if "DataQualityOperators" in self.error.schema_path:
            bounds = [key for key in value if key.startswith("must")] if isinstance(value, dict) else []
            message = (
                f"{self.where} has {listed(bounds)}" if len(bounds) > 1 else f"{self.where} has no bound"
            )
            fix = "Write mustBeBetween: [least, most]." if len(bounds) > 1 else "Add mustBe: 0."
            return Diagnostic("C014", message, place, f"exactly one of {_OPERATORS}", fix)
        if {"to", "from"} & {*map(str, pointer[-1:]), *map(str, pointer[-2:-1])}:
            message = f"{_shown(value)} is not a reference to a column"
            target = "#/schema/<product>/properties/<column>"
            fix = f"Write the target's contract file, then {target}."
            return Diagnostic(
                "C014", message, place, f"<domain>/<product>.odcs.yaml{target}, or table.column", fix
            )
        if self.kind == "not" and "RelationshipPropertyLevel" in self.error.schema_path:
            message = '"from" does not belong to a relationship of a column'
            expected = "`to` alone, since the column is the source"
            return Diagnostic(
                "C015", message, self.document.key_place(*pointer, "from"), expected, "Remove from."
            )
        if self.kind == "pattern" and self.keyword.pattern == "^[A-Za-z0-9_-]+$":
            message, fix = f"{_shown(value)} is not an id", "Write letters, digits, _ and - only."
            return Diagnostic("C014", message, place, "letters, digits, _ and -", fix)
        message = f"{self.where} has a wrong form: {shortened(str(self.error.message), 120)}"
        return Diagnostic("C014", message, place)

    def _source(self) -> str:
        line = self.place.source_line() or ""
        return line[self.place.column - 1 : self.place.column - 1 + self.place.length]


def _diagnostics(errors: Sequence[_Error]) -> Iterator[Diagnostic]:
    # One of the unknown properties may be a misspelling of a missing property.
    unknown: dict[Pointer, list[str]] = {}
    for error in errors:
        if error.kind in _UNKNOWN:
            unexpected = [word for word in error.keyword.unexpected if word not in error.known]
            unknown.setdefault(error.pointer, []).extend(unexpected)
    for error in errors:
        outer = error.pointer[:-1]
        match error.kind:
            case "unevaluatedProperties" | "additionalProperties":
                of_options = error.pointer[-1:] == ("logicalTypeOptions",)
                if not of_options or error.document.at(*outer, "logicalType"):
                    yield from error.unknown()
                elif not did_you_mean("logicalType", unknown.get(outer, ())):
                    yield error.missing("logicalType", "the logicalTypeOptions require", outer)
            case "required":
                word = str(error.keyword.property)
                if not did_you_mean(word, unknown.get(error.pointer, ())):
                    yield error.missing(word, "the standard requires", error.pointer)
            case "enum" | "const":
                yield error.word()
            case "type":
                yield error.type()
            case _:
                yield error.form()


def _where(pointer: Pointer) -> str:
    text = ""
    for part in pointer:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the contract"


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return shortened(json.dumps(value, ensure_ascii=False), 120)


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
