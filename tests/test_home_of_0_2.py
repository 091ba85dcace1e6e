"""A mesh that platform_core 0.2.0 made and ran: today's code opens its home and goes on with it."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from mesh_command import ROOT, Answer, Mesh
from mesh_records import materializations

from platform_core.lake.versions import Version

pytestmark = pytest.mark.full  # a copy of an old state, opened and run

FIXTURE = Path(__file__).resolve().parent / "fixtures/home_0_2"
EXPECTED = json.loads((FIXTURE / "expected.json").read_text(encoding="utf-8"))
for rows in EXPECTED["rows"].values():  # 0.2 wrote times with a T
    for row in rows:
        row |= {name: value.replace("T", " ") for name, value in row.items() if name.endswith("_at")}
PRODUCTS = sorted(EXPECTED["rows"])
STREAMS = ("crew/visits", "shop/clicks")
ENVIRONMENTS = {"shop": "sales", "crew": "hr"}
"""Whose environment a domain of the old mesh runs in: one with dbt, one with pandas."""

Rows = dict[str, list[dict[str, Any]]]
Versions = dict[str, tuple[Version, ...]]


@dataclass(frozen=True)
class Seen:
    """The state of the mesh at one moment, as its commands print it."""

    rows: Rows
    versions: Versions
    status: Answer
    keys: Answer

    def not_well(self) -> dict[str, str]:
        """Why a product is not as promised, apart from its age: the fixture grows older every day."""
        troubles = self.status.document()["troubles"]
        return {each["product"]: each["state"] for each in troubles if each["state"] != "overdue"}


def look(mesh: Mesh) -> Seen:
    return Seen(
        {product: rows_of(mesh, product) for product in PRODUCTS},
        mesh.versions(),
        mesh.call("status", "--format", "json"),
        mesh.call("keys", "--json"),
    )


def rows_of(mesh: Mesh, product: str) -> list[dict[str, Any]]:
    domain, name = product.split("/")
    return mesh.query(f"FROM {domain}.{name} ORDER BY ALL", f"domain:{domain}")


def said(versions: tuple[Version, ...]) -> list[dict[str, Any]]:
    """The versions in the form of ``expected.json``."""
    return [
        {
            "version": version.version,
            "published_at": version.published_at.isoformat(),
            "run_id": version.run_id,
            "rows": version.rows,
            "partition": version.partition,
            "sha256": asdict(version.file)["sha256"] if version.file else None,
            "keys": dict(version.keys),
        }
        for version in versions
    ]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Mesh:
    root = tmp_path_factory.mktemp("older") / "mesh"
    shutil.copytree(FIXTURE / "mesh", root)
    with tarfile.open(FIXTURE / "state.tar.xz") as state:
        state.extractall(root, filter="tar")  # with the modes of keys and of the restricted lake
    for domain, environment in ENVIRONMENTS.items():
        (root / "domains" / domain / ".venv").symlink_to(ROOT / "domains" / environment / ".venv")
    return Mesh(root, root / ".mesh")


@pytest.fixture(scope="module")
def found(mesh: Mesh) -> Seen:
    """The state of the home as 0.2.0 left it, before any run."""
    return look(mesh)


@pytest.fixture(scope="module")
def told(mesh: Mesh) -> Answer:
    return mesh.call("products", "--json")


@pytest.fixture(scope="module")
def shown(mesh: Mesh) -> dict[str, Answer]:
    """One product of each kind: a masked twin, a dbt model, a file."""
    products = ("crew/profiles", "shop/performance", "shop/store_totals")
    return {product: mesh.call("show", product) for product in products}


@pytest.fixture(scope="module")
def run(mesh: Mesh, found: Seen, told: Answer, shown: dict[str, Answer]) -> Answer:
    """Everything is made again, after a batch more was delivered."""
    batch = "click_id,store_id,clicked_at\n7,1,2024-03-03 10:00:00\n8,4,2024-03-03 10:01:00\n"
    (mesh.root / "inbox/d.csv").write_text(batch)
    return mesh.run()


@pytest.fixture(scope="module")
def after(mesh: Mesh, run: Answer) -> Seen:
    assert run.code == 0, run.out + run.err
    return look(mesh)


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_has_its_rows_and_its_versions(found: Seen, product: str) -> None:
    assert found.rows[product] == EXPECTED["rows"][product]
    domain = product.partition("/")[0]
    # A key is its domain's since 0.4.0, whose versions are told of so.
    assert said(found.versions[product]) == [
        version | {"keys": {f"{domain}.{name}": print for name, print in version["keys"].items()}}
        for version in EXPECTED["versions"][product]
    ]


def test_the_mesh_is_well(mesh: Mesh, found: Seen) -> None:
    answer = mesh.call("validate")
    assert (answer.code, answer.err) == (0, ""), answer.out
    assert found.not_well() == {"crew/busy_stores": "stale"}


def test_the_newest_version_is_shown(told: Answer, shown: dict[str, Answer]) -> None:
    newest = {product: versions[0] for product, versions in EXPECTED["versions"].items()}
    published = {entry["product"]: entry["published"] for entry in told.document()["products"]}
    assert {product: (each["version"], each["run_id"]) for product, each in published.items()} == {
        product: (each["version"], each["run_id"]) for product, each in newest.items()
    }
    for product, answer in shown.items():
        assert (answer.code, answer.err) == (0, "")
        assert f"version {newest[product]['version']}" in answer.out
    # The file of the newest version is in its place, with the bytes that the lake remembers.
    assert newest["shop/store_totals"]["sha256"] in shown["shop/store_totals"].out


def test_every_product_is_published_again_and_the_old_versions_are_still_listed(
    found: Seen, run: Answer, after: Seen
) -> None:
    assert run.statuses() == dict.fromkeys(PRODUCTS, "ok")
    for product in PRODUCTS:
        before, now = found.versions[product], after.versions[product]
        assert now[1:] == before
        assert now[0].version > before[0].version
    assert after.not_well() == {}


@pytest.mark.parametrize("product", sorted({*PRODUCTS} - {*STREAMS}))
def test_the_rows_stay_and_with_them_the_hashes(after: Seen, product: str) -> None:
    assert after.rows[product] == EXPECTED["rows"][product]


@pytest.mark.parametrize("product", STREAMS)
def test_a_stream_continues_and_repeats_no_batch(found: Seen, after: Seen, product: str) -> None:
    """The inbox has the same files with other times; the other stream has the same versions."""
    assert after.rows[product] == [
        *EXPECTED["rows"][product],
        {"click_id": 7, "store_id": 1, "clicked_at": "2024-03-03 10:00:00"},
        {"click_id": 8, "store_id": 4, "clicked_at": "2024-03-03 10:01:00"},
    ]
    assert after.versions[product][0].rows_written == 2


def test_the_key_is_the_same(found: Seen, after: Seen) -> None:
    [key] = EXPECTED["versions"]["crew/profiles"][0]["keys"].items()
    for seen in (found, after):
        [told] = json.loads(seen.keys.out)["keys"]
        assert (told["key"], told["fingerprint"]) == (f"crew.{key[0]}", key[1])
        twin = {"product": "crew/profiles", "fingerprint": key[1], "current": True}
        assert told["twins"] == [twin]


def test_the_instance_remembers(mesh: Mesh, after: Seen) -> None:
    with mesh.instance() as instance:
        runs = [record.run_id for record in materializations(instance, "shop/stores")]
        failed = [run for run in instance.get_runs() if not run.is_success]
    assert runs == [version.run_id for version in after.versions["shop/stores"]]
    assert len(failed) == 1, "the one that the contract refused"


def test_the_fixture_is_small_and_names_no_folder_of_any_machine() -> None:
    files = [path for path in FIXTURE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    contents = {str(path): path.read_bytes() for path in files}
    with tarfile.open(FIXTURE / "state.tar.xz") as state:
        for member in state:
            # A further name of a file has no bytes of its own.
            if member.isfile() and (file := state.extractfile(member)) is not None:
                contents[member.name] = file.read()
    assert ".mesh/dagster/history/runs.db" in contents
    absolute = re.compile(rb"(?<![\w.])/(?:home|mnt|opt|root|srv|tmp|Users|usr|var|work)/")
    assert [name for name, content in contents.items() if absolute.search(content)] == []
