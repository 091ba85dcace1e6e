"""Work that exceeds the memory: its folder, its readers, and its removal."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.local.spill import spill_folder

SPILLS = "CREATE TEMP TABLE wide AS SELECT i, random() AS r, hash(i)::VARCHAR AS h FROM range(1500000) t(i)"


@pytest.fixture(autouse=True)
def _a_common_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def spilled(location: LocalLakes) -> list[Path]:
    return [path for path in location.root.rglob("duckdb_temp_*") if path.is_file()]


@pytest.mark.parametrize(("lake", "side"), [("hr", "."), ("hr_restricted", "hr_restricted")])
def test_work_that_exceeds_the_memory_spills_into_the_right_folder_and_is_removed(
    location: LocalLakes, monkeypatch: pytest.MonkeyPatch, lake: str, side: str
) -> None:
    monkeypatch.setenv("MESH_MEMORY_LIMIT", "60MB")
    with connect(location, write=[lake]) as con:
        con.execute(SPILLS)
        files = spilled(location)
        assert files
        for file in files:
            assert file.parent.parent.parent == location.root / side
            assert rights(file.parent.parent) == 0o700
            assert lake == "hr" or rights(file) == 0o600
    assert not spilled(location)


def test_a_restricted_lake_that_is_made_first_leaves_the_root_open(location: LocalLakes) -> None:
    with connect(location, write=["hr_restricted"]):
        pass
    with connect(location, write=["hr"]):
        pass
    assert rights(location.root) == 0o755
    assert rights(location.folder("hr")) == 0o755
    assert rights(location.folder("hr_restricted")) == 0o700
    assert rights(location.catalog_file("hr_restricted")) == 0o600


def test_folders_of_killed_processes_are_removed_and_those_of_live_ones_are_kept(
    location: LocalLakes,
) -> None:
    location.root.mkdir(parents=True)
    script = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from platform_core.lake.local.lakes import LocalLakes
        from platform_core.lake.local.lakes import LocalLakes
        from platform_core.lake.local.spill import spill_folder
        with spill_folder(LocalLakes(Path({str(location.root)!r}))) as folder:
            (folder / "rows").write_text("left")
            print(folder, flush=True)
            sys.stdin.read()
    """)
    command = [sys.executable, "-c", script]
    first = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    left = Path(first.stdout.readline().strip())
    beside = subprocess.run(command, input="", capture_output=True, text=True, check=True)
    assert (left / "rows").exists()  # the first process lives
    assert not Path(beside.stdout.strip()).parent.exists()  # the second has ended
    first.kill()
    first.communicate()
    assert (left / "rows").exists()
    subprocess.run(command, input="", capture_output=True, check=True)
    assert not left.parent.exists()


def test_a_spill_folder_ends_with_its_work(location: LocalLakes) -> None:
    with suppress(KeyboardInterrupt), spill_folder(location, "hr_restricted") as folder:
        (folder / "rows").write_text("secret")
        assert rights(folder) == rights(folder.parent) == rights(location.folder("hr_restricted")) == 0o700
        raise KeyboardInterrupt
    assert not folder.exists()
