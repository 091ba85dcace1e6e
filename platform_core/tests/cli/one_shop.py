"""A mesh of one location with one product, `shop/stores`, whose contract has a warning check."""

from __future__ import annotations

from pathlib import Path

from governance.mutating import VALID
from small_mesh import SmallMesh

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
    """Create the mesh in a folder, its root."""
    mesh = SmallMesh.make(root, "shop")
    mesh.location("shop")
    mesh.write("domains/shop/src/shop/products.py", CODE)
    text = (VALID / "domains/shop/contracts/stores.odcs.yaml").read_text()
    for old, new in (
        # Quotes that nothing needs: `mesh format` has something to do.
        ('role: "domain:crew"', 'role: "analysts"'),
        ("mustBeGreaterThan: 0", "mustBeGreaterThan: 100, severity: warning"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    mesh.write("domains/shop/contracts/stores.odcs.yaml", text)
    return root
