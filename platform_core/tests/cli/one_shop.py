"""A mesh of one location with one product, `shop/stores`, whose contract has a check that only warns."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from governance.mutating import VALID

WORKSPACE = (
    "load_from:\n- python_module: {{module_name: shop.definitions, location_name: shop, "
    "executable_path: {python}, working_directory: domains/shop/src}}\n"
)
CODE = """\
import time
from pathlib import Path

from platform_core import data_product

SLOW = Path(__file__).parent / "slow"
if SLOW.exists():
    SLOW.rename(SLOW.with_name("slowed"))
    time.sleep(600)


@data_product
def stores() -> str:
    return "SELECT range AS store_id, 10 * range AS sale_count FROM range(1, 4)"
"""


def one_shop(root: Path) -> Path:
    """Make it in a folder, which is the root."""
    package, contracts = (root / "domains" / "shop" / part for part in ("src/shop", "contracts"))
    for folder in (package, contracts):
        folder.mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(VALID / "domains/shop/src/shop/definitions.py", package)
    (package / "products.py").write_text(CODE)
    text = (VALID / "domains/shop/contracts/stores.odcs.yaml").read_text()
    for old, new in (
        # Quotes that nothing needs: `mesh format` has something to do.
        ('role: "domain:crew"', 'role: "analysts"'),
        ("mustBeGreaterThan: 0", "mustBeGreaterThan: 100, severity: warning"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (contracts / "stores.odcs.yaml").write_text(text)
    (root / "governance").mkdir()
    shutil.copy(VALID / "governance/teams.yaml", root / "governance")
    (root / "workspace.yaml").write_text(WORKSPACE.format(python=sys.executable))
    return root
