"""The reach of a dbt project while the platform builds a model of it, in an environment with dbt.

dbt gets no lake, only sealed views of the declared sources, and a database that is removed after the model's
table was read. The walls are ``limits`` (unsupported parts are refused before dbt runs) and ``lock`` (the
engine of dbt reaches nothing else). An attempt succeeded if a secret was published or shown, or if anything
but the product was changed or left behind. Python models use only the session that they get.
"""

# ruff: noqa: E501 - an attempt has one line, however long
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from itertools import cycle
from pathlib import Path

import dagster as dg
from attack.sandbox import SECRET, Sandbox, sandbox, some
from small_mesh import SmallMesh

from platform_core.diagnostics import PlatformError
from platform_core.lake.engine import extension_path

WALLS = ("limits", "lock")
ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "domains/sales/.venv/bin/python"
PRODUCT = "sales/later"
OFF = {
    "limits": "import platform_core.products.dbt.limits as m\n"
    "m.refused_of_project = m.refused_of_model = lambda *_: ()\n",
    "lock": "import platform_core.sql.engine as m\nm.lock_down = lambda *_, **__: None\n",
}
"""What every Python of a run begins with where a wall is off."""
PROJECT = """\
name: sales
version: 1.0.0
config-version: 2
profile: sales
model-paths: [models]
macro-paths: [macros]
flags: {send_anonymous_usage_stats: false}
models: {sales: {+schema: staging, +materialized: table}}
"""
SCHEMA = """
{% macro generate_schema_name(name, node) %}{{ target.schema if name is none else name | trim }}{% endmacro %}
"""
SOURCES = """\
sources:
  - {name: sales, database: sales, schema: products, tables: [{name: transactions}]}
"""
HONEST = "select id, amount from {{ source('sales', 'transactions') }}\n"
READS = {
    "a file of another product": "select max(id) as id, 1.5 as amount from read_parquet('{costs}')",
    "a restricted product's file": "select max(id) as id, 1.5 as amount from '{employees}'",
    "passwords": "select max(length(content)) + 7728 as id, 1.5 as amount from read_text('/etc/passwd')",
    "a product that is no source": "select max(id) as id, 1.5 as amount from sales.products.costs",
    "a made-up file": "select max(id) as id, 1.5 as amount from read_parquet('mesh://sales.costs/0')",
    "a catalog": "select count(*) + 7700 as id, 1.5 as amount from sqlite_scan('{catalog}', 'ducklake_table')",
}
STATEMENTS = {
    "attach a catalog": "attach '{catalog}' as z (type sqlite)",
    "attach a lake": "attach 'ducklake:sqlite:{catalog}' as z",
    "attach a database": "attach '{out}' as z",
    "a copy": "copy (select 1) to '{out}'",
    "a copy over another's file": "copy (select 1) to '{costs}' (format parquet, use_tmp_file false)",
    "a copy over the source": "copy (select 1) to 'mesh://sales.transactions/0' (format csv, use_tmp_file false)",
    "a copy beside the run": "copy (select 1) to '../beside.csv'",
    "unlock": "set lock_configuration = false",
    "open up": "set enable_external_access = true",
    "an extension": "load '{extension}'",
    "an installation": "install httpfs from '{bait}'",
    "an export": "export database '{out}'",
    "drop a source": "drop view sales.products.transactions",
    "a product": "create table sales.products.sneaked as select 7731 as id",
    "a log": "call enable_logging(storage = 'file', storage_path = '{out}')",
    "a persistent secret": "create persistent secret s (type http)",
}
PLACES = {
    "pre_hook": "{{ config(pre_hook=SQL) }}\n",
    "post_hook": "{{ config(post_hook=SQL) }}\n",
    "run_query": "{% if execute %}{% do run_query(SQL) %}{% endif %}\n",
    "on-run-start": "",
    "on-run-end": "",
}
HELPER = "select 7731 as id, 1.5 as amount"
MODELS: dict[str, dict[str, str]] = {
    "a helper in the schema of products": {
        "models/later.sql": "select id, amount from {{ source('sales', 'transactions') }}"
        " where id not in (select id from {{ ref('helper') }})",
        "models/helper.sql": "{{ config(schema='products', alias='costs') }}" + HELPER,
    },
    "a helper in another domain's database": {
        "models/later.sql": HONEST + "where id not in (select id from {{ ref('helper') }})",
        "models/helper.sql": "{{ config(database='hr', schema='products', alias='staffing') }}" + HELPER,
    },
    "an external table": {
        "models/later.sql": HONEST + "where id not in (select id from {{ ref('helper') }})",
        "models/helper.sql": "{{ config(materialized='external', location=var('o', '{out}')) }}" + HELPER,
    },
    "a view over the name of a source": {
        "models/later.sql": HONEST + "where id not in (select id from {{ ref('helper') }})",
        "models/helper.sql": "{{ config(schema='products', alias='transactions') }}" + HELPER,
    },
    "the model elsewhere": {
        "models/later.sql": "{{ config(schema='products', alias='costs') }}" + HELPER,
    },
    "a Python model that reads": {
        "models/later.py": "def model(dbt, session):\n    dbt.config(materialized='table', schema='staging')\n"
        "    return session.sql(\"select max(id) as id, 1.5 as amount from '{employees}'\")\n",
    },
    "a Python model that writes": {
        "models/later.py": "def model(dbt, session):\n    dbt.config(materialized='table', schema='staging')\n"
        "    session.sql('select 1 as id').write_parquet('{costs}')\n"
        "    return session.sql('select 1 as id, 1.5 as amount')\n",
    },
    "a test that writes": {
        "models/later.sql": HONEST,
        "tests/t.sql": "select * from {{ ref('later') }} where {{ run_query(\"copy (select 1) to '{out}'\") and 1 }} = 0",
    },
    "a macro that drops": {
        "models/later.sql": "{% if execute %}{% do adapter.execute('drop table sales.products.costs') %}{% endif %}"
        + HONEST,
    },
}


def projects(box: Sandbox) -> dict[str, dict[str, str]]:
    """Files of dbt projects by the names of their attempts."""
    lakes = box.mesh.lakes
    words = {
        "costs": next((lakes.data_folder("sales") / "products" / "costs").glob("*.parquet")),
        "employees": next((lakes.data_folder("hr_restricted") / "products" / "employees").glob("*.parquet")),
        "catalog": lakes.catalog_file("hr_restricted"),
        "extension": extension_path("sqlite_scanner"),
        "bait": box.bait,
        "out": box.root / "work" / "out",
    }

    def filled(text: str) -> str:
        return re.sub(r"(?<!\{)\{(\w+)\}", lambda match: str(words[match.group(1)]), text)

    found = {f"read {name}": {"models/later.sql": sql} for name, sql in READS.items()}
    for (name, sql), place in zip(STATEMENTS.items(), cycle(PLACES), strict=False):
        statement, project = json.dumps(sql), PROJECT
        model = PLACES[place].replace("SQL", statement) + HONEST
        if place.startswith("on-run"):
            model, project = HONEST, f"{PROJECT}{place}: [{statement}]\n"
        found[f"{name}, {place}"] = {"models/later.sql": model, "dbt_project.yml": project}
    return {
        name: {
            file: filled(text)
            for file, text in {
                "dbt_project.yml": PROJECT,
                "macros/schema.sql": SCHEMA,
                "models/sources.yml": SOURCES,
                **files,
            }.items()
        }
        for name, files in (found | MODELS).items()
    }


def attempts(
    folder: Path, walls: Collection[str] = WALLS, most: int | None = None
) -> Iterator[tuple[str, bool]]:
    """Each with whether it came through; ``most`` limits their number."""
    with sandbox(folder) as box:
        start = folder / "bait" / "start"
        start.mkdir()
        (start / "sitecustomize.py").write_text("".join(OFF[wall] for wall in WALLS if wall not in walls))
        path = [ROOT / "tests", ROOT / "platform_core/tests", start]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"  # or it is a file that stands there afterwards
        box.mesh.code("sales", "")
        box.changed()  # from now on
        for name, files in some(projects(box), most):
            for file, text in files.items():
                box.mesh.write(f"dbt_projects/sales/{file}", text)
            run = subprocess.run(
                [PYTHON, __file__, box.mesh.root],
                env=environment,
                cwd=box.root / "work",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            for file in files:
                (box.mesh.root / "dbt_projects/sales" / file).unlink()
            assert run.stdout.endswith("}\n"), run.stdout + run.stderr
            told = json.loads(run.stdout.splitlines()[-1])
            secret = SECRET in run.stdout or "7731" in told["rows"] or told["left"]
            yield name, bool(secret) | box.changed(but=OWN) | _sneaked(box)


OWN = re.compile(
    r"^mesh/(\.mesh/(dbt/.*|lake/sales/(catalog\.sqlite.*|lake\.lock.*|data/products/later/.*|files/.*))"
    r"|domains/sales/src/.*)$"
)
"""What a run of the product may write."""


def _sneaked(box: Sandbox) -> bool:
    tables = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'sales' UNION SELECT view_name"
    found = box.mesh.read(f"{tables} FROM duckdb_views() WHERE database_name = 'sales'", "sales")
    return not {str(name) for (name,) in found} <= {"transactions", "pinned", "costs", "later"}


def main(root: Path) -> None:
    """Run the product of the mesh, and print the published version and the files that are left behind."""
    rows, told = "", []
    try:
        with dg.DagsterInstance.ephemeral() as instance:
            ran = SmallMesh(root).run("sales", PRODUCT, instance)
            told = [str(event.event_specific_data) for event in ran.all_events if event.is_failure]
            if ran.success:
                rows = str(SmallMesh(root).read("FROM sales.products.later", "sales"))
    except PlatformError as refused:
        told = [str(refused)]
    left = [str(path) for path in (root / ".mesh/lake").rglob(".spill-*/*")]
    sys.stdout.write(json.dumps({"rows": rows, "told": told, "left": left}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
