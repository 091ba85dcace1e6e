"""Key files: made once, closed to others, never told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from platform_core.errors import LakeError
from platform_core.lake.keys import KeyRing


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


def test_a_key_is_made_once_whoever_asks_first(ring: KeyRing) -> None:
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
