"""Where dbt builds a model: the platform follows dbt, or `mesh check` refuses it at the right file."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_mesh import KEPT, TWO_DAYS, SmallMesh

PYTHON = Path(__file__).resolve().parents[1] / "domains/sales/.venv/bin/python"
TABLE = """\
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: internal, description: "Number."}
    quality:
      - {metric: rowCount, mustBeGreaterThan: 0}
"""
PROJECT = """\
name: shop
version: 1.0.0
config-version: 2
profile: shop
flags: {send_anonymous_usage_stats: false}
models: {shop: {+materialized: table, inlined: {+materialized: ephemeral}}}
"""
SCHEMA = "{% macro generate_schema_name(name, node) %}{{ name or target.schema }}{% endmacro %}\n"
FOLLOWED = {
    "aliased": {
        "models/aliased.sql": "select id from {{ ref('inner') }}",
        "models/aliased.yml": "models: [{name: aliased, config: {alias: other_name}}]",
        "models/inlined/inner.sql": "select 7::bigint as id",
    },
    "versioned": {
        "models/versioned_v1.sql": "select 1::bigint as id",
        "models/second.sql": "{{ config(alias='x') }} select 2::bigint as id",
        "models/v.yml": "models: [{name: versioned, latest_version: 2, versions: "
        "[{v: 1}, {v: 2, defined_in: second}]}]",
    },
    # The name of its project and of a folder, beside a model that cannot be built.
    "shop": {
        "models/shop/shop.sql": "select 3::bigint as id",
        "models/shop/broken.sql": "select 'x'::bigint as id",
    },
}
SNAPSHOT = "snapshots: [{name: past, relation: \"ref('shop')\", config: {unique_key: id, strategy: check, check_cols: all}}]"  # noqa: E501
IN_PYTHON = "def model(dbt, session):\n    return session.sql('select 1 as id')\n"
REFUSED: dict[str, tuple[dict[str, str], str, str]] = {
    "elsewhere": (
        {
            "models/elsewhere.sql": "select 1 as id",
            "models/e.yml": "models: [{name: elsewhere, config: {schema: else}}]",
        },
        "D028]: the model elsewhere is built in the schema else",
        "models/elsewhere.sql",
    ),
    "foreign": (
        {
            "models/foreign.sql": "select 1 as id",
            "models/f.yml": "models: [{name: foreign, config: {database: hr}}]",
        },
        "D028]: the model foreign is built in the database hr",
        "models/foreign.sql",
    ),
    "inline": (
        {"models/inlined/inline.sql": "select 1 as id"},
        "D026]: the dbt model of shop/inline is ephemeral",
        "models/inlined/inline.sql",
    ),
    "idle": (
        {
            "models/idle.sql": "select 1 as id",
            "models/o.yml": "models: [{name: idle, config: {enabled: false}}]",
        },
        "D026]: the dbt model of shop/idle is disabled",
        "models/idle.sql",
    ),
    "seed": ({"seeds/seed.csv": "id\n1\n"}, "D028]: seed is a seed of dbt", "seeds/seed.csv"),
    "sown": (
        {"models/sown.sql": "select * from {{ ref('seed') }}"},
        "D028]: seed is a seed of dbt",
        "seeds/seed.csv",
    ),
    "past": ({"models/p.yml": SNAPSHOT}, "D028]: past is a snapshot of dbt", "models/p.yml"),
    "kept": (
        {"models/kept.sql": "select id from {{ ref('past') }}"},
        "D028]: past is a snapshot of dbt",
        "models/p.yml",
    ),
    "py": ({"models/py.py": IN_PYTHON}, "D028]: the model py is written in Python", "models/py.py"),
    "charmed": (
        {"models/charmed.sql": "select * from {{ ref('py') }}"},
        "D028]: the model py is written in Python",
        "models/py.py",
    ),
}


def answer(mesh: SmallMesh, *words: str) -> tuple[int, str]:
    process = mesh.start(*words)
    out, err = process.communicate()
    return process.returncode, out + err


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> SmallMesh:
    mesh = SmallMesh.make(tmp_path_factory.mktemp("dbt"), "shop")
    mesh.location("shop", python=PYTHON)
    files = {"dbt_project.yml": PROJECT, "macros/schema.sql": SCHEMA}
    for models in (*FOLLOWED.values(), *(models for models, _, _ in REFUSED.values())):
        files |= models
    for file, text in files.items():
        mesh.write(f"dbt_projects/shop/{file}", text)
    return mesh


def contract(mesh: SmallMesh, product: str) -> Path:
    return mesh.contract(product, TABLE, promise=TWO_DAYS + KEPT, roles="[{role: analysts, access: read}]")


# Each starts the command anew; a few are of one kind with the others.
FEW = ("elsewhere", "inline", "sown")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FEW else pytest.mark.full) for name in REFUSED]
)
def test_a_check_refuses_a_model_that_is_built_elsewhere_or_not_at_all(name: str, mesh: SmallMesh) -> None:
    _, words, file = REFUSED[name]
    path = contract(mesh, f"shop/{name}")
    code, said = answer(mesh, "check", f"shop/{name}")
    path.unlink()  # or the location would not load
    assert code == 1
    assert f"error[{words}" in said
    assert f"--> dbt_projects/shop/{file}:1:1" in said
    assert said.count("error[") == 1


@pytest.mark.full
def test_a_run_publishes_the_table_of_dbt_under_any_name(mesh: SmallMesh) -> None:
    for name in FOLLOWED:
        contract(mesh, f"shop/{name}")
        assert answer(mesh, "check", f"shop/{name}")[0] == 0
    code, said = answer(mesh, "run")
    assert code == 0, said
    assert [mesh.read(f"SELECT id FROM shop.products.{name}") for name in FOLLOWED] == [
        [(7,)],
        [(2,)],
        [(3,)],
    ]
