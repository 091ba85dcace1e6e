"""Files that people write, spoiled in every way: one diagnostic from every verb that reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from company import add_domain, repository
from mesh_command import Answer, Mesh

Spoil = Callable[[Path], None]

TEAMS = "governance/teams.yaml"
GOVERNANCE = (TEAMS, "governance/mesh.yaml", "governance/waivers.yaml")
WORKSPACE = "workspace.yaml"
VERBS: dict[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "show": (("show", "shop/stores"), frozenset({TEAMS})),
    "query": (("query", "--as", "analysts", "FROM shop.stores"), frozenset({TEAMS})),
    "status": (("status",), frozenset({WORKSPACE})),
    "check": (("check", "shop/stores"), frozenset({WORKSPACE})),
    "validate": (("validate",), frozenset({*GOVERNANCE, WORKSPACE})),
    "scorecard": (("scorecard",), frozenset({*GOVERNANCE, WORKSPACE})),
    "register": (("register", "shop", "--to", "registry"), frozenset({*GOVERNANCE, WORKSPACE})),
    "run": (("run", "shop/stores"), frozenset({*GOVERNANCE, WORKSPACE})),
    "serve": (("serve", "--port", "39517"), frozenset({WORKSPACE})),
}
"""Each verb with what calls it, and the files that it reads."""
SLOW = {"validate", "scorecard", "register", "run"}
"""They load code locations."""


def text(content: str | bytes) -> Spoil:
    def spoil(path: Path) -> None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return spoil


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


FAULTS: dict[str, Spoil] = {
    "a tab": text("a:\n\t- b\n"),
    "a list": text("- a\n"),
    "a word": text("word\n"),
    "a key twice": text("a: 1\na: 2\n"),
    "no UTF-8": text(b"a: \xff\n"),
    "100,000 brackets": text("[" * 100_000),
    "half of a mapping": text("a: {b: [\n"),
    "an alias of itself": text("a: &a [*a]\n"),
    "a directory": directory,
    "a named pipe": pipe,
    "/dev/zero": device,
}


@pytest.fixture
def company(tmp_path: Path) -> Mesh:
    root = tmp_path / "mesh"
    made = repository(root)
    for domain in ("shop", "crew"):
        add_domain(made, domain)
    (root / "governance" / "waivers.yaml").write_text("waivers: []\n")
    return Mesh(root, tmp_path / "state")


def diagnostics(answer: Answer) -> list[str]:
    return re.findall(r"^(?:error|warning)\[\w+\]: .*", answer.out + answer.err, re.MULTILINE)


def require_one(answer: Answer, file: str, case: str) -> None:
    said = f"{case}\n{answer.code}\n{answer.out}\n{answer.err}"
    assert "Traceback" not in answer.out + answer.err, said
    # A run goes on without the governance files.
    assert answer.code == (0 if case.startswith("run, governance") else 1), said
    assert len(diagnostics(answer)) == 1, said
    assert file in answer.out + answer.err, said


def cases(slow: bool) -> Iterator[Any]:
    for verb, (_, files) in VERBS.items():
        if (verb in SLOW) == slow:
            for file in sorted(files):
                yield pytest.param(verb, file, id=f"{verb}-{Path(file).name}")


def spoiled(company: Mesh, verb: str, file: str) -> None:
    words, _ = VERBS[verb]
    path = company.root / file
    before = path.read_bytes()
    for name, spoil in FAULTS.items():
        spoil(path)
        require_one(company.call(*words), file, f"{verb}, {file} is {name}")
        path.rmdir() if path.is_dir() else path.unlink()
        path.write_bytes(before)


@pytest.mark.parametrize(("verb", "file"), list(cases(slow=False)))
def test_a_spoiled_file_is_one_diagnostic(company: Mesh, verb: str, file: str) -> None:
    spoiled(company, verb, file)


@pytest.mark.full
@pytest.mark.parametrize(("verb", "file"), list(cases(slow=True)))
def test_a_spoiled_file_is_one_diagnostic_of_verbs_that_load_code(
    company: Mesh, verb: str, file: str
) -> None:
    spoiled(company, verb, file)
