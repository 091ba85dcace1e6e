"""Lakes on servers: many writers, kills in the middle of a publication, faults in words, a backup."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from on_servers import Deployed, deployed
from small_mesh import AMOUNTS, ROWS, SmallMesh, here

from platform_core.contracts.model import DataProduct
from platform_core.diagnostics import LakeError, LakeLocked, PlatformError
from platform_core.lake.connect import connect, read_catalog
from platform_core.lake.lakes import current_lakes
from platform_core.lake.lock import lake_lock
from platform_core.lake.publication.streams import open_stream
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.reclassified import exposed_leftovers, remove_left
from platform_core.lake.remote.store import Bucket
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import published
from platform_core.registry.lookup import Registry

pytestmark = [pytest.mark.full, pytest.mark.scale]

VISITS = AMOUNTS.replace(
    "    properties:",
    """\
    physicalType: stream
    customProperties:
      - {property: eventTime, value: seen, vendor: platform-core}
    properties:
      - {name: seen, logicalType: timestamp, required: true}""",
)
WRITER = """
import os, signal, sys
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.publication.streams import open_stream
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.registry.lookup import Registry
name, times, end = sys.argv[1], int(sys.argv[2]), sys.argv[3]
product, location = Registry.open().get(name), current_lakes()
def audit(relation):
    if end == "kill":
        print("written", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
for n in range(times):
    with connect(location, write=[product.lake]) as con:
        rows = f"SELECT range AS id, range * 1.5::DOUBLE AS amount FROM range({n + 1})"
        publish_table(con, location, product, rows, stamp=Stamp(f"run-{os.getpid()}-{n}", name), audit=audit)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with here(tmp_path_factory.mktemp("mesh"), "shop") as mesh:
        for name in (*(f"p{n}" for n in range(16)), "orders"):
            mesh.contract(f"shop/{name}")
        mesh.contract("shop/visits", VISITS)
        with deployed(mesh, tmp_path_factory.mktemp("servers"), "other") as servers:
            yield servers


@pytest.fixture(autouse=True)
def as_shop(shop: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in shop.environment("shop").items():
        if name.startswith("MESH_"):
            monkeypatch.setenv(name, value)


def writer(shop: Deployed, name: str, times: int = 1, end: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, name, str(times), end]
    return subprocess.Popen(command, env=shop.environment("shop"), text=True, stderr=subprocess.PIPE)


def orders() -> DataProduct:
    return Registry.open().get("shop/orders")


def publish(rows: str = ROWS, audit: object = str) -> int:
    location, product = current_lakes(), orders()
    with connect(location, write=["shop"]) as con:
        stamp = Stamp("run-1", product.id)
        return publish_table(con, location, product, rows, stamp=stamp, audit=audit).version


def orphans(shop: Deployed) -> set[str]:
    """The objects of data that the catalog does not know."""
    with connect(current_lakes(), read=["shop"]) as con:
        known = con.execute(
            "SELECT path FROM __ducklake_metadata_shop.ducklake_data_file UNION ALL"
            " SELECT path FROM __ducklake_metadata_shop.ducklake_delete_file"
        ).fetchall()
    names = {Path(path).name for (path,) in known}
    found = Bucket(shop.lakes, "shop").listed("data/")
    return {each["path"] for each in found if Path(each["path"]).name not in names}


def test_sixteen_writers_publish_all_their_versions(shop: Deployed) -> None:
    writers = [writer(shop, f"shop/p{n}", 10) for n in range(16)]
    assert [each.communicate(timeout=500)[1] for each in writers] == [""] * 16
    found = read_catalog(current_lakes(), "shop", lambda catalog: published(catalog, "shop"))
    assert [len(found[f"shop/p{n}"]) for n in range(16)] == [10] * 16
    versions = [each.version for versions in found.values() for each in versions]
    assert len(set(versions)) == len(versions)
    assert orphans(shop) == set()


def test_the_files_of_a_killed_writer_go_with_the_next_publication(shop: Deployed) -> None:
    before = publish()
    killed = writer(shop, "shop/orders", end="kill")
    killed.communicate(timeout=100)
    assert killed.returncode == -signal.SIGKILL
    assert len(orphans(shop)) == 1
    assert publish() > before
    assert orphans(shop) == set()


@pytest.mark.parametrize("server", ["postgres", "store"])
def test_a_server_that_is_killed_in_a_publication(shop: Deployed, server: str) -> None:
    before, killed = publish(), getattr(shop, server)

    def die(relation: str) -> None:
        killed.kill()

    with pytest.raises(PlatformError) as error:
        # The store is asked once more, for the files of the second statement.
        publish(audit=die if server == "postgres" else lambda relation: (die(relation), publish_again()))
    assert error.value.diagnostics[0].code in ("E010", "E013"), str(error.value)
    killed.start()
    versions = read_catalog(current_lakes(), "shop", lambda catalog: published(catalog, "shop"))
    assert versions["shop/orders"][0].version == before
    assert publish() > before
    assert orphans(shop) == set()


def publish_again() -> None:
    raise LakeError.of("E013", str(current_lakes().sizes(["s3://mesh-shop/data/x"])))


def test_a_waiting_writer_reads_the_name_of_the_holder(shop: Deployed) -> None:
    with lake_lock(current_lakes(), "shop", holder="shop/orders, run 7"):
        with pytest.raises(LakeLocked) as error, lake_lock(current_lakes(), "shop", holder="b", timeout=0.2):
            pass
        assert f"shop/orders, run 7 on {os.uname().nodename[:12]}:{os.getpid()}" in str(error.value)
    with lake_lock(current_lakes(), "shop", holder="b", timeout=0.2):
        pass


def test_a_lock_that_was_lost_commits_nothing(shop: Deployed) -> None:
    before = publish()

    def lose(relation: str) -> None:
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%run run-1%'"
        )
        with shop.psql("admin") as session, session.cursor() as cursor:
            cursor.execute(ended)
            assert cursor.fetchall() == [(True,)]

    with pytest.raises(LakeError) as error:
        publish(audit=lose)
    assert error.value.diagnostics[0].code == "E010"
    versions = read_catalog(current_lakes(), "shop", lambda catalog: published(catalog, "shop"))
    assert versions["shop/orders"][0].version == before
    assert publish() > before
    assert orphans(shop) == set()


def test_a_product_that_becomes_restricted_leaves_the_shared_lake(
    shop: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = SmallMesh(shop.root)
    publish()
    mesh.contract("shop/orders", AMOUNTS.replace("internal, tags", "restricted, tags"))
    try:
        location = current_lakes()
        assert [fault.code for fault in exposed_leftovers(location, [orders()])] == ["L050"]
        remove_left(location, orders(), "test")
        assert list(exposed_leftovers(location, [orders()])) == []
        assert Bucket(shop.lakes, "shop").listed("data/products/orders/") == []
        assert "shop/orders" not in read_catalog(location, "shop", lambda catalog: published(catalog, "shop"))
    finally:
        mesh.contract("shop/orders")


def changed(shop: Deployed, tmp_path: Path, *path: str | int, to: object) -> str:
    """A deployment file with one other value."""
    document = yaml.safe_load(shop.file.read_text())
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = to
    shutil.copytree(shop.root / "secrets", tmp_path / "secrets", dirs_exist_ok=True)
    file = tmp_path / "mesh.deployment.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return str(file)


WRONG = {
    "a host that is down": (("lakes", "catalogs", "port"), 1, "E010"),
    "a database that is missing": (("lakes", "catalogs", "database"), "lakse", "E010"),
    "a wrong password": (("lakes", "credentials", "analysts", "password"), {"env": "HOME"}, "E011"),
    "a role that is missing": (("lakes", "credentials", "analysts", "user"), "nobody", "E011"),
    "a secret that is not set": (
        ("lakes", "credentials", "analysts", "password"),
        {"env": "NOT_SET"},
        "E002",
    ),
    "a secret in the file": (("lakes", "credentials", "analysts", "password"), "hunter2", "E002"),
    "an unknown key": (("lakes", "catalog"), {"host": "x"}, "E001"),
    "a bucket that is missing": (("lakes", "buckets"), "mehs-{lake}", "E01"),
    "a wrong key": (("lakes", "credentials", "analysts", "secret"), {"env": "HOME"}, "E014"),
    "a store that is down": (("lakes", "endpoint"), "http://127.0.0.1:1", "E013"),
    "no credentials": (("lakes", "credentials"), {"shop": {"user": "shop"}}, "E003"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_deployment_is_answered_in_words(shop: Deployed, tmp_path: Path, what: str) -> None:
    publish()
    path, value, code = WRONG[what]
    environment = shop.environment("analysts") | {"MESH_DEPLOYMENT": changed(shop, tmp_path, *path, to=value)}
    command = [sys.executable, "-m", "platform_core.cli", "query", "FROM shop.orders"]
    answer = subprocess.run(
        command, cwd=shop.root, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode in (1, 2)
    assert answer.stderr.startswith(f"error[{code}"), answer.stderr
    assert "Traceback" not in answer.stderr
    for secret in ("hunter2", "analysts-pw", "analysts-s3cret-key"):
        assert secret not in answer.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["query", "--as", "domain:shop", "FROM shop.orders"], "E016"),
        (["stats", "shop/orders", "--as", "domain:shop"], "E016"),
        (["history", "shop/orders", "--as", "domain:shop"], "E016"),
        (["attach", "mesh.duckdb"], "E017"),
    ],
)
def test_a_reader_is_who_its_credentials_name(shop: Deployed, words: list[str], code: str) -> None:
    publish()
    answer = shop.mesh("analysts", *words)
    assert answer.returncode == 2, answer.stderr
    assert answer.stderr.startswith(f"error[{code}]"), answer.stderr


def test_a_domain_writes_its_own_lake_alone(shop: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_PRINCIPAL", "analysts")
    with pytest.raises(LakeError) as error:
        publish()
    assert error.value.diagnostics[0].code == "E012"


def test_grants_follow_the_contracts(shop: Deployed) -> None:
    publish()
    mesh = SmallMesh(shop.root)
    read = ["query", "SELECT count(*) FROM shop.orders", "--format", "csv"]
    assert shop.mesh("analysts", *read).stdout.split() == ["count_star()", "3"]
    mesh.contract("shop/orders", roles="[]")
    try:
        assert shop.mesh("admin", "grant", "check").returncode == 1
        planned = shop.mesh("admin", "grant", "plan", "--policies").stdout
        assert "to do: take shop/orders from analysts" in planned
        policies = json.loads(planned[planned.index("{") :])
        assert "arn:aws:s3:::mesh-shop/data/products/orders/*" not in str(policies["analysts"])
        assert shop.mesh("admin", "grant", "apply").returncode == 0
    finally:
        mesh.contract("shop/orders")
    # Granted again in the contract, not on the servers.
    answer = shop.mesh("analysts", *read)
    assert answer.returncode == 1
    assert "mesh grant check" in answer.stderr
    assert shop.mesh("admin", "grant", "apply").returncode == 0
    assert shop.mesh("admin", "grant", "check").returncode == 0
    assert shop.mesh("analysts", *read).returncode == 0


def test_versions_on_servers_differ_as_local_ones(shop: Deployed) -> None:
    publish()
    publish(f"{ROWS} WHERE range <> 1 UNION ALL SELECT 9, 9")
    found = json.loads(shop.mesh("analysts", "diff", "shop/orders", "--json").stdout)
    assert found["rows"] == {"added": 1, "removed": 1, "changed": 0, "same": 2}
    with (
        connect(current_lakes(), write=["shop"]) as con,
        open_stream(
            con, current_lakes(), Registry.open().get("shop/visits"), stamp=Stamp("run", "shop/visits")
        ) as stream,
    ):
        for batch in "ab":
            rows = f"SELECT ascii('{batch}') AS id, 1.5 AS amount, TIMESTAMP '2024-01-01' AS seen"
            stream.append(batch, rows, audit=lambda *_: None)
    found = json.loads(shop.mesh("analysts", "diff", "shop/visits", "--json").stdout)
    assert found["rows"] == {"added": 1, "removed": 0, "changed": 0, "same": 1}
    assert shop.mesh("other", "diff", "shop/orders").stderr.startswith("error[A001]")


def test_a_lock_of_a_stream_makes_no_difference(shop: Deployed) -> None:
    with lake_lock(current_lakes(), "shop", holder="shop/visits, run 7", stream="visits"):
        assert shop.mesh("admin", "grant", "check").returncode == 0


def test_nobody_reads_the_lake_of_a_domain_that_left(shop: Deployed) -> None:
    mesh = SmallMesh(shop.root)
    file = yaml.safe_load(shop.file.read_text())
    file["lakes"]["credentials"]["gone"] = {**file["lakes"]["credentials"]["shop"], "user": "gone"}
    shop.file.write_text(yaml.safe_dump(file, sort_keys=False))
    contract = mesh.contract("gone/things")
    assert shop.mesh("admin", "grant", "apply").returncode == 0
    count = "SELECT count(*) FROM gone.mesh_grants"
    with shop.psql("admin") as session, session.cursor() as cursor:
        cursor.execute(count)
        assert cursor.fetchall() == [(1,)]
        shutil.rmtree(contract.parent.parent)
        assert shop.mesh("admin", "grant", "check").returncode == 1
        assert shop.mesh("admin", "grant", "apply").returncode == 0
        assert shop.mesh("admin", "grant", "check").returncode == 0
        session.rollback()
        cursor.execute(f"{count} UNION ALL SELECT has_schema_privilege('analysts', 'gone', 'USAGE')::int")
        assert cursor.fetchall() == [(0,), (0,)]


HALVES = ["_server", "_missing_lakes", "_lakes", "_make"]


@pytest.mark.parametrize("half", HALVES)
def test_a_half_applied_grant_is_finished_by_the_next(
    tmp_path: Path, shop: Deployed, monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    """A new domain, whose grants end in the middle of each part."""
    domain = f"new{HALVES.index(half)}"
    mesh = SmallMesh(shop.root)
    mesh.contract(f"{domain}/things")
    file = yaml.safe_load(shop.file.read_text())
    own = file["lakes"]["credentials"]["shop"]
    file["lakes"]["credentials"][domain] = {**own, "user": domain}
    shop.file.write_text(yaml.safe_dump(file, sort_keys=False))
    ended = f"""
import os, sys
from platform_core.access.server import plan
from platform_core.cli import main
if {half!r} == "_make":
    made = plan.fill_new_lake
    plan.fill_new_lake = lambda *given: os._exit(9)
else:
    run, steps = plan.run, []
    def counted(admin, sql, values=None):
        if not sql.startswith(("SELECT", "SHOW")):
            steps.append(sql)
            if len(steps) == {{"_server": 2, "_missing_lakes": 4, "_lakes": 9}}[{half!r}]:
                os._exit(9)
        return run(admin, sql, values)
    plan.run = counted
sys.exit(main(["grant", "apply"]))
"""
    command = [sys.executable, "-c", ended]
    environment = shop.environment("admin")
    assert subprocess.run(command, cwd=shop.root, env=environment, check=False).returncode == 9
    assert shop.mesh("admin", "grant", "check").returncode == 1
    assert shop.mesh("admin", "grant", "apply").returncode == 0
    assert shop.mesh("admin", "grant", "check").returncode == 0
