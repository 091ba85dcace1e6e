"""The pages of the reference, from what the code declares: verbs, settings, codes, contract keys, Python.

Nothing of it is committed: `scripts/build_site.py` writes these pages next to the others.
"""

from __future__ import annotations

import argparse
import inspect
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import griffe

from platform_core.cli.grammar import VERBS, parser_of
from platform_core.codes import FAMILIES, Meaning, family, labels
from platform_core.governance.policy_set import BUILT_IN
from platform_core.odcs.custom_properties import Level
from platform_core.odcs.editions import schema_of
from platform_core.settings import SETTINGS

ROOT = Path(__file__).resolve().parent.parent
VARIABLES = """\
# Settings

The environment variables that the platform reads. An empty value counts as no value. A folder may begin with
`~` and may be relative to the working directory; the processes of a run get absolute paths.

{table}

`MESH_SECRET_*` variables hold secrets. A code location gets only those that its domain names, together with
any other variable that it needs, in its `pyproject.toml`:

```toml
[tool.platform-core]
environment = ["MESH_SECRET_SHOP_DATABASE", "HTTPS_PROXY"]
```

Dagster's own variables (`DAGSTER_*`) keep their meaning; `DAGSTER_HOME` is set to `dagster` in the state.
"""
CONTRACT = """\
# Keys of a contract

A contract is a document of the Open Data Contract Standard
([ODCS](https://bitol-io.github.io/open-data-contract-standard/)) v3. The tables list the keys that its JSON
Schema accepts in each part, and the properties that the platform adds. These stand in `customProperties`, as
`{property: NAME, value: VALUE}`. [Add a data product](../add-a-product.md) explains the keys in use.
"""
PARTS = {
    "The contract": (None, Level.CONTRACT),
    "A role, in `roles`": ("Role", None),
    "A service level, in `slaProperties`": ("ServiceLevelAgreementProperty", Level.SLA),
    "The table, in `schema`": ("SchemaObject", Level.TABLE),
    "A column, in `properties`": ("SchemaBaseProperty", Level.COLUMN),
    "A quality rule, in `quality`": ("DataQuality", Level.QUALITY),
    "A relationship, in `relationships`": ("RelationshipBase", Level.RELATIONSHIP),
}


def pages() -> Iterator[tuple[str, str]]:
    """The pages by their paths below `docs`."""
    yield "reference/verbs.md", "\n".join(_verbs())
    yield "reference/settings.md", VARIABLES.format(table="\n".join(_settings()))
    yield "reference/contract.md", "\n".join(_contract())
    yield "reference/python.md", "\n".join(_python())
    yield "reference/codes/index.md", "\n".join(_codes())
    for letter in FAMILIES:
        for code, texts in family(letter).codes.items():
            yield f"reference/codes/{code}.md", "\n".join(_code(code, texts))


def _settings() -> Iterator[str]:
    rows = ((f"`{s.name}`", s.kind, s.default, s.meaning) for s in SETTINGS)
    yield _table(("variable", "kind", "default", "meaning"), rows)


def _verbs() -> Iterator[str]:
    yield "# Verbs of `mesh`\n\n[The command line](../command-line.md) describes what all verbs share.\n"
    yield _table(("verb", "what it does"), ((f"[`{n}`](#mesh-{n})", v.summary) for n, v in VERBS.items()))
    for name, verb in VERBS.items():
        parser = parser_of(name)
        usage = " ".join(parser.format_usage().split()).removeprefix("usage: ")
        yield f"\n## mesh {name}\n\n{verb.summary[0].upper()}{verb.summary[1:]}.\n\n```text\n{usage}\n```\n"
        shown = (
            a for a in parser._actions if a.help != argparse.SUPPRESS and a.dest not in ("help", "verbosity")
        )
        yield _table(("argument", "meaning"), ((_argument(a), a.help or "") for a in shown))
        yield f"\nExit status 1: {verb.findings}.\n"


def _argument(action: argparse.Action) -> str:
    value = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    value = " ".join(value) if isinstance(value, tuple) else value
    return ", ".join(f"`{name} {value}`".replace(" `", "`") for name in action.option_strings) or f"`{value}`"


def _contract() -> Iterator[str]:
    yield CONTRACT
    schema = schema_of("latest")
    for title, (definition, level) in PARTS.items():
        node = schema if definition is None else schema["$defs"][definition]
        yield f"## {title}\n"
        yield _table(("key", "type", "meaning"), _keys(schema, node))
        if level is not None and level.known:
            yield "\nProperties of the platform:\n"
            yield _table(("property", "meaning"), ((f"`{n}`", text) for n, text in level.known.items()))
        yield ""


def _keys(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    required = node.get("required", ())
    for name, value in node.get("properties", {}).items():
        target = _target(schema, value)
        words = " ".join(str(value.get("description") or target.get("description") or "").split())
        yield f"`{name}`" + (" (required)" if name in required else ""), _type(target), words
    for base in (node, *node.get("allOf", ())):
        if "$ref" in base:
            yield from _keys(schema, _target(schema, base))


def _target(schema: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(value.get("$ref", "")).rpartition("/")[2]
    return schema["$defs"][name] if name else value


def _type(value: Mapping[str, Any]) -> str:
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    kind = value.get("type", "")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _codes() -> Iterator[str]:
    yield "# Codes\n\nEvery diagnostic has a code. `mesh explain CODE` prints its page.\n"
    for letter in FAMILIES:
        found = family(letter)
        yield f"## {letter}\n\n{found.about}\n"
        yield _table(("code", "title"), ((f"[{c}]({c}.md)", t.title) for c, t in found.codes.items()))
        yield ""


def _code(code: str, texts: Meaning) -> Iterator[str]:
    policy = next((policy for policy in BUILT_IN if policy.code == code), None)
    yield f"# {code}: {texts.title}\n"
    if policy is not None:
        severity = {"error": "error", "warn": "warning"}[policy.severity]
        yield f"A [policy](../../governance.md) on a {policy.scope}, {severity}.\n"
    yield f"{texts.rationale}\n"
    for label, example in zip(labels(code), (texts.failing, texts.passing), strict=True):
        yield f"{label}:\n\n```text\n{example}\n```\n"
    if texts.fix:
        yield f"Fix: {texts.fix}\n" if "\n" not in texts.fix else f"Fix:\n\n```text\n{texts.fix}\n```\n"


def _python() -> Iterator[str]:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mesh"]["library"]
    package = griffe.load(
        "platform_core",
        search_paths=[ROOT / "platform_core" / "src"],
        allow_inspection=False,
        resolve_aliases=True,
    )
    yield "# Public Python\n\nThe names that [the platform team](../platform.md#its-public-face) holds.\n"
    for name in listed["public"]:
        module = package[name.partition(".")[2]] if "." in name else package
        yield f"## {name}\n\n{_text(module)}\n"
        exported = module.exports
        for member in exported if exported is not None else sorted(module.members):
            found = module.members.get(str(member))
            if found is None or str(member).startswith("_") or (exported is None and found.is_alias):
                continue
            target = found.final_target if isinstance(found, griffe.Alias) else found
            if isinstance(target, griffe.Function | griffe.Class):
                yield f"### {member}\n\n```python\n{_signature(target)}\n```\n\n{_text(target)}\n"
                yield from _members(target)


def _members(found: griffe.Object) -> Iterator[str]:
    """The public attributes and methods of a class."""
    rows = [
        (f"`{_signature(each)}`" if isinstance(each, griffe.Function) else f"`{name}`", _text(each))
        for name, each in found.members.items()
        if isinstance(found, griffe.Class) and not each.is_alias and not name.startswith("_")
    ]
    if rows:
        yield _table(("member", "meaning"), rows) + "\n"


def _signature(found: griffe.Object) -> str:
    if isinstance(found, griffe.Function):
        shown = griffe.Parameters(*(p for p in found.parameters if p.name not in ("self", "cls")))
        return f"{found.name}({', '.join(map(_parameter, shown))})"
    bases = ", ".join(map(str, found.bases)) if isinstance(found, griffe.Class) else ""
    return f"class {found.name}{f'({bases})' if bases else ''}"


def _parameter(found: griffe.Parameter) -> str:
    stars = {"variadic positional": "*", "variadic keyword": "**"}
    text = stars.get(found.kind.value if found.kind else "", "") + found.name
    text += f": {found.annotation}" if found.annotation else ""
    return f"{text} = {found.default}" if found.default is not None and not text.startswith("*") else text


def _text(found: griffe.Object | griffe.Alias) -> str:
    return inspect.cleandoc(found.docstring.value) if found.docstring else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    cells = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(c.split()).replace("|", "\\|") for c in row) + " |" for row in cells
    )
