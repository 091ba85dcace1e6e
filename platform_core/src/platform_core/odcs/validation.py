"""Validation by the JSON Schema of the Open Data Contract Standard, with its errors as diagnostics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from platform_core.diagnostics import Diagnostic
from platform_core.odcs.editions import Edition, known_names, schema_of
from platform_core.source.document import Document
from platform_core.words import did_you_mean, listed, shortened

if TYPE_CHECKING:
    import jsonschema_rs

_OPERATORS = "mustBe, mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mustBeLessThan, \
mustBeLessOrEqualTo, mustBeBetween or mustNotBeBetween"
_NOUNS = {"string": "text", "object": "a mapping", "array": "a list", "boolean": "true or false"}


def validate(document: Document) -> tuple[Diagnostic, ...]:
    """The faults of a document against ODCS v3: unknown property (C010), missing property (C011),
    unknown word (C012), wrong type (C013), wrong form (C014), property at the wrong place (C015)."""
    old = str(document.data.get("apiVersion")).startswith("v3.0.")
    edition: Edition = "v3.0" if old else "latest"
    errors = list(_validator(edition).iter_errors(document.data))
    if not errors:
        return ()
    schema = schema_of(edition)
    found = list(_diagnostics(document, schema, list(_essential(schema, errors))))
    if not found:  # every error was left out as a consequence of another
        found = [_form(document, errors[0], tuple(errors[0].instance_path))]
    return tuple(in_order(found))


def in_order(faults: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each fault of a file once, in the order of their places."""
    unique = {(d.code, d.message, d.place): d for d in faults}
    return sorted(unique.values(), key=lambda d: (d.place.line, d.place.column) if d.place else (0, 0))


@cache
def _validator(edition: Edition) -> jsonschema_rs.Validator:
    import jsonschema_rs

    return jsonschema_rs.validator_for(schema_of(edition))


def _essential(
    schema: dict[str, Any], errors: Iterable[jsonschema_rs.ValidationError]
) -> Iterator[jsonschema_rs.ValidationError]:
    """Without the errors that only follow from others: a branch of the schema that fails leaves its
    properties "unevaluated", which would make each of them unknown."""
    flat = [leaf for error in errors for leaf in _leaves(error)]
    others = [tuple(e.instance_path) for e in flat if e.kind.name != "unevaluatedProperties"]
    for error in flat:
        if error.kind.name == "unevaluatedProperties":
            here = tuple(error.instance_path)
            known = known_names(schema, error.schema_path)
            other_inside = any(path[: len(here)] == here for path in others)
            if other_inside and all(word in known for word in _detail(error).unexpected):
                continue
        yield error


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


def _detail(error: jsonschema_rs.ValidationError) -> Any:
    """The keyword's record, whose class depends on the keyword."""
    return error.kind


def _diagnostics(
    document: Document, schema: dict[str, Any], errors: Sequence[jsonschema_rs.ValidationError]
) -> Iterator[Diagnostic]:
    unknown = _unknown_words(schema, errors)
    for error in errors:
        pointer = tuple(error.instance_path)
        match error.kind.name:
            case "unevaluatedProperties" | "additionalProperties":
                if pointer[-1:] != ("logicalTypeOptions",) or document.at(*pointer[:-1], "logicalType"):
                    yield from _unknown(document, schema, error, pointer)
                elif not did_you_mean("logicalType", unknown.get(pointer[:-1], ())):
                    yield _missing(document, pointer[:-1], "logicalType", "the logicalTypeOptions require")
            case "required":
                word = str(_detail(error).property)
                if not did_you_mean(word, unknown.get(pointer, ())):
                    yield _missing(document, pointer, word)
            case "enum" | "const":
                yield _word(document, error, pointer)
            case "type":
                yield _type(document, error, pointer)
            case _:
                yield _form(document, error, pointer)


def _unknown_words(
    schema: dict[str, Any], errors: Iterable[jsonschema_rs.ValidationError]
) -> dict[tuple[str | int, ...], list[str]]:
    """Unknown properties by pointer; one of them may be a misspelling of a missing property."""
    words: dict[tuple[str | int, ...], list[str]] = {}
    for error in errors:
        if error.kind.name in {"unevaluatedProperties", "additionalProperties"}:
            known = known_names(schema, error.schema_path)
            unexpected = [word for word in _detail(error).unexpected if word not in known]
            words.setdefault(tuple(error.instance_path), []).extend(unexpected)
    return words


def _unknown(
    document: Document,
    schema: dict[str, Any],
    error: jsonschema_rs.ValidationError,
    pointer: tuple[str | int, ...],
) -> Iterator[Diagnostic]:
    known = known_names(schema, error.schema_path)
    present = document.at(*pointer)
    others = [word for word in known if not isinstance(present, dict) or word not in present]
    for word in _detail(error).unexpected:
        place = document.key_place(*pointer, word)
        if word in known:
            yield Diagnostic(
                "C015",
                f'"{word}" does not belong to this kind of {_noun(pointer)}',
                place,
                expected="a property that goes with the others here",
                fix=f'Remove "{word}", or change the type.',
            )
            continue
        yield Diagnostic(
            "C010",
            f'unknown property "{word}" in {_where(pointer)}',
            place,
            expected=f"one of {listed(sorted(others), 20)}" if others else "no property",
            fix=did_you_mean(word, others) or "Remove it, or move it to customProperties.",
        )


def _missing(
    document: Document, pointer: tuple[str | int, ...], word: str, because: str = "the standard requires"
) -> Diagnostic:
    place = document.key_place(*pointer) if pointer else document.place()
    examples = {
        "apiVersion": "apiVersion: v3.2.0",
        "kind": "kind: DataContract",
        "id": "id: <domain>/<product>",
        "version": 'version: "1.0.0"',
        "name": "name: <name>",
    }
    expected, fix = f"the property {word}, which {because}", f"Add:\n{examples.get(word, f'{word}: ...')}"
    return Diagnostic("C011", f'"{word}" is missing in {_where(pointer)}', place, expected, fix)


def _word(
    document: Document, error: jsonschema_rs.ValidationError, pointer: tuple[str | int, ...]
) -> Diagnostic:
    options = [str(option) for option in getattr(error.kind, "options", [])]
    value = document.at(*pointer)
    fix = did_you_mean(str(value), options)
    if fix is None and len(options) == 1:
        fix = f"Write {options[0]}."
    if pointer[-1:] == ("rule",) or pointer[-1:] == ("metric",):
        fix = fix or "Write `type: sql` with a query, or `type: text`."
    message = f"the standard has no {_noun(pointer)} {_shown(value)}"
    expected = f"one of {listed(options, 60)}" if len(options) > 1 else listed(options)
    return Diagnostic("C012", message, document.place(*pointer), expected, fix)


def _type(
    document: Document, error: jsonschema_rs.ValidationError, pointer: tuple[str | int, ...]
) -> Diagnostic:
    types = [str(name) for name in _detail(error).types]
    expected = " or ".join(
        _NOUNS.get(name, f"{'an' if name[0] in 'aeiou' else 'a'} {name}") for name in types
    )
    value = document.at(*pointer)
    fix = None
    last = pointer[-1] if pointer else ""
    if "string" in types and isinstance(value, (int, float, bool)):
        quoted = json.dumps(_source(document, pointer), ensure_ascii=False)
        fix = f"Add quotes: `{last}: {quoted}`" if isinstance(last, str) else f"Add quotes: `{quoted}`"
    elif {"number", "integer"} & set(types) and isinstance(value, str) and _numeric(value):
        fix = f"Remove the quotes: `{last}: {value}`"
    elif types == ["boolean"]:
        fix = "Write true or false; yes, no, on and off are text."
    elif types == ["array"]:
        fix = "Write a list: [a, b], or a line with a dash for each item."
    return Diagnostic(
        "C013", f"{_where(pointer)} is {_shown(value)}", document.place(*pointer), f"{expected}", fix
    )


def _form(
    document: Document, error: jsonschema_rs.ValidationError, pointer: tuple[str | int, ...]
) -> Diagnostic:
    place = document.place(*pointer)
    where = _where(pointer)
    value = document.at(*pointer)
    kind = error.kind.name
    if "DataQualityOperators" in error.schema_path:
        bounds = [key for key in value if key.startswith("must")] if isinstance(value, dict) else []
        message = f"{where} has {listed(bounds)}" if len(bounds) > 1 else f"{where} has no bound"
        fix = "Write mustBeBetween: [least, most]." if len(bounds) > 1 else "Add mustBe: 0."
        return Diagnostic("C014", message, place, expected=f"exactly one of {_OPERATORS}", fix=fix)
    if pointer[-1:] in {("to",), ("from",)} or pointer[-2:-1] in {("to",), ("from",)}:
        return Diagnostic(
            "C014",
            f"{_shown(value)} is not a reference to a column",
            place,
            expected="<domain>/<product>.odcs.yaml#/schema/<product>/properties/<column>, or table.column",
            fix="Write the target's contract file, then #/schema/<product>/properties/<column>.",
        )
    if kind == "not" and "RelationshipPropertyLevel" in error.schema_path:
        return Diagnostic(
            "C015",
            '"from" does not belong to a relationship of a column',
            document.key_place(*pointer, "from"),
            expected="`to` alone, since the column is the source",
            fix="Remove from.",
        )
    if kind == "pattern" and _detail(error).pattern == "^[A-Za-z0-9_-]+$":
        message, fix = f"{_shown(value)} is not an id", "Write letters, digits, _ and - only."
        return Diagnostic("C014", message, place, expected="letters, digits, _ and -", fix=fix)
    return Diagnostic("C014", f"{where} has a wrong form: {shortened(str(error.message), 120)}", place)


def _where(pointer: tuple[str | int, ...]) -> str:
    text = ""
    for part in pointer:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the contract"


def _noun(pointer: tuple[str | int, ...]) -> str:
    words = [part for part in pointer if isinstance(part, str)]
    return words[-1] if words else "contract"


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return shortened(json.dumps(value, ensure_ascii=False), 120)


def _source(document: Document, pointer: tuple[str | int, ...]) -> str:
    place = document.place(*pointer)
    line = place.source_line() or ""
    return line[place.column - 1 : place.column - 1 + place.length]


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
