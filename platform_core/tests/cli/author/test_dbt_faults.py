"""Faults in the files of a dbt project: every verb reports each one once, at its place, and none hangs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from small_mesh import AT_SIX, GOVERNED, KEPT, SmallMesh

from platform_core.cli import main
from platform_core.diagnostics import DefinitionError, Place
from platform_core.governance.collect import collect
from platform_core.products.dbt.project import DbtProject
from platform_core.products.makers.domain import Domain

Capture = pytest.CaptureFixture[str]
Make = Callable[[Path], object]

DBT = find_spec("dagster_dbt")
"""The environment of the library's own tests has none, which a check tells of a dbt project (D033)."""
SOURCES = "sources:\n  - name: sales\n    tables:\n      - name: transactions\n"
STAGED = "select id, amount\nfrom {{ source('sales', 'transactions') }}\n"


def text(content: str | bytes) -> Make:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


# What stands in place of a file, by the line of the fault.
ANY_FILE: dict[str, tuple[Make, int]] = {
    "bytes": (text(b"# sold\n# caf\xe9\n"), 2),
    "a folder": (Path.mkdir, 1),
    "a pipe": (os.mkfifo, 1),
    "a device": (lambda path: path.symlink_to("/dev/zero"), 1),
}
ANY_YAML = ANY_FILE | {
    "a tab": (text("sources:\n\t- name: sales\n"), 2),
    "doubled keys": (text("sources: []\nsources: []\n"), 2),
    "brackets": (text("sources: " + "[" * 100_000), 1),
    "no mapping": (text("# sources\n- name: sales\n"), 2),
    "two documents": (text("sources: []\n---\nsources: []\n"), 2),
}
SCHEMA_YAML = ANY_YAML | {
    "no list of sources": (text("version: 2\nsources: sales\n"), 2),
    "sources of nothing": (text("version: 2\nsources:\n"), 2),
    "a source that is a name": (text("sources: [sales]\n"), 1),
    "a source without a name": (text("sources:\n  - tables: [{name: transactions}]\n"), 2),
    "a name that is no text": (text("sources:\n  - {name: 7, tables: []}\n"), 2),
    "no list of tables": (text("sources:\n  - name: sales\n    tables: transactions\n"), 3),
    "a table that is a name": (text("sources:\n  - name: sales\n    tables:\n    - transactions\n"), 4),
    "a table without a name": (text("sources:\n  - name: sales\n    tables:\n    - {columns: []}\n"), 4),
}
SETTINGS = ANY_YAML | {
    "paths that are no list": (text("name: shop\nmodel-paths: models\n"), 2),
    "paths that are no text": (text("name: shop\nmodel-paths: [models, 7]\n"), 2),
}
MODEL = ANY_FILE | {
    "an open brace": (text("select 1\nfrom {{ source('sales', 'transactions')\n"), 2),
    "an open comment": (text("select 1\n{# from\n"), 2),
    "braces": (text("{{" * 100_000), 1),
    "brackets": (text("{{ " + "(" * 100_000 + " }}"), 1),
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallMesh:
    """A domain whose dbt model ``totals`` reads ``staged``, which reads ``sales/transactions``."""
    for name in ("MESH_LAKE", "MESH_HOME", "MESH_CONTRACTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MESH_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    mesh = SmallMesh.make(tmp_path, "sales", "shop")
    mesh.location("shop")
    mesh.contract("sales/transactions", roles="[{role: 'domain:shop', access: read}]")
    mesh.contract("shop/totals", GOVERNED, promise=AT_SIX + KEPT)
    # A check in this process finds the package, and nobody else does afterwards.
    monkeypatch.syspath_prepend(tmp_path / "domains" / "shop" / "src")
    project = tmp_path / "dbt_projects" / "shop"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("name: shop\n")
    (project / "models" / "sources.yml").write_text(SOURCES)
    (project / "models" / "staged.sql").write_text(STAGED)
    (project / "models" / "totals.sql").write_text("select * from {{ ref('staged') }}\n")
    return mesh


def put(mesh: SmallMesh, file: str, make: Make) -> Path:
    path = mesh.root / "dbt_projects" / "shop" / file
    path.unlink(missing_ok=True)
    make(path)
    return path


def call(capfd: Capture, *words: str) -> tuple[int, str, str]:
    code = main(words)
    said = capfd.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


def reported_once(said: str, path: Path, line: int) -> None:
    assert said.count("[D011]") == 1
    assert f"--> {path.relative_to(Path.cwd())}:{line}:" in said


@pytest.mark.parametrize(
    ("file", "make", "line"),
    [
        pytest.param(file, make, line, id=f"{Path(file).name}: {name}")
        for file, faults in (
            ("models/sources.yml", SCHEMA_YAML),
            ("dbt_project.yml", SETTINGS),
            ("models/staged.sql", MODEL),
        )
        for name, (make, line) in faults.items()
    ],
)
def test_check_reports_a_fault_of_a_file_that_it_needs(
    file: str, make: Make, line: int, shop: SmallMesh, capfd: Capture
) -> None:
    path = put(shop, file, make)
    # In this process, which its own would only make slower.
    code, out, err = call(capfd, "check", "shop/totals", "--inside")
    assert (code, out) == (1, "")
    assert err.count("error[") == 1
    reported_once(err, path, line)


@pytest.mark.parametrize("verb", ["infer", "new product"])
@pytest.mark.parametrize("fault", MODEL)
def test_inference_reports_a_fault_of_a_model(fault: str, verb: str, shop: SmallMesh, capfd: Capture) -> None:
    make, line = MODEL[fault]
    path = put(shop, "models/staged.sql", make)
    named = ("--from", "shop/staged") if verb == "new product" else ("--as", "shop/staged")
    code, out, err = call(capfd, *verb.split(), "shop/staged", *named)
    assert (code, out) == (1, "")
    reported_once(err, path, line)
    assert not shop.registry.path("shop/staged").exists()


@pytest.mark.parametrize("verb", ["infer", "new product"])
def test_inference_ignores_files_that_it_does_not_need(verb: str, shop: SmallMesh, capfd: Capture) -> None:
    for number, (make, _) in enumerate(SCHEMA_YAML.values()):
        put(shop, f"models/{number}.yml", make)
    for number, (make, _) in enumerate(MODEL.values()):
        put(shop, f"models/m{number}.sql", make)
    shop.publish("sales/transactions")
    named = ("--from", "shop/staged") if verb == "new product" else ("--as", "shop/staged")
    code, out, err = call(capfd, *verb.split(), "shop/staged", *named)
    assert (code, err) == (0, "")
    assert "staged.odcs.yaml" in out


def test_check_warns_about_files_that_it_does_not_need(shop: SmallMesh, capfd: Capture) -> None:
    expected = set()
    for number, (make, line) in enumerate(SCHEMA_YAML.values()):
        expected.add((put(shop, f"models/{number}.yml", make), line))
    for number, (make, line) in enumerate(MODEL.values()):
        expected.add((put(shop, f"models/m{number}.sql", make), line))
    code, out, err = call(capfd, "check", "shop/totals")
    assert code == (DBT is None)
    assert out.startswith("ok shop/totals") or DBT is None
    assert err.count("error[") == err.count("error[D033]")
    faults = DbtProject.of("shop", shop.root).files.all_faults()
    assert {(fault.place.path, fault.place.line) for fault in faults if fault.place} == expected
    assert len(faults) == len(expected)


def test_validate_reports_every_fault_before_it_runs_dbt(shop: SmallMesh, capfd: Capture) -> None:
    expected = set()
    for number, (make, line) in enumerate(SCHEMA_YAML.values()):
        path = put(shop, f"models/{number}.yml", make)
        expected.add((str(path.relative_to(shop.root)), line))
    for number, (make, line) in enumerate(MODEL.values()):
        path = put(shop, f"models/m{number}.sql", make)
        expected.add((str(path.relative_to(shop.root)), line))
    # dbt reads macros too.
    expected.add((str(put(shop, "pipe.sql", os.mkfifo).relative_to(shop.root)), 1))
    code, out, _ = call(capfd, "validate", "--format", "json")
    assert code == 1
    faults = [found for found in json.loads(out)["diagnostics"] if found["code"] == "D011"]
    assert len(faults) == len(expected)
    assert {(found["place"]["path"], found["place"]["line"]) for found in faults} == expected


def test_a_product_of_a_function_ignores_the_dbt_project(shop: SmallMesh, capfd: Capture) -> None:
    put(shop, "dbt_project.yml", os.mkfifo)
    put(shop, "models/sources.yml", text("sources: [sales]\n"))
    (shop.root / "domains" / "shop" / "src" / "shop" / "totals.py").write_text(
        "from platform_core import Table, data_product\n\n\n"
        '@data_product(inputs={"lines": "sales/transactions"})\n'
        'def totals(lines: Table) -> str:\n    return f"SELECT id, amount FROM {lines}"\n'
    )
    code, out, err = call(capfd, "check", "shop/totals")
    assert (code, err) == (0, "")
    assert out.startswith("ok shop/totals")


def test_a_model_of_a_product_with_a_broken_contract_cannot_be_read(shop: SmallMesh) -> None:
    contract = shop.contract("shop/staged", GOVERNED)
    contract.write_text(contract.read_text().replace("kind: DataContract", "kind: DataContrat"))
    products = {"totals": shop.registry.get("shop/totals")}
    models = {"totals": DbtProject.of("shop", shop.root)}
    domain = Domain("shop", shop.root, shop.root, shop.registry, (), products, {}, models)
    assert [fault.code for fault in collect(domain).faults] == ["D010"]


def test_the_project_sets_the_folders_of_models(shop: SmallMesh, capfd: Capture) -> None:
    project = shop.root / "dbt_projects" / "shop"
    (project / "models").rename(project / "transformations")
    assert "D015" in call(capfd, "check", "shop/totals")[2]
    (project / "dbt_project.yml").write_text("name: shop\nmodel-paths: [transformations]\n")
    err = call(capfd, "check", "shop/totals")[2]
    assert err.count("error[") == err.count("error[D033]") == (DBT is None)
    put(shop, "transformations/doubled.sql", text("select id, amount * 2 as two from {{ ref('staged') }}"))
    shop.publish("sales/transactions")
    code, out, _ = call(capfd, "infer", "doubled", "--as", "shop/doubled")
    assert code == 0
    assert "3 rows, 2 columns" in out


def test_a_model_that_many_share_is_read_and_written_once(shop: SmallMesh) -> None:
    layers, lowest = 40, "select * from {{ source('sales', 'transactions') }}"
    for layer in range(layers):
        both = [f"select * from {{{{ ref('m{layer - 1}{side}') }}}}" for side in "ab"]
        for side in "ab":
            put(shop, f"models/m{layer}{side}.sql", text("\nunion all\n".join(both) if layer else lowest))
    project = DbtProject.of("shop", shop.root)
    top = f"m{layers - 1}a"
    reads, faults = project.reads(top, ())
    assert (list(reads), faults) == (["sales/transactions"], [])
    sql = project.sql(top)
    assert sql is not None
    assert sql.count('"sales"."transactions"') == 2
    assert len(sql) < 200 * 2 * layers


def test_models_that_refer_to_each_other_have_no_sql(shop: SmallMesh) -> None:
    put(shop, "models/staged.sql", text("select * from {{ ref('totals') }}"))
    project = DbtProject.of("shop", shop.root)
    assert project.sql("totals") is None
    assert project.reads("totals", ()) == ({}, [])


def test_the_sql_of_a_model_is_what_dbt_would_run(shop: SmallMesh) -> None:
    model = (
        "{{ config(\n  materialized='table'\n) }}\n{# source('hr', 'no') #}\n"
        "select '{% raw %}{{ x }}{% endraw %}' as x from {{- source('sales', \"transactions\") -}}  ;\n"
    )
    put(shop, "models/staged.sql", text(model))
    project = DbtProject.of("shop", shop.root)
    assert project.sql("staged") == '\n\n\n\nselect \'{{ x }}\' as x from"sales"."transactions"'
    reads, _ = project.reads("staged", ())
    [(name, place)] = reads.items()
    column = model.splitlines()[4].index("source") + 1
    assert (name, place.line, place.column, place.length) == ("sales/transactions", 5, column, 31)
    put(shop, "models/totals.sql", text("select {{ var('x') }} from {{ ref('staged') }}"))
    assert DbtProject.of("shop", shop.root).sql("totals") is None


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("materialized='ephemeral'", "is ephemeral"),
        ("enabled=false", "is disabled"),
    ],
)
def test_a_model_that_is_not_a_table_in_staging_is_refused(
    config: str, words: str, shop: SmallMesh, capfd: Capture
) -> None:
    put(
        shop,
        "models/totals.sql",
        text(f"{{{{ config({config}) }}}}\nselect * from {{{{ ref('staged') }}}}\n"),
    )
    code, out, err = call(capfd, "check", "shop/totals", "--inside")
    assert (code, out) == (1, "")
    assert f"error[D026]: the dbt model of shop/totals {words}" in err


ASKED = {
    "models/staged.sql": [
        (
            "{{ config(schema='products', alias='stores') }}",
            "the model staged is built in the schema products",
        ),
        ("{{ config(database='hr') }}", "the model staged is built in the database hr"),
        ("{{ config(materialized='external') }}", "the model staged is materialized as external"),
        ("{{ config(pre_hook=['attach x']) }}", "the model staged has hooks"),
        ("{{ config(post_hook='copy x to y') }}", "the model staged has hooks"),
    ],
    "dbt_project.yml": [
        ("on-run-start: [drop table products.stores]", "on-run-start runs statements"),
        ('on-run-end: ["create table products.zz as select 1"]', "on-run-end runs statements"),
        ("models: {shop: {+pre-hook: attach x}}", "+pre-hook runs statements"),
        ("models: {shop: {marts: {post-hook: [{sql: copy}]}}}", "post-hook runs statements"),
    ],
    "snapshots/past.sql": [("{% snapshot past %} select 1 {% endsnapshot %}", "a snapshot keeps rows")],
}


@pytest.mark.parametrize(
    ("file", "words", "told"), [(file, *asked) for file, all in ASKED.items() for asked in all]
)
def test_other_resources_than_models_are_refused(
    file: str, words: str, told: str, shop: SmallMesh, capfd: Capture
) -> None:
    """Also in a helper of the product's model."""
    path = shop.root / "dbt_projects/shop" / file
    path.parent.mkdir(exist_ok=True)
    before = path.read_text() if path.exists() else ""
    put(shop, "models/totals.sql", text("select * from {{ ref('staged') }}\n"))
    put(shop, file, text(f"{words}\n{before}" if file.endswith(".sql") else f"{before}\n{words}\n"))
    code, out, err = call(capfd, "check", "shop/totals", "--inside")
    assert (code, out) == (1, "")
    assert f"error[D028]: {told}" in err
    assert ", which is not supported" in err
    assert err.count("error[D028]") == 1


def test_a_manifest_of_the_current_files_takes_precedence(shop: SmallMesh) -> None:
    put(shop, "models/totals.sql", text("select * from {{ a_macro() }}\n"))
    put(shop, "models/versioned_v2.sql", text("select 1 as id\n"))
    project = DbtProject.of("shop", shop.root)
    shared = {"resource_type": "model", "schema": "staging", "config": {"materialized": "table"}}
    totals = shared | {"name": "totals", "alias": "sums", "original_file_path": "models/totals.sql"}
    new = shared | {"name": "versioned", "alias": "v2", "original_file_path": "models/versioned_v2.sql"}
    old = new | {"alias": "v1", "version": 1, "latest_version": 2}
    off = shared | {"name": "off", "alias": "off", "original_file_path": "models/staged.sql"}
    manifest = {
        "nodes": {"m.t": totals, "m.v.2": new | {"version": 2, "latest_version": 2}, "m.v.1": old},
        "disabled": {"m.o": [off | {"config": {"enabled": False}}]},
        "sources": {"s.s.t": {"source_name": "sales", "name": "transactions"}},
        "parent_map": {"m.t": ["m.v.2", "s.s.t"], "m.v.2": [], "m.v.1": []},
    }
    project.stamp.parent.mkdir(parents=True)
    project.stamp.with_name("manifest.json").write_text(json.dumps(manifest))
    project.stamp.write_text(project.content())
    current = DbtProject.of("shop", shop.root)
    assert current == project
    place = Place(project.folder / "models" / "totals.sql")
    assert (project.reads("totals", ()), project.table("totals")) == (({}, []), "totals")
    assert current.reads("totals", ()) == ({"sales/transactions": place}, [])
    assert [(fault.code, fault.place) for fault in current.reads("totals", ("versioned",))[1]] == [
        ("D010", place)
    ]
    assert (current.table("totals"), current.table("versioned")) == ("sums", "v2")
    with pytest.raises(DefinitionError, match="disabled"):
        current.table("off")
    put(shop, "models/totals.sql", text("select 1\n"))
    assert DbtProject.of("shop", shop.root).manifest is None
