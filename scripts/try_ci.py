"""Run what a pull request runs, on a scratch repository with two commits.

    python scripts/try_ci.py

The first commit has the files of this repository as they are. The second changes two contracts: one
compatibly, one so that its readers break. ``.ci/plan`` compares the two and prints the comment. The
environments are those of ``make setup``; the scratch repository and its state are in a temporary folder.
The exit status is 0 if the comment shows both changes and the check refused the second.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = "domains/sales/contracts"
RETYPED = r"(name: household_count, logicalType:) integer(.*), logicalTypeOptions: \{minimum: 1\}"
COMPATIBLE = (
    (f"{CONTRACTS}/products.odcs.yaml", r"^version: .*", "version: 1.1.0"),
    (f"{CONTRACTS}/products.odcs.yaml", r"^roles:", "roles:\n  - {role: domain:hr, access: read}"),
)
BREAKING = (
    (f"{CONTRACTS}/stores.odcs.yaml", r"^version: .*", "version: 2.0.0"),
    (f"{CONTRACTS}/stores.odcs.yaml", RETYPED, r"\1 string\2"),
)
EXPECTED = (
    r"^\| sales/products \| changed \|",
    r"^\| sales/stores \| changed \|",
    r"^error\[G503\]: sales/stores 2\.0\.0 breaks sales/store_performance",
)
UNEXPECTED = r"^error.*sales/products"
SECONDS = 600
"""Far more than the minute that it takes on two cores."""


def git(folder: Path, *words: str) -> bytes:
    """The output of git, without the settings of the user."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "user.name=ci", "-c", "user.email=ci@example.com", *words]
    return subprocess.run(command, cwd=folder, env=kept | settings, stdout=subprocess.PIPE, check=True).stdout


def copied(folder: Path) -> None:
    """The tracked files as they are now, with the environments of this repository."""
    for name in git(ROOT, "ls-files", "-z").decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    workspace = folder / "workspace.yaml"
    text = re.sub(r"(executable_path: )(?!/)", rf"\1{ROOT}/", workspace.read_text("utf-8"))
    # The packages of the domains are installed from this repository: the folder of the copy comes first.
    workspace.write_text(
        re.sub(r"( +)location_name: (\w+)", r"\g<0>\n\1working_directory: domains/\2/src", text)
    )


def main() -> int:
    """Make the two commits and compare them; returns the exit code."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "mesh"
        folder.mkdir()
        copied(folder)
        git(folder, "init", "--quiet", "--initial-branch=main")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message=The mesh as it is")
        git(folder, "switch", "--quiet", "--create", "change")
        for file, old, new in (*COMPATIBLE, *BREAKING):
            text, count = re.subn(old, new, (folder / file).read_text("utf-8"), count=1, flags=re.MULTILINE)
            if not count:
                print(f"{file} has no line {old}: correct scripts/try_ci.py", file=sys.stderr)
                return 1
            (folder / file).write_text(text, "utf-8")
        git(folder, "commit", "--quiet", "--all", "--message=Two contracts change")
        environment = {
            name: text for name, text in os.environ.items() if not name.startswith(("MESH_", "GIT_"))
        }
        environment |= {"MESH": f"{ROOT}/.venv/bin/mesh", "MESH_HOME": f"{temporary}/home"}
        comment = Path(temporary) / "comment.md"
        command = [str(folder / ".ci/plan"), "main", str(comment)]
        status = subprocess.run(command, cwd=folder, env=environment, timeout=SECONDS).returncode
        text = comment.read_text("utf-8")
    print(text)
    missing = [line for line in EXPECTED if not re.search(line, text, re.MULTILINE)]
    print(f"exit status of .ci/plan: {status}")
    for line in missing:
        print(f"the comment has no line {line}", file=sys.stderr)
    refused = re.search(UNEXPECTED, text, re.MULTILINE)
    if refused:
        print(f"a compatible change is refused: {refused[0]}", file=sys.stderr)
    return int(bool(missing or refused) or status != 1)


if __name__ == "__main__":
    sys.exit(main())
