"""Rules for every verb of `mesh`: formats, documents, exit statuses, options, and usage errors."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from cli.one_shop import one_shop

from platform_core import __version__
from platform_core.cli import main
from platform_core.cli.grammar import VERBS, parser_of, understand

PAGE = Path(__file__).parents[3] / "docs" / "command-line.md"
PLACES = ("MESH_ROOT", "MESH_HOME", "MESH_LAKE", "MESH_CONTRACTS", "MESH_REGISTRY", "MESH_KEYS")
CALLS = {
    "infer": ["shop/stores"],
    "new": ["product", "shop/copied", "--from", "shop/stores"],
    "remove": ["product", "shop/stores"],
    "format": ["shop/stores"],
    "check": ["shop/stores"],
    "validate": [],
    "explain": ["G101"],
    "scorecard": [],
    "products": [],
    "status": [],
    "show": ["shop/stores"],
    "history": ["shop/stores"],
    "keys": [],
    "query": ["SELECT * FROM shop.stores ORDER BY store_id"],
    "attach": ["mesh.duckdb"],
    "stats": ["shop/stores"],
    "diff": ["shop/stores"],
    "lineage": ["shop/stores"],
    "plan": [],
    "run": ["shop/stores"],
    "register": ["--to", "registry"],
    "grant": ["check"],
    "completion": ["bash"],
    "doctor": [],
    "incident": ["list"],
    "alert": ["explain", "shop/stores"],
    "slo": ["shop/stores"],
    "watch": ["--once"],
    "serve": [],
    "metrics": [],
    "deploy": ["compose"],
}
"""Each verb as it works. `mesh serve` and `mesh metrics` do not end, and have tests of their own."""

SEVERAL = ("format", "keys", "plan", "run", "register", "incident")
"""Those that take one argument more."""

ANSWERING = [verb for verb in VERBS if VERBS[verb].formats and verb not in ("grant", "slo")]
"""`mesh grant` answers only where lakes are on servers: tests/scale. `mesh slo` needs a ledger: test_slo."""
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mesh with a published product."""
    root = one_shop(tmp_path_factory.mktemp("made"))
    done = mesh(root, "run").communicate(timeout=120)
    assert (root / ".mesh" / "lake" / "shop").is_dir(), done
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the mesh as working directory."""
    copy = tmp_path / "mesh"
    shutil.copytree(made, copy)
    for name in PLACES:
        # Set first: `mesh register` sets one of them, and it must be gone after the test.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.chdir(copy)
    return copy


@pytest.fixture
def call(root: Path, capfd: pytest.CaptureFixture[str]) -> Call:
    """Call the command: exit status, standard output, standard error."""

    def call(*words: str) -> tuple[int, str, str]:
        status = main(words)
        said = capfd.readouterr()
        return status, said.out, said.err

    return call


def mesh(root: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "platform_core.cli", *words],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_the_page_has_every_verb_with_its_arguments_formats_and_findings() -> None:
    rows = re.findall(r"^\| `mesh .*$", PAGE.read_text(), re.MULTILINE)
    assert [row.replace(r"\|", "|") for row in rows] == [row_of(verb) for verb in VERBS]


def row_of(verb: str) -> str:
    """The row of a verb in the page, from its parser."""
    common = {"--help", "--quiet", "--verbose", "--format", "--json"}
    words = [f"mesh {verb}"]
    for action in parser_of(verb)._actions:
        if common & set(action.option_strings) or action.help == argparse.SUPPRESS:
            continue
        shown = " ".join([*action.option_strings, *([str(action.metavar)] if action.nargs != 0 else [])])
        several = " ..." if action.nargs in ("*", "+") else ""
        words.append(shown if action.required and not several else f"[{shown}{several}]")
    formats = ", ".join(f"`{each}`" for each in VERBS[verb].formats) or "-"
    return f"| `{' '.join(words)}` | {formats} | {VERBS[verb].findings} |"


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_the_summary_the_formats_and_the_exit_statuses(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert VERBS[verb].summary[1:] in said
    assert f"Exit status: 0 done; 1 {VERBS[verb].findings}; 2 wrong usage; 130 interrupted." in said
    assert ("{" + ",".join(VERBS[verb].formats) + "}" in said) == bool(VERBS[verb].formats)
    assert ("--json" in said) == ("json" in VERBS[verb].formats)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["-q", "--version"], ["--nope"], ["nope"]])
def test_without_a_verb_no_module_of_a_verb_is_imported(words: list[str]) -> None:
    code = (
        f"import sys\nfrom platform_core.cli import main\nmain({words!r})\n"
        "print('imported:', *(name for name in sys.modules if name.startswith('platform_core.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = done.stdout.partition("imported: ")[2].split()
    light = {"cli", "cli.exit_status", "cli.grammar", "diagnostics", "version", "words"}
    assert set(imported) <= {f"platform_core.{name}" for name in light}
    if "--version" in words:
        assert done.stdout.startswith(f"mesh {__version__}\n")
    if "--help" in words:
        assert all(f"  {verb} " in done.stdout and VERBS[verb].summary in done.stdout for verb in VERBS)


USED = ("versions", "python", "root", "home", "lake", "registry")


@pytest.mark.parametrize("verb", ANSWERING)
def test_every_answer_as_text_and_as_a_document(call: Call, root: Path, verb: str) -> None:
    """Without notes, and with all of them."""
    status, text, errors = call("-q", verb, *CALLS[verb])
    assert (status, text != "", errors) == (0, True, "")
    with pytest.raises(ValueError, match=r"Expecting|Extra data"):
        json.loads(text)

    if verb == "new":  # it does nothing twice
        (root / "domains/shop/contracts/copied.odcs.yaml").unlink()
        (root / "domains/shop/tests/test_copied.py").unlink()
        (root / "domains/shop/src/shop/copied.py").unlink()
    status, said, errors = call(verb, *CALLS[verb], "--json", "--verbose")
    assert status == 0
    document = json.loads(said)
    assert list(document)[:2] == ["format", "version"]
    # The values of a query have another form than in version 1.
    version = 2 if verb == "query" else 1
    assert (document["format"], document["version"]) == (f"platform-core/{verb}", version)

    named = [name for key, name in members(document) if key == "product" and name is not None]
    assert all(re.fullmatch(r"[a-z_]+/[a-z_]+", name) for name in named), named
    naming = {"new", "remove", "check", "scorecard", "products", "show", "history", "stats", "run"}
    assert bool(named) == (verb in naming | {"diff", "lineage", "plan", "alert"})
    counted = [value for key, value in members(document) if key == "checks"]
    if verb in ("run", "status", "show", "history"):
        assert counted == [{"passed": 4, "warned": 1, "failed": 0}]
        assert re.search(r"4 ok, 1 warning\s", text)
    else:
        assert not counted

    used = dict(line.split(maxsplit=1) for line in errors.splitlines()[: len(USED)])
    assert tuple(used) == USED
    assert f"platform_core {__version__}, dagster " in used["versions"]
    assert (used["python"], used["registry"]) == (sys.executable, "none")
    places = (root, root / ".mesh", root / ".mesh" / "lake")
    assert tuple(used[name] for name in ("root", "home", "lake")) == tuple(map(str, places))


@pytest.mark.parametrize("verb", VERBS)
def test_short_forms_and_defaults_mean_the_same(verb: str) -> None:
    words = [verb, *CALLS[verb]]
    for option, level in (("-q", -1), ("--quiet", -1), ("-v", 1), ("--verbose", 1), ("-qv", 1)):
        assert understand([option, *words]) == understand([*words, option])
        assert understand([option, *words]).verbosity == level
    if VERBS[verb].formats:
        assert understand(words) == understand([*words, "--format", "table"])
        assert understand([*words, "--json"]) == understand([*words, "--format", "json"])


@pytest.mark.parametrize(
    ("verb", "format", "start"),
    [
        ("validate", "sarif", '{\n  "$schema"'),
        ("validate", "github", "0 errors, "),
        ("query", "csv", "store_id,sale_count\n"),
        ("query", "jsonl", '{"store_id": 1, "sale_count": 10}\n'),
        ("query", "markdown", "| store_id | sale_count |\n| --- | --- |\n| 1 | 10 |\n"),
    ],
)
def test_formats_of_only_one_verb(call: Call, verb: str, format: str, start: str) -> None:
    assert format in VERBS[verb].formats
    status, said, errors = call(verb, *CALLS[verb], "--format", format)
    assert (status, errors) == (0, "")
    assert said.startswith(start)


@pytest.mark.parametrize("verb", VERBS)
def test_mesh_help_is_the_option_help(call: Call, verb: str) -> None:
    assert call("help", verb) == call(verb, "--help")
    assert call("help") == call("--help")
    assert "error[U022]" in call("help", "shwo")[2]


def test_diagnostics_are_in_the_document_or_on_standard_error(call: Call, root: Path) -> None:
    contract = root / "domains/shop/contracts/stores.odcs.yaml"
    contract.write_text(contract.read_text().replace("logicalType: integer", "logicalTyp: integer"))
    for verb in ("check", "products", "status", "keys", "scorecard", "validate", "register"):
        status, said, errors = call("-q", verb, *CALLS[verb], "--json")
        assert (status, errors) == (1, ""), verb
        faults = [fault for fault in json.loads(said)["diagnostics"] if fault["code"] == "C010"]
        assert faults, verb
        assert faults[0]["place"]["path"] == "domains/shop/contracts/stores.odcs.yaml"
        assert faults[0].keys() == {"code", "severity", "message", "place", "expected", "fix"}
        status, said, errors = call("-q", verb, *CALLS[verb])
        assert status == 1
        assert "error[C010]" in (said if verb == "validate" else errors), verb


def test_rows_stream_inside_the_document_of_a_query(call: Call) -> None:
    """Computed rows are printed and the document is closed, even if a later value cannot be computed."""
    sql = (
        "SELECT CASE WHEN i < 350000 THEN i ELSE error('no') END AS i FROM range(400000) r(i) "
        "WHERE i >= (SELECT min(store_id) FROM shop.stores)"
    )
    status, said, errors = call("query", "--json", "--limit", "0", sql)
    document = json.loads(said)
    assert (status, errors.count("error[")) == (2, 1)
    assert document["columns"] == [{"name": "i", "type": "BIGINT"}]
    assert document["rows"][0] == {"i": 1}
    assert len(document["rows"]) % 10_000 == 0
    assert document["complete"] is False
    assert said.count("\n") > len(document["rows"]), "a row per line"


def test_left_out_rows_are_noted(call: Call) -> None:
    status, said, errors = call("query", "--json", "--limit", "2", *CALLS["query"])
    document = json.loads(said)
    assert (status, errors) == (0, "first 2 rows; --limit 0 shows all\n")
    assert [row["store_id"] for row in document["rows"]] == [1, 2]
    assert document["complete"] is False


def members(document: Any) -> Iterator[tuple[str, Any]]:
    """All members of all objects of a document."""
    if isinstance(document, dict):
        yield from document.items()
        document = list(document.values())
    for value in document if isinstance(document, list) else ():
        yield from members(value)


def test_quiet_keeps_diagnostics(call: Call) -> None:
    assert call("-q", "show", "shop/store")[2].startswith("error[U043]")
    assert "error[A010]" in call("query", "-q", "DROP TABLE shop.stores")[2]


def test_a_bug_shows_its_traceback(root: Path) -> None:
    """A diagnostic would not help to fix it."""
    broken = "import platform_core.cli.read.products as products\nproducts._facts = None\n"
    code = f"{broken}from platform_core.cli import main\nmain(['products', '-q'])"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=root, stderr=subprocess.PIPE, text=True)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" in errors
    assert "TypeError" in errors


class TestUsage:
    """argparse prints nothing: every usage error is one diagnostic with status 2."""

    def fault(self, call: Call, *words: str) -> str:
        status, said, errors = call(*words)
        assert (status, said) == (2, ""), words
        assert errors.startswith("error[")
        assert (errors.count("error["), errors.count("usage:"), errors.count("Traceback")) == (1, 0, 0), (
            errors
        )
        return errors

    @pytest.mark.parametrize("verb", VERBS)
    def test_an_unknown_option(self, call: Call, verb: str) -> None:
        for words in ([verb, *CALLS[verb], "--quite"], [verb, "--quite", *CALLS[verb]], ["--quite", verb]):
            said = self.fault(call, *words)
            assert "error[U092]" in said
            assert 'has no option "--quite"' in said
            assert 'fix: did you mean "--quiet"?' in said
        assert "error[U092]" in self.fault(call, verb, *CALLS[verb], "-x")

    @pytest.mark.parametrize("verb", VERBS)
    def test_a_wrong_format(self, call: Call, verb: str) -> None:
        said = self.fault(call, verb, *CALLS[verb], "--format", "jsn")
        if not VERBS[verb].formats:
            assert "error[U092]" in said
            return
        assert 'error[U094]: --format cannot be "jsn"' in said
        assert f"expected: {', '.join(VERBS[verb].formats)}" in said
        assert 'did you mean "json"?' in said
        assert "error[U094]" in self.fault(call, verb, *CALLS[verb], "--json=yes")
        assert "error[U093]: --format needs a value" in self.fault(call, verb, *CALLS[verb], "--format")

    @pytest.mark.parametrize("verb", ["infer", "new", "check", "show", "history", "diff", "query"])
    def test_a_missing_argument(self, call: Call, verb: str) -> None:
        said = self.fault(call, verb, "--json")
        assert re.search(r"error\[U093\]: [A-Z|]+ is missing", said)
        assert "expected: " in said
        assert f"fix: `mesh {verb} --help`" in said

    @pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in SEVERAL])
    def test_an_unexpected_argument(self, call: Call, verb: str) -> None:
        said = self.fault(call, verb, *CALLS[verb], "more")
        assert 'error[U091]: unexpected argument "more"' in said
        assert f"expected: mesh {verb} [-h] [-q] [-v]" in said

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            ([], "U022", "no verb is named"),
            (["-q"], "U022", "no verb is named"),
            (["shwo"], "U022", 'did you mean "show"?'),
            (["query", "SELECT 1", "--limit", "-1"], "U094", '--limit cannot be "-1"'),
            (["query", "SELECT 1", "--limit", "abc"], "U094", "a whole number from 0"),
            (["query", "SELECT 1", "--limit", "9" * 5000], "U094", "a whole number from 0"),
            (["query", "SELECT 1", "--limit"], "U093", "--limit needs a value"),
            (["query", "SELECT 1", "--limt", "1"], "U092", 'did you mean "--limit"?'),
            (["serve", "--port", "65536"], "U094", "a whole number from 1 to 65535"),
            (["serve", "--port", "0"], "U094", '--port cannot be "0"'),
            (["serve", "--host", ""], "U094", '"" is not a host'),
            (["serve", "--host", "http://localhost"], "U094", "without http:// and port"),
            (["serve", "--name", "mesh.example.com:3000"], "U094", "without http:// and port"),
            (["serve", "--host", "0.0.0.0"], "U028", "write --no-login"),
            (["serve", "--host", "0.0.0.0", "--no-login"], "U029", "--name mesh.example.com"),
            (["keys", "rotat"], "U094", 'did you mean "rotate"?'),
            (["keys", "list", "more"], "U091", "`mesh keys rotate more`"),
            (["keys", "rotate"], "U090", "the name of a key is missing"),
            (["new", "produkt", "shop/x", "--from", "shop/stores"], "U094", 'did you mean "product"?'),
            (["new", "product", "shop/x"], "U093", "--from is missing"),
            (["validate", "--select"], "U093", "--select needs a value"),
            (["run", "--partition", "x"], "U092", 'did you mean "--partitions"?'),
            (["products", "--dom", "shop"], "U092", 'did you mean "--domain"?'),
        ],
    )
    def test_each_kind_of_fault(self, call: Call, words: list[str], code: str, message: str) -> None:
        said = self.fault(call, *words)
        assert said.startswith(f"error[{code}]: ")
        assert message in said


SAME = {
    "an unknown product": ("U043", 2, {
        "format": ["shop/store"],
        "check": ["shop/store"],
        "show": ["shop/store"],
        "slo": ["shop/store"],
        "alert": ["explain", "shop/store"],
        "history": ["shop/store"],
        "diff": ["shop/store"],
        "stats": ["shop/store"],
        "lineage": ["shop/store"],
        "plan": ["shop/store"],
        "run": ["shop/store"],
        "query": ["FROM shop.store"],
        "infer": ["SELECT * FROM shop.store"],
        "new": ["product", "shop/x", "--from", "SELECT * FROM shop.store"],
        "remove": ["product", "shop/store"],
    }),
    "a product of an unknown domain": ("U043", 2, {
        "format": ["shp/stores"],
        "check": ["shp.stores"],
        "remove": ["product", "shp.stores"],
        "show": ["shp/stores"],
        "history": ["shp/stores"],
        "diff": ["shp/stores"],
        "stats": ["shp.stores"],
        "plan": ["shp.stores"],
        "run": ["shp/stores"],
        "query": ["FROM shp.stores"],
    }),
    "a product without its domain": ("U043", 2, {
        "format": ["stores"],
        "check": ["stores"],
        "show": ["stores"],
        "history": ["stores"],
        "diff": ["stores"],
        "stats": ["stores"],
        "run": ["stores"],
        "query": ["FROM stores"],
    }),
    "an unknown domain": ("U042", 2, {
        "infer": ["shop/stores", "--as", "shp/x"],
        "new": ["product", "shp/x", "--from", "shop/stores"],
        "remove": ["domain", "shp"],
        "scorecard": ["--domain", "shp"],
        "products": ["--domain", "shp"],
        "status": ["--domain", "shp"],
        "slo": ["--domain", "shp"],
        "query": ["--as", "domain:shp", "SELECT 1"],
        "attach": ["--as", "domain:shp", "mesh.duckdb"],
        "run": ["shp"],
        "plan": ["shp"],
        "register": ["shp", "--to", "registry"],
    }),
}  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "verb"), [(fault, verb) for fault, (_, _, calls) in SAME.items() for verb in calls]
)
def test_the_same_fault_has_the_same_code_from_every_verb(call: Call, fault: str, verb: str) -> None:
    code, expected, calls = SAME[fault]
    status, said, errors = call(verb, *calls[verb])
    assert (status, said) == (expected, "")
    assert errors.startswith(f"error[{code}]: unknown "), errors
    assert errors.count("error[") == 1


class TestNoMesh:
    @pytest.mark.parametrize("verb", VERBS)
    def test_no_workspace(
        self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        status, said, errors = call(verb, *CALLS[verb])
        if verb in ("explain", "completion"):
            assert (status, errors) == (0, ""), "these work anywhere"
            return
        assert (status, said) == (2, "")
        assert errors.startswith("error[U001]")

    @pytest.mark.parametrize("verb", [verb for verb in ANSWERING if verb != "incident"])
    def test_a_missing_registry(self, call: Call, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
        monkeypatch.setenv("MESH_REGISTRY", "nowhere")
        words = CALLS[verb] if verb != "register" else []
        status, said, errors = call(verb, *words)
        assert (status, said) == (2, "")  # incidents are in a database of their own
        assert errors.startswith("error[U082]")

    @pytest.mark.parametrize(
        "text", ["", "load_from: [", "- 1", "load_from: []", "load_from: [{python_file: x}]"]
    )
    @pytest.mark.parametrize(
        "verb", ["check", "validate", "scorecard", "status", "plan", "run", "register", "serve"]
    )
    def test_a_broken_workspace(self, call: Call, root: Path, verb: str, text: str) -> None:
        """For verbs that need the code locations."""
        (root / "workspace.yaml").write_text(text)
        status, said, errors = call(verb, *CALLS[verb])
        assert status == 1
        told = said if verb == "validate" else errors
        assert told.count("error[") == 1
        assert "error[D070]: workspace.yaml " in told


class TestInterrupted:
    """Ctrl-C while a verb waits for another process or for DuckDB: status 130, one word, no process left."""

    LONG = "SELECT count(*) AS n FROM shop.stores, range(100000000) a(i), range(1000) b(j) WHERE i + j > 1"

    @pytest.mark.parametrize("alone", [True, False], ids=["the command", "its whole group"])
    @pytest.mark.parametrize("verb", ["check", "validate", "scorecard", "register", "run"])
    def test_while_a_location_loads(self, root: Path, verb: str, alone: bool) -> None:
        slow = root / "domains/shop/src/shop/slow"
        slow.touch()
        process = mesh(root, verb, *CALLS[verb])
        wait(lambda: not slow.exists(), process)
        self.interrupt(process, root, alone)

    @pytest.mark.parametrize("verb", ["infer", "new", "query"])
    @pytest.mark.full
    def test_while_duckdb_computes(self, root: Path, verb: str) -> None:
        words = ["product", "shop/long", "--from", self.LONG] if verb == "new" else [self.LONG]
        process = mesh(root, verb, *words)
        # More than it takes to come there.
        wait(lambda: processor_seconds(process.pid) > 3, process)
        self.interrupt(process, root, alone=True)
        assert not (root / "domains/shop/contracts/long.odcs.yaml").exists()

    def interrupt(self, process: subprocess.Popen[str], root: Path, alone: bool) -> None:
        if alone:
            process.send_signal(signal.SIGINT)
        else:
            for each in (process.pid, *(c.pid for c in psutil.Process(process.pid).children(recursive=True))):
                psutil.Process(each).send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
        said = [line for line in errors.splitlines() if not line.startswith("shop/stores ")]
        assert (process.returncode, out) == (130, "")
        assert [line.partition(":")[0] for line in said] == ["interrupted"], errors
        wait(lambda: not working_in(root), process)


def processor_seconds(pid: int) -> float:
    """CPU seconds of a process and its children."""
    own = psutil.Process(pid)
    return sum(sum(each.cpu_times()[:2]) for each in (own, *own.children(recursive=True)))


def working_in(root: Path) -> list[int]:
    """The processes whose working directory is a mesh, except the test's own."""
    found = psutil.process_iter(["pid", "cwd"])
    return [p.pid for p in found if p.info["cwd"] == str(root) and p.pid != psutil.Process().pid]


def wait(met: Callable[[], object], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while not met():
        assert time.monotonic() < until, "waited in vain"
        ended = process.poll() is not None and process.stdout is not None and not process.stdout.closed
        assert not ended, process.communicate()
        time.sleep(0.05)


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_every_path_works_in_a_locale_without_utf8(root: Path, tmp_path: Path, locale: str) -> None:
    home = tmp_path / "Zürich [x] 100% 'q'"
    home.mkdir()
    variables = {**os.environ, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    variables |= {"MESH_ROOT": str(root), "MESH_HOME": str(home)}
    variables.pop("PYTHONIOENCODING", None)
    asked = [sys.executable, "-m", "platform_core.cli", "query", "SELECT 'Ä' AS x"]
    done = subprocess.run(asked, cwd=root, env=variables, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"x\n\\xc4\n"), done.stderr
    done = subprocess.run([*asked[:3], "products"], cwd=root, env=variables, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
