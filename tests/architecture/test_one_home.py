"""Each basic operation has one module. A test names the module, and the exceptions with their reasons."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest
from architecture.library import Module, dotted, modules

Finder = Callable[[Module], Iterator[str]]


def reads_of_the_environment(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and dotted(node) in ("os.environ", "os.environb"):
            yield f"{node.lineno}: os.environ"
    for name, call in module.calls():
        if name in ("os.getenv", "os.putenv", "getenv"):
            yield f"{call.lineno}: {name}"


def statements(pattern: str) -> Finder:
    """Finds SQL in the code: words in capitals at the beginning of a string or of a statement in it."""
    wanted = re.compile(rf"(?:^|;)\s*(?:{pattern})\b")

    def find(module: Module) -> Iterator[str]:
        for line, text in module.texts():
            if wanted.search(text):
                yield f"{line}: {text.strip()[:60]}"

    return find


def words(pattern: str) -> Finder:
    wanted = re.compile(pattern)

    def find(module: Module) -> Iterator[str]:
        for line, text in module.texts():
            if wanted.search(text):
                yield f"{line}: {text.strip()[:60]}"

    return find


def calls(*wanted: str) -> Finder:
    def find(module: Module) -> Iterator[str]:
        for name, call in module.calls():
            if name in wanted or any(name.endswith(one) for one in wanted if one.startswith(".")):
                yield f"{call.lineno}: {name}"

    return find


def imports(*wanted: str) -> Finder:
    def find(module: Module) -> Iterator[str]:
        for line, name in module.imports():
            if any(name == one or name.startswith(f"{one}.") for one in wanted):
                yield f"{line}: import {name}"

    return find


def moves_of_files(module: Module) -> Iterator[str]:
    for name, call in module.calls():
        # `Path.replace` has one argument: that of a text has two, those of dates and dataclasses are named.
        renamed = name.endswith((".replace", ".rename")) and len(call.args) == 1 and not call.keywords
        if name in ("os.replace", "os.rename", "shutil.move") or renamed:
            yield f"{call.lineno}: {name}"


def splits_of_ids(module: Module) -> Iterator[str]:
    for name, call in module.calls():
        first = call.args[0] if call.args else None
        split = name.rpartition(".")[2] in ("partition", "rpartition", "split", "rsplit")
        if split and isinstance(first, ast.Constant) and first.value == "/":
            yield f"{call.lineno}: {name}"


def ways_into_a_lake(module: Module) -> Iterator[str]:
    """The methods of a LakeLocation that return a path."""
    for name, call in module.calls():
        owner, _, method = name.rpartition(".")
        if owner.endswith("location") and method in ("data", "folder"):
            yield f"{call.lineno}: {name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and dotted(node).endswith("location.root"):
            yield f"{node.lineno}: {dotted(node)}"


# What is found, where it is at home, and who else may, with the reason.
HOMES: dict[str, tuple[Finder, str, dict[str, str]]] = {
    "the environment": (
        reads_of_the_environment,
        "settings.py",
        {
            "diagnostics.py": "the site of the documentation; settings lies above it",
            "sealed/shapes.py": "it tells Arrow, in its own process, to start no thread",
        },
    ),
    "an ATTACH of a lake": (
        statements("ATTACH"),
        "lake/local/lakes.py",
        {
            "lake/remote/lakes.py": "a lake of servers",
            "access/bi_file.py": "a file for BI tools, with views and no rows",
            "sealed/dbt.py": "the databases that dbt builds in, which are no lakes",
            "sources/readers/postgres.py": "a database outside of the mesh",
            "sources/readers/duckdb.py": "a database outside of the mesh",
        },
    ),
    "a COMMIT": (
        statements("BEGIN|COMMIT|ROLLBACK"),
        "lake/transaction.py",
        {
            "lake/local/lakes.py": "one state of a catalog that is read or changed without its lake",
            "operations/store/database.py": "the signals of a round with all that follows from them",
            "sources/readers/postgres.py": "one snapshot for all reads of a database outside of the mesh",
            "sources/readers/sqlite.py": "one snapshot for all reads of a database outside of the mesh",
        },
    ),
    "a path in a lake": (
        ways_into_a_lake,
        "lake/",
        {
            "masking/files.py": "the files of a masked twin, read before anybody else reads them",
            "products/assets/table.py": "the folders that the engine of a run may open",
        },
    ),
    "the tables of a lake's catalog": (
        words("__ducklake_metadata_|\\.ducklake_|catalog\\.sqlite"),
        "lake/",
        {
            "sealed/version.py": "the files of a version, to be read without its lake",
            "masking/files.py": "the files that a publication is about to add",
            "access/server/plan.py": "whether a lake is whole, before anybody may attach it",
            "access/server/rights.py": "the rows of a catalog that a reader may see",
        },
    ),
    "a hard link": (calls("os.link", ".hardlink_to", "os.symlink", ".symlink_to"), "files.py", {}),
    "a move of a file": (moves_of_files, "files.py", {}),
    "a lock": (
        imports("fcntl", "filelock"),
        "files.py",
        {
            "lake/local/lakes.py": "it tells who holds the lock",
            "lake/local/spill.py": "the lock of a folder itself, which tells that its process lives",
            "workspace/processes/living.py": "the lock of a process, which tells that it lives",
        },
    ),
    "SQLite": (
        imports("sqlite3", "aiosqlite", "apsw"),
        "nowhere",
        {
            "sources/readers/sqlite.py": "a database outside of the mesh, by the storage class of each value",
            "lake/local/lakes.py": "a catalog that is read without DuckLake, which is slow to load",
            "lake/local/faults.py": "which catalog is garbled, when the engine fails and names none",
            "operations/store/database.py": "incidents and messages, which outlive every run",
            "registry/search.py": "the index of the words of all contracts",
            "lake/removal.py": "what DuckLake never removes, and a validation asks for without DuckDB",
            "lake/reclassified.py": "a broken lake, which others report",
            "lake/errors.py": "errors of a catalog that is read without DuckLake",
            "workspace/records/products.py": "what checks found, for `mesh show` without Dagster",
        },
    ),
    "YAML": (imports("yaml", "ruamel"), "source/", {}),
    "a process": (
        calls(*(f"subprocess.{name}" for name in ("Popen", "run", "call", "check_call", "check_output"))),
        "workspace/processes/start.py",
        {
            "source/revision.py": "it asks git",
            "sources/staging.py": "a run starts it, whose own variables it narrows",
            "authoring/product/scaffold.py": "it asks the tree's ruff for the form of new code",
            "access/breaking_changes.py": "it asks the workspace, a layer above, who reads a product",
        },
    ),
    "a tree of SQL": (words("json_serialize_sql"), "sql/", {}),
    "a split id": (
        splits_of_ids,
        "contracts/product_id.py",
        {
            "odcs/editions.py": "a JSON pointer",
            "lake/remote/lakes.py": "the address of an object",
            "odcs/rules/references.py": "the path of a contract's file",
            "governance/facts_document.py": "the name of a format",
        },
    ),
}
DATABASES = {
    "lake/engine.py": "the connection that lakes are attached to",
    "sql/engine.py": "where texts are parsed and tried: in memory, without files",
    "fingerprint/query.py": "plans of queries over tables without rows, in memory",
    "products/inputs/bind.py": "made-up inputs and inputs without rows, in memory",
    "sealed/engine.py": "where versions are read that somebody was granted: files alone, no lake",
    "sources/readers/relation.py": "files and table formats outside of the mesh, in the staging process",
    "lake/local/lakes.py": "whether a file can be read, after the engine failed: that file alone",
}
"""Who opens a database of its own, and what for."""


@pytest.mark.parametrize("what", HOMES)
def test_it_is_done_at_home_alone(what: str) -> None:
    find, home, others = HOMES[what]
    found = {
        f"{module.name}:{place}"
        for module in modules()
        if not module.name.startswith(home) and module.name not in others
        for place in find(module)
    }
    assert not found, f"{what} belongs to {home}"


@pytest.mark.parametrize("what", HOMES)
def test_every_exception_is_needed(what: str) -> None:
    """An exception without a use must be removed."""
    find, home, others = HOMES[what]
    doing = {module.name for module in modules() if any(find(module))}
    assert set(others) <= doing
    assert home == "nowhere" or any(name.startswith(home) for name in doing), f"{what} is not at home"


def test_every_module_that_opens_a_database_has_a_reason() -> None:
    connecting = calls("duckdb.connect", "duckdb.cursor", "duckdb.sql", "duckdb.type", "duckdb.execute")
    assert {module.name for module in modules() if any(connecting(module))} == set(DATABASES)
