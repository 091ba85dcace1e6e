"""A masked twin through Dagster: the content of its files, and the values that are never shown."""

from __future__ import annotations

import hashlib
import hmac
import json

import dagster as dg
import pytest
from small_mesh import SmallMesh

from platform_core.cli import main
from platform_core.lake.lakes import current_lakes
from platform_core.masking.keys import KeyRing

SENTINEL = "Xanthippe-7731"


def column(name: str, kind: str, rest: str, mask: str | None = None) -> str:
    masked = f", customProperties: [{{property: mask, value: {mask}, vendor: platform-core}}]" if mask else ""
    return f"      - {{name: {name}, logicalType: {kind}, {rest}{masked}}}\n"


PERSONAL = "tags: [personal], classification: restricted"
PEOPLE = (
    "    customProperties:\n"
    "      - {property: maskedAs, value: profiles, vendor: platform-core}\n"
    "      - {property: suppress, value: {groupsBelow: 2, columns: [age, team]}, vendor: platform-core}\n"
    "    properties:\n"
    + column(
        "id",
        "integer",
        "primaryKey: true, tags: [pseudonymous], classification: confidential",
        "{method: hash, key: person}",
    )
    + column("name", "string", PERSONAL)
    + column("nick", "string", PERSONAL, "{method: redact}")
    + column("mail", "string", PERSONAL, "{method: hash, key: mail}")
    + column("age", "integer", PERSONAL, "{method: generalize, width: 10}")
    + column("joined", "date", PERSONAL, "{method: generalize, to: month}")
    + column("team", "string", "required: true, classification: internal")
)
PEOPLE_SQL = f"""
    SELECT id::BIGINT AS id, name, nick, mail, age::BIGINT AS age, joined::DATE AS joined, team FROM (VALUES
        (1, '{SENTINEL}-a', 'nick-a', 'a@example.org', 31, '2020-01-05', 'red'),
        (2, '{SENTINEL}-b', 'nick-b', 'a@example.org', 39, '2020-01-06', 'red'),
        (3, '{SENTINEL}-c', 'nick-c', NULL, 40, '2020-02-07', 'red'),
        (4, '{SENTINEL}-d', 'nick-d', 'd@example.org', 55, '2020-02-01', 'blue'),
        (5, '{SENTINEL}-e', 'nick-e', 'e@example.org', 59, '2020-02-09', 'blue')
    ) AS t(id, name, nick, mail, age, joined, team)
"""


@pytest.fixture
def people(mesh: SmallMesh) -> SmallMesh:
    path = mesh.contract("shop/people", PEOPLE)
    path.write_text(path.read_text().replace("access: read}", "access: masked}"))
    mesh.code("shop", f"@data_product\ndef people():\n    return {PEOPLE_SQL!r}\n")
    return mesh


def stored(lake: str) -> bytes:
    """All bytes of a lake: the data of every version, and its catalog."""
    folder = current_lakes().folder(lake)
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_twin_is_published_without_raw_values(
    people: SmallMesh, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    assert people.run("shop", "shop/people", instance).success
    result = people.run("shop", "shop/profiles", instance)
    assert result.success

    rows = {row[0]: row for row in people.read("FROM shop.products.profiles")}
    person, mail = KeyRing.current().get("shop.person"), KeyRing.current().get("shop.mail")
    token = hmac.new(person.secret, b"4", hashlib.sha256).hexdigest()[:32]
    address = hmac.new(mail.secret, b"d@example.org", hashlib.sha256).hexdigest()[:32]
    assert len(rows) == 4, "nobody else of red is in their forties"
    assert [*map(str, rows[token][1:])] == ["[redacted]", address, "50 to 59", "2020-02-01", "blue"]

    assert SENTINEL.encode() in stored("shop_restricted"), "or the search below finds nothing anyway"
    for raw in (SENTINEL, "nick-", "example.org"):
        assert raw.encode() not in stored("shop")

    [event] = result.asset_materializations_for_node("shop__profiles")
    told = event.metadata["mesh/keys"].value
    assert told == {"shop.mail": mail.fingerprint, "shop.person": person.fingerprint}
    words = "\n".join(repr(record) for record in instance.all_logs(result.run_id))
    assert person.secret.hex() not in words

    capsys.readouterr()
    assert main(["keys", "rotate", "shop.person", "--json"]) == 0
    keys = {key["key"]: key for key in json.loads(capsys.readouterr().out)["keys"]}
    assert keys["shop.mail"]["twins"] == [
        {"product": "shop/profiles", "fingerprint": mail.fingerprint, "current": True}
    ]
    assert [twin["current"] for twin in keys["shop.person"]["twins"]] == [False]
    assert keys["shop.person"]["fingerprint"] != person.fingerprint


def test_a_lost_key_is_not_replaced_in_silence(people: SmallMesh, instance: dg.DagsterInstance) -> None:
    for product in ("shop/people", "shop/profiles"):
        assert people.run("shop", product, instance).success
    [key] = KeyRing.current(people.root).folder.glob("shop.person.key")
    saved = key.read_bytes()
    key.unlink()
    result = people.run("shop", "shop/profiles", instance)
    assert not result.success
    words = "\n".join(repr(record) for record in instance.all_logs(result.run_id))
    assert "L021" in words
    assert not key.exists()
    key.touch(0o600)
    key.write_bytes(saved)
    assert people.run("shop", "shop/profiles", instance).success


def test_a_twin_with_raw_values_is_refused(
    people: SmallMesh, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert people.run("shop", "shop/people", instance).success

    def broken(twin: object, relation: str, suppression: object) -> str:
        return f"SELECT md5(id::VARCHAR) AS id, nick, mail, '30 to 39' AS age, joined, team FROM {relation}"

    monkeypatch.setattr("platform_core.masking.publish.masked_query", broken)
    result = people.run("shop", "shop/profiles", instance)

    assert not result.success
    [failed] = [e.check_name for e in result.get_asset_check_evaluations() if not e.passed]
    assert failed == "no_raw_values"
    words = "\n".join(repr(record) for record in instance.all_logs(result.run_id))
    assert '"nick", "mail"' in words
    assert "nick-a" not in words
    assert not list(current_lakes().data_folder("shop").rglob("*.parquet"))


FAILING = {
    "a-broken-rule": f"SELECT id, '{SENTINEL}' AS name FROM range(3) t(id) UNION ALL SELECT 1, '{SENTINEL}'",
    "a-broken-conversion": f"SELECT id, '{SENTINEL}'::INTEGER::VARCHAR AS name FROM range(3) t(id)",
    "an-overflow": "SELECT id, (55667788 * (id + 55667788)::INTEGER)::VARCHAR AS name FROM range(3) t(id)",
}
SECRET = (
    "    properties:\n"
    + column("id", "integer", "primaryKey: true, classification: confidential")
    + column("name", "string", f"{PERSONAL}, enum: [{{value: nobody}}]")
)


@pytest.mark.parametrize("name", [*FAILING, "a-python-error"])
def test_a_failing_run_shows_no_personal_value(
    name: str, mesh: SmallMesh, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    mesh.contract("shop/people", SECRET)
    # Not in one piece in the code, whose line is shown.
    raises = f"raise KeyError('-'.join({SENTINEL.split('-')}))"
    body = f"return {FAILING[name]!r}" if name in FAILING else raises
    mesh.code("shop", f"@data_product\ndef people():\n    {body}\n")

    result = mesh.run("shop", "shop/people", instance)

    assert not result.success
    told = [repr(record) for record in instance.all_logs(result.run_id)]
    words = "\n".join([*told, *map(str, result.all_events), *map(str, capfd.readouterr())])
    assert "error[" in words, "it says what is wrong"
    for value in (SENTINEL, "55667788", "55667789"):
        assert value not in words


def test_lakes_of_restricted_products_are_closed(people: SmallMesh, instance: dg.DagsterInstance) -> None:
    location = current_lakes()
    folder = location.folder("shop_restricted")
    folder.mkdir(parents=True, mode=0o755)  # one that was made before
    assert people.run("shop", "shop/people", instance).success

    assert folder.stat().st_mode & 0o777 == 0o700
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".sqlite", ".parquet"}
    assert [path for path in files if path.stat().st_mode & 0o077] == []
    assert people.run("shop", "shop/profiles", instance).success
    shared = [path.stat().st_mode for path in location.data_folder("shop").rglob("*.parquet")]
    assert shared
    assert all(mode & 0o040 for mode in shared), "others read these"


def test_a_function_cannot_make_a_twin(people: SmallMesh) -> None:
    people.code("shop", "@data_product\ndef profiles():\n    return 'SELECT 1'\n", "profiles")
    with pytest.raises(Exception, match="D031"):
        people.definitions("shop")


DAYS = (
    "    customProperties:\n"
    "      - {property: maskedAs, value: masked_visits, vendor: platform-core}\n"
    "      - property: partitions\n"
    "        value: {every: day, start: 2024-03-30, end: 2024-04-02, timezone: UTC}\n"
    "        vendor: platform-core\n"
    "    properties:\n"
    + column("seen_at", "timestamp", "partitioned: true, required: true, classification: internal")
    + column("who", "string", PERSONAL, "{method: hash, key: person}")
)


def test_a_twin_has_the_partitions_of_its_parent(mesh: SmallMesh, instance: dg.DagsterInstance) -> None:
    mesh.contract("shop/visits", DAYS)
    days = ["2024-03-30", "2024-03-31", "2024-04-01"]
    query = " UNION ALL ".join(
        f"SELECT TIMESTAMP '{day} 10:00' AS seen_at, 'a{n}' AS who" for n, day in enumerate(days)
    )
    mesh.code("shop", f"@data_product\ndef visits():\n    return {query!r}\n")
    whole = (days[0], days[-1])
    assert mesh.run("shop", "shop/visits", instance, whole).success

    assert mesh.run("shop", "shop/masked_visits", instance, days[1]).success
    assert mesh.read("SELECT seen_at::DATE::VARCHAR FROM shop.products.masked_visits") == [(days[1],)]
    assert mesh.run("shop", "shop/masked_visits", instance, days[2]).success
    rows = mesh.read("SELECT seen_at::DATE::VARCHAR, who FROM shop.products.masked_visits ORDER BY seen_at")
    assert [day for day, _ in rows] == days[1:]
    assert len({who for _, who in rows}) == 2


def test_the_code_of_a_twin_is_its_parents_contract(people: SmallMesh, instance: dg.DagsterInstance) -> None:
    def versions() -> list[str | None]:
        nodes = people.definitions("shop").resolve_asset_graph()
        return [nodes.get(dg.AssetKey(["shop", name])).code_version for name in ("people", "profiles")]

    before = versions()
    path = people.registry.path("shop/people")
    path.write_text(path.read_text().replace("width: 10", "width: 20"))
    parent, twin = versions()
    assert (parent, twin) != (before[0], before[1])
    assert parent == before[0]
    for product in ("shop/people", "shop/profiles"):
        assert people.run("shop", product, instance).success
    stamped = "SELECT commit_extra_info FROM shop.snapshots() ORDER BY snapshot_id DESC LIMIT 1"
    facts = json.loads(str(people.read(stamped)[0][0]))
    assert facts["contract_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts["inputs"].keys() == {"shop/people"}
    assert set(facts["content"]["columns"]) == {"nick", "mail", "age", "joined", "team"}, "its own columns"
    assert {check.keys() - {"rule", "status", "count"} == set() for check in facts["checks"]} == {True}
