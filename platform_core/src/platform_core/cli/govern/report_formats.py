"""A validation report as text, as JSON members, as SARIF 2.1.0 or as GitHub's workflow commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from platform_core.cli.documents import diagnostic_facts, relative
from platform_core.codes import meaning
from platform_core.diagnostics import Diagnostic, render
from platform_core.source.federation import Waiver
from platform_core.version import __version__
from platform_core.words import counted
from platform_core.workspace.validate import Report

SARIF_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}
COMMANDS: Final = {"error": "error", "warning": "warning", "info": "notice"}


def text(report: Report) -> str:
    blocks = render(report.diagnostics, limit=len(report.diagnostics))
    return "\n\n".join(part for part in (blocks, summary(report)) if part)


def summary(report: Report) -> str:
    """``2 errors, 1 warning, 3 waived; 11 products in 4 locations``, and locations that do not load."""
    counts = [counted(report.errors, "error"), counted(report.warnings, "warning")]
    if report.waived:
        counts.append(f"{len(report.waived)} waived")
    line = f"{', '.join(counts)}; {counted(report.products, 'product')} in "
    line += counted(len(report.locations), "location")
    if set(report.versions.values()) - {__version__}:
        runs = [f"{version} in {name}" for name, version in report.versions.items()]
        line += f"; platform_core {__version__} here, {', '.join(runs)}"
    return f"{line}; not loaded: {', '.join(report.unloaded)}" if report.unloaded else line


def facts(report: Report) -> dict[str, Any]:
    """The members of the document except its diagnostics; ``docs/validate.md`` describes them."""
    return {
        "summary": {
            "errors": report.errors,
            "warnings": report.warnings,
            "waived": len(report.waived),
            "products": report.products,
            "locations": list(report.locations),
            "unloaded": list(report.unloaded),
            "platform_core": {"mesh": __version__, "locations": dict(report.versions)},
        },
        "waived": [
            diagnostic_facts(diagnostic, report.root)
            | {"waiver": {"reason": w.reason, "approvers": list(w.approvers), "expires": w.expires}}
            for diagnostic, w in report.waived
        ],
    }


def sarif(report: Report) -> str:
    """A SARIF 2.1.0 log with one run; waived violations are suppressed results."""
    found: list[tuple[Diagnostic, Waiver | None]] = [(d, None) for d in report.diagnostics]
    found += report.waived
    codes = sorted({diagnostic.code for diagnostic, _ in found})
    results = [_result(diagnostic, waiver, codes, report.root) for diagnostic, waiver in found]
    run = {
        "tool": {
            "driver": {
                "name": "mesh validate",
                "semanticVersion": __version__,
                "rules": [_rule(code, report) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"uri": f"{report.root.absolute().as_uri()}/"}},
        "invocations": [{"executionSuccessful": not report.unloaded, "exitCode": report.exit_code}],
        "results": results,
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def github(report: Report) -> str:
    return "\n".join([*(_command(d, report.root) for d in report.diagnostics), summary(report)])


def _rule(code: str, report: Report) -> dict[str, Any]:
    policy = report.catalogue.get(code)
    texts = policy or meaning(code)
    if texts is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": texts.title},
        "fullDescription": {"text": texts.rationale},
        "help": {"text": texts.fix or texts.title},
        "defaultConfiguration": {"level": "warning" if policy and policy.severity == "warn" else "error"},
    }


def _result(diagnostic: Diagnostic, waiver: Waiver | None, codes: list[str], root: Path) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": codes.index(diagnostic.code),
        "level": LEVELS[diagnostic.severity],
        "message": {"text": "\n".join(_words(diagnostic))},
    }
    place = diagnostic.place
    if place is not None:
        artifact: dict[str, Any] = {"uri": quote(relative(place.path, root))}
        if place.path.is_relative_to(root):
            artifact["uriBaseId"] = "ROOT"
        else:
            artifact["uri"] = place.path.absolute().as_uri()
        region = {
            "startLine": place.line,
            "startColumn": place.column,
            "endColumn": place.column + place.length,
        }
        result["locations"] = [{"physicalLocation": {"artifactLocation": artifact, "region": region}}]
    if waiver is not None:
        result["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted",
                "justification": f"{waiver.reason} (until {waiver.expires})",
            }
        ]
    return result


def _command(diagnostic: Diagnostic, root: Path) -> str:
    properties = {"title": f"{diagnostic.code} {diagnostic.severity}"}
    place = diagnostic.place
    if place is not None:
        properties = {
            "file": relative(place.path, root),
            "line": str(place.line),
            "col": str(place.column),
            "endColumn": str(place.column + place.length),
        } | properties
    words = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{COMMANDS[diagnostic.severity]} {words}::{_data(chr(10).join(_words(diagnostic)))}"


def _words(diagnostic: Diagnostic) -> Iterator[str]:
    yield diagnostic.message
    for label, words in (("expected", diagnostic.expected), ("fix", diagnostic.fix)):
        if words:
            yield f"{label}: {words}"


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")
