"""The public names of the library. A change here changes its interface."""

import subprocess
import sys

import platform_core

FACE = [
    "Batch",
    "DataProduct",
    "Diagnostic",
    "Input",
    "LakeResource",
    "Model",
    "Place",
    "PlatformError",
    "Result",
    "Source",
    "Table",
    "Window",
    "checks",
    "data_product",
    "domain_definitions",
    "owners",
    "sla",
]


def test_the_public_face_is_exactly_this() -> None:
    assert platform_core.__all__ == FACE
    assert dir(platform_core) == FACE


def test_every_public_name_can_be_imported() -> None:
    for name in FACE:
        assert getattr(platform_core, name) is not None


def test_declaring_a_product_loads_no_dagster() -> None:
    code = (
        "import sys; from platform_core import Input, Source, Table, data_product; "
        "import platform_core.testing; sys.exit('dagster' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
