"""Key files: created once, closed to other users, never shown."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from small_mesh import ROWS, SmallMesh

from platform_core.diagnostics import LakeError
from platform_core.lake.connect import connect
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.lake.versions import latest
from platform_core.masking.keys import KeyRing


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


def test_concurrent_processes_create_a_key_once(ring: KeyRing) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = {key.secret for key in pool.map(lambda _: ring.get("person"), range(32))}
    assert len(made) == 1
    assert [path.name for path in ring.folder.iterdir()] == ["person.key"]
    assert len(made.pop()) == 32


def test_keys_are_for_this_user_alone(ring: KeyRing) -> None:
    ring.get("person")
    ring.rotate("person")
    assert ring.folder.stat().st_mode & 0o777 == 0o700
    assert (ring.folder / "person.key").stat().st_mode & 0o777 == 0o600


def test_a_key_is_not_in_its_words(ring: KeyRing) -> None:
    key = ring.get("person")
    assert key.secret.hex() not in f"{key!r} {key}"
    assert key.fingerprint not in key.secret.hex()


def test_rotation_makes_another_key(ring: KeyRing) -> None:
    before = ring.get("person")
    after = ring.rotate("person")
    assert ring.get("person") == after
    assert before.fingerprint != after.fingerprint
    assert ring.find("other") is None
    assert ring.names() == ("person",)


@pytest.mark.parametrize("text", ["", "abc\n", "g" * 64, "0" * 65, "ä" * 64])
def test_a_file_that_holds_no_key_is_one_diagnostic(ring: KeyRing, text: str) -> None:
    ring.get("person")
    (ring.folder / "person.key").write_text(text, encoding="utf-8")
    with pytest.raises(LakeError) as caught:
        ring.get("person")
    [fault] = caught.value.diagnostics
    assert fault.code == "L020"
    assert text[:8] not in fault.message or not text


def test_a_key_that_others_can_read_is_refused(ring: KeyRing) -> None:
    ring.get("person")
    (ring.folder / "person.key").chmod(0o640)
    with pytest.raises(LakeError, match="read by other users"):
        ring.get("person")


def test_a_folder_that_cannot_be_written_is_one_diagnostic(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")
    with pytest.raises(LakeError, match="L020"):
        KeyRing(tmp_path / "keys").get("person")


@pytest.mark.parametrize("rights", [0o777, 0o770, 0o702])
def test_a_folder_into_which_others_can_put_keys_is_refused(ring: KeyRing, rights: int) -> None:
    ring.folder.mkdir()
    ring.folder.chmod(rights)
    key = ring.get("shop.person")
    assert ring.folder.stat().st_mode & 0o777 == 0o700, "one of one's own is closed with its first key"
    ring.folder.chmod(rights)
    with pytest.raises(LakeError, match="replaced by other users") as caught:
        ring.get("shop.person")
    assert "chmod 700" in str(caught.value.diagnostics[0].fix)
    ring.folder.chmod(0o700)
    assert ring.get("shop.person") == key


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_key_of_another_user_is_refused(ring: KeyRing) -> None:
    ring.get("shop.person")
    os.chown(ring.folder / "shop.person.key", 65534, 65534)
    with pytest.raises(LakeError, match="replaced by other users"):
        ring.get("shop.person")


def hashed(mesh: SmallMesh, product: str, **keys: str) -> None:
    """A version of a product whose stamp has the fingerprints of its keys."""
    if not (mesh.root / f"domains/{product.replace('/', '/contracts/')}.odcs.yaml").exists():
        mesh.contract(product)
    found = mesh.registry.get(product)
    with connect(mesh.lakes, write=[found.lake]) as con:
        stamp = Stamp("run", product, facts={"keys": keys})
        publish_table(con, mesh.lakes, found, ROWS, stamp=stamp, audit=str)


def test_a_key_without_a_domain_goes_to_the_domains_that_used_it(mesh: SmallMesh, ring: KeyRing) -> None:
    """Earlier hashes stay as they are. A domain that uses the name now, but did not then, gets a key of
    its own."""
    before = ring.get("person")
    unused = ring.get("unused")
    for product in ("shop/people", "other/people"):
        hashed(mesh, product, person=before.fingerprint)
    hashed(mesh, "third/people", person="of another secret", unused="too")
    ring.share(mesh.lakes)

    assert ring.names() == ("other.person", "shop.person", "unused")
    for name in ("shop.person", "other.person"):
        assert ring.get(name).secret == before.secret
        assert ring.get(name).made_at == before.made_at
        assert (ring.folder / f"{name}.key").stat().st_mode & 0o777 == 0o600
    assert ring.get("third.person").secret != before.secret
    assert ring.find("unused") == unused
    rotated = ring.rotate("shop.person")
    assert ring.get("other.person").secret == before.secret != rotated.secret
    with connect(mesh.lakes, read=["shop"]) as con:
        version = latest(con, mesh.registry.get("shop/people"))
    assert version is not None
    assert version.keys == {"shop.person": before.fingerprint}


def test_concurrent_processes_share_a_key_once(mesh: SmallMesh, ring: KeyRing) -> None:
    before = ring.get("person")
    hashed(mesh, "shop/people", person=before.fingerprint)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ring.share(mesh.lakes), range(4)))
    assert ring.names() == ("shop.person",)
    assert ring.get("shop.person").secret == before.secret


def test_a_key_in_a_folder_that_cannot_be_written_is_one_diagnostic(mesh: SmallMesh, ring: KeyRing) -> None:
    ring.get("person")
    (ring.folder / ".lock").mkdir()
    with pytest.raises(LakeError) as caught:
        ring.share(mesh.lakes)
    assert [fault.code for fault in caught.value.diagnostics] == ["L020"]
