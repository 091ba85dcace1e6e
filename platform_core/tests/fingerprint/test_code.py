# ruff: noqa: E501 - packages in one line
"""The fingerprint of Python code: all that could change what a function returns moves it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_core.fingerprint.code import CodePrint, Package

SHOP = {
    "shop": '"""The shop."""\n',
    "shop.products": '''\
"""Its products."""
from pathlib import PurePath

import pyarrow as pa

from platform_core import Source, data_product
from shop import settings
from shop.helpers import cleaned, rounded as to_cents
from shop.tables import *

SALES = Source("sales.csv")
_LEAST = 3  # units


@data_product(inputs={"visits": "shop/visits"}, sources={"sales": SALES})
def sales(sales, visits):
    """The sales."""
    return cleaned(sales, _LEAST)


def unused(rows):
    return 20_171_001


class Basket:
    """A basket."""

    size = 1

    def total(self):
        return to_cents(self.size) * settings.RATE


@data_product(inputs={"visits": "shop/visits"})
def baskets(visits):
    from shop.late import found
    return found(Basket(), 20171001)
''',
    "shop.helpers": """\
from shop.deep.inner import trimmed

LIMIT = 7


def cleaned(rows, least):
    def inner(row):
        return trimmed(row) + least
    return [inner(row) for row in rows]


def rounded(value):
    return round(value, 2)
""",
    "shop.deep": "from .inner import trimmed as short\nfrom ..helpers import LIMIT as limit\n",
    "shop.deep.inner": "from shop import helpers\n\ndef trimmed(row):\n    return row[:2]\n",
    "shop.settings": "RATE = 2\n",
    "shop.tables": "def table():\n    return 1\n",
    "shop.late": "def found(basket, day):\n    return basket.total()\n",
}


def code(name: str, **changed: str) -> CodePrint:
    texts = SHOP | {f"shop.{module}".rstrip("_"): text for module, text in changed.items()}
    return Package(texts).code_of("shop.products", name)


def moved(module: str, old: str, new: str) -> set[str]:
    """The products whose fingerprint moves with an edit."""
    text = SHOP[f"shop.{module}".replace("deep_inner", "deep.inner")]
    assert old in text
    name = f"shop.{module}".replace("deep_inner", "deep.inner")
    edited = Package(SHOP | {name: text.replace(old, new)})
    return {
        each
        for each in ("sales", "baskets")
        if edited.code_of("shop.products", each).fingerprint != code(each).fingerprint
    }


NOTHING = {
    "a comment": ("products", "# units", "# pieces"),
    "a docstring": ("products", "The sales.", "All sales."),
    "a docstring of a class": ("products", '"""A basket."""', '"""One."""'),
    "a docstring of a module": ("products", "Its products.", "Products."),
    "layout": ("products", "cleaned(sales, _LEAST)", "cleaned(\n        sales,\n        _LEAST,\n    )"),
    "an unused function": ("products", "def unused(rows)", "def unused(lines)"),
    "an unused import": ("products", "import pyarrow as pa", "import pyarrow as pa\nimport json"),
    "an unused constant": ("helpers", "LIMIT = 7", "LIMIT = 8"),
    "a number written otherwise": ("products", "found(Basket(), 20171001)", "found(Basket(), 20_171_001)"),
}
SOMETHING = {
    "a constant": ("products", "_LEAST = 3", "_LEAST = 4", {"sales"}),
    "a helper": ("helpers", "trimmed(row) + least", "trimmed(row) - least", {"sales"}),
    "a helper's helper": ("deep_inner", "row[:2]", "row[:3]", {"sales"}),
    "a helper under another name": ("helpers", "round(value, 2)", "round(value, 3)", {"baskets"}),
    "a source's path": ("products", "sales.csv", "sales2.csv", {"sales"}),
    "an input": ("products", '"visits": "shop/visits"}, sources', '"visits": "shop/views"}, sources', {"sales"}),
    "an import in a function": ("late", "basket.total()", "basket.size", {"baskets"}),
    "a class attribute": ("products", "size = 1", "size = 2", {"baskets"}),
    "a method": ("products", "* settings.RATE", "/ settings.RATE", {"baskets"}),
    "an attribute of a module": ("settings", "RATE = 2", "RATE = 3", {"baskets"}),
    "a decorator": ("products", '@data_product(inputs={"visits": "shop/visits"})', "@data_product()", {"baskets"}),
    "another import of a name": ("products", "rounded as to_cents", "cleaned as to_cents", {"baskets"}),
    "a function defined again": ("helpers", "def rounded(value):", "def rounded(v): return 1\n\n\ndef rounded(value):", {"baskets"}),
    "an effect": ("helpers", "LIMIT = 7", "LIMIT = 7\ncleaned.cache = {}", {"sales", "baskets"}),
    "a name of a star": ("tables", "return 1", "return 2", {"sales", "baskets"}),
}  # fmt: skip


@pytest.mark.parametrize("edit", NOTHING)
def test_edits_without_effect(edit: str) -> None:
    assert moved(*NOTHING[edit]) == set()


@pytest.mark.parametrize("edit", SOMETHING)
def test_edits_with_effect(edit: str) -> None:
    module, old, new, expected = SOMETHING[edit]
    assert moved(module, old, new) == expected


def prints(texts: dict[str, str | bytes]) -> CodePrint:
    return Package({"p": "", **texts}).code_of("p.main", "made")


MOVING = {
    "a re-export": (
        {"p.main": "from p.api import f\ndef made(): return f()", "p.api": "from p.impl import g as f", "p.impl": "def g(): return {}"},
    ),
    "a re-export of a star": (
        {"p.main": "from p.api import f\ndef made(): return f()", "p.api": "from p.impl import *", "p.impl": "def f(): return {}"},
    ),
    "a module of a package": (
        {"p.main": "import p\ndef made(): return p.impl.f()", "p": "from p import impl", "p.impl": "def f(): return {}"},
    ),
    "a module that another one imports": (
        {"p.main": "import p.other\ndef made(): return p.impl.f()", "p.other": "import p.impl", "p.impl": "def f(): return {}"},
    ),
    "__getattr__": (
        {"p.main": "from p.lazy import f\ndef made(): return f", "p.lazy": "def __getattr__(name): return {}"},
    ),
    "a registry": (
        {"p.main": "FOUND = {}\ndef known(f):\n    FOUND[f.__name__] = f\n    return f\n@known\ndef f(): return {}\ndef made(): return FOUND['f']()"},
    ),
    "a registry in another module": (
        {"p.main": "from p.registry import FOUND\ndef made(): return FOUND", "p.registry": "FOUND = []\ndef known(f):\n    FOUND.append(f)\n    return f", "p.other": "from p.registry import known\n@known\ndef f(): return {}"},
    ),
    "an assignment to a part": ({"p.main": "X = [0]\nX[0], Y = {}, 1\ndef made(): return X"},),
    "a module's name for another value": (
        {"p.main": "from p import sub\ndef made(): return sub", "p": "sub = {}", "p.sub": "X = 1"},
    ),
    "a registry behind another function": (
        {"p.main": "from p.registry import FOUND\ndef made(): return FOUND", "p.registry": "FOUND = []\ndef known(f):\n    FOUND.append(f)\n    return f", "p.api": "from p.registry import known\ndef mark(f): return known(f)", "p.other": "from p.api import mark\n@mark\ndef f(): return {}"},
    ),
    "singledispatch": (
        {"p.main": "from functools import singledispatch\n@singledispatch\ndef f(x): return 0\n@f.register\ndef _(x: int): return {}\ndef made(): return f(1)"},
    ),
    "a call": ({"p.main": "FOUND = []\nFOUND.append({})\ndef made(): return FOUND"},),
    "a call with a result": ({"p.main": "FOUND = []\n_ = FOUND.append({})\ndef made(): return FOUND"},),
    "a subclass": (
        {"p.main": "class Base:\n    found = []\n    def __init_subclass__(cls): Base.found.append(cls.size)\nclass Other(Base):\n    size = {}\ndef made(): return Base.found"},
    ),
    "a patch in another module": (
        {"p.main": "from p.rates import rate\ndef made(): return rate()", "p.rates": "RATE = 1\ndef rate(): return RATE", "p.patch": "from p import rates\nrates.RATE = {}"},
    ),
    "a patch of a library": (
        {"p.main": "import json\ndef made(): return json.dumps(1)", "p.patch": "import json\njson.dumps = lambda value: {}"},
    ),
    "an assignment that adds": ({"p.main": "X = [1]\nX += [{}]\ndef made(): return X"},),
    "a conditional import": (
        {"p.main": "try:\n    from p.fast import f\nexcept ImportError:\n    from p.slow import f\ndef made(): return f()", "p.fast": "def f(): return 1", "p.slow": "def f(): return {}"},
    ),
    "a condition": ({"p.main": "if {}:\n    X = 1\nelse:\n    X = 2\ndef made(): return X"},),
    "two statements in one line": ({"p.main": "X = {}; Y = X\ndef made(): return Y"},),
    "the later one of two statements in one line": ({"p.main": "X = 0; Y = {}\ndef made(): return X + Y"},),
    "a name defined twice": ({"p.main": "def f(): return {}\ng = f\ndef f(): return 0\ndef made(): return g()"},),
    "a relative import": (
        {"p.main": "from .sub import f\ndef made(): return f()", "p.sub": "from .inner import f", "p.sub.inner": "def f(): return {}"},
    ),
    "a relative import of a module above": (
        {"p.main": "from .sub.inner import f\ndef made(): return f()", "p.sub": "", "p.sub.inner": "from .. import top\nf = top.g", "p.top": "def g(): return {}"},
    ),
    "a package's effect": ({"p.main": "def made(): return 1", "p": "import json\njson.x = {}"},),
    "getattr": ({"p.main": "import p.other\ndef made(): return getattr(p, 'other')", "p.other": "X = {}"},),
    "globals": ({"p.main": "def made(): return globals()['X']\nX = {}"},),
    "importlib": (
        {"p.main": "from importlib import import_module as load\ndef made(): return load('p.other').X", "p.other": "X = {}"},
    ),
    "sys.modules": ({"p.main": "import sys\ndef made(): return sys.modules['p.other'].X", "p.other": "X = {}"},),
    "its own docstring": ({"p.main": "def made():\n    '{}'\n    return made.__doc__"},),
    "a global statement": ({"p.main": "def set_x():\n    global X\n    X = {}\ndef made():\n    set_x()\n    return X"},),
    "a closure": ({"p.main": "def make():\n    x = {}\n    return lambda: x\nmade_by = make()\ndef made(): return made_by()"},),
    "a default": ({"p.main": "X = {}\ndef made(x=X): return x"},),
    "a walrus": ({"p.main": "Y = (X := {})\ndef made(): return X"},),
    "unpacking": ({"p.main": "X, Y = 1, {}\ndef made(): return Y"},),
    "a loop": ({"p.main": "for X in [{}]: pass\ndef made(): return X"},),
    "a with": ({"p.main": "import json\nwith json.x({}) as X: pass\ndef made(): return X"},),
    "a text that is not Python": ({"p.main": "from p.broken import f\ndef made(): return f", "p.broken": "def f(: {}"},),
    "a circular import": (
        {"p.main": "from p.a import f\ndef made(): return f()", "p.a": "from p.b import g\ndef f(): return g()", "p.b": "from p.a import f\ndef g(): return {}"},
    ),
}  # fmt: skip
"""Packages with a place, where another value moves the fingerprint."""


@pytest.mark.parametrize("case", MOVING)
def test_parts_that_a_function_depends_on(case: str) -> None:
    (texts,) = MOVING[case]
    one, two, again = (
        prints({name: text.replace("{}", value) for name, text in texts.items()})
        for value in ("111", "222", "111")
    )
    assert one.fingerprint != two.fingerprint
    assert one == again


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("def made(): return open('x')", "open"),
        ("import requests\ndef made(): return requests.get('x')", "requests.get"),
        ("def made():\n    import requests\n    return requests.get('x')", "requests.get"),
        ("import os\ndef made(): return os.environ['X']", "os.environ"),
        ("from os import environ as e\ndef made(): return e['X']", "os.environ"),
        ("import os\ndef made(): return os.getenv('X')", "os.getenv"),
        ("from pathlib import Path\ndef made(): return Path('x').read_text()", ".read_text"),
        ("from shutil import which\nX = which('a')\ndef made(): return X", "shutil.which"),
        ("import pandas as pd\ndef made(): return pd.read_csv('x')", "pandas.read_csv"),
        ("import polars\ndef made(): return polars.scan_parquet('x')", "polars.scan_parquet"),
        ("from polars import scan_csv\ndef made(): return scan_csv('x')", "polars.scan_csv"),
        ("import duckdb\ndef made(): return duckdb.connect('x')", "duckdb.connect"),
        ("import subprocess\ndef made(): return subprocess.run(['x'])", "subprocess.run"),
        ("from datetime import datetime\ndef made(): return datetime.now()", "datetime.datetime.now"),
        ("import datetime as dt\ndef made(): return dt.date.today()", "datetime.date.today"),
        ("import random\ndef made(x): return sorted(x, key=random.random)", "random.random"),
        ("import numpy as np\ndef made(): return np.random.rand()", "numpy.random.rand"),
        ("import joblib\ndef made(): return joblib.load('x')", "joblib.load"),
        ("def helper(client): return client.connect()\ndef made(c): return helper(c)", ".connect"),
        (
            "from importlib import resources\ndef made(): return resources.files('p')",
            "importlib.resources.files",
        ),
    ],
)
def test_code_that_may_read_outside(text: str, named: str) -> None:
    assert named in prints({"p.main": text}).outside


@pytest.mark.parametrize(
    "text",
    [
        "def made(rows): return [row.strip() for row in rows]",
        "import os\ndef made(a): return os.path.join(a, 'b')",
        "from pathlib import Path\ndef made(file: Path) -> Path: return file.name",
        "from datetime import date\ndef made(): return date(2020, 1, 1)",
        "def open(x): return x\ndef made(): return open(1)",
        "import requests\ndef other(): return requests.get('x')\ndef made(): return 1",
    ],
)
def test_code_that_reads_nothing_outside(text: str) -> None:
    assert prints({"p.main": text}).outside == ()


def test_packages_from_elsewhere() -> None:
    found = prints(
        {
            "p.main": "import pandas as pd\nfrom sklearn.base import X\ndef made():\n    import polars\n    return pd, X"
        }
    )
    assert found.packages == ("pandas", "polars", "sklearn")


def test_dynamic_code_counts_as_the_whole_package(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "main.py").write_text(
        "from pathlib import Path\nX = Path(__file__).with_name('q.sql')\ndef made(): return X.read_text()\n"
    )
    (folder / "q.sql").write_text("SELECT 1")
    first = Package.read(folder).code_of("p.main", "made")
    (folder / "q.sql").write_text("SELECT 2")
    second = Package.read(folder).code_of("p.main", "made")
    assert first.dynamic == ("__file__",)
    assert first.fingerprint != second.fingerprint


def test_packages_of_unusual_files(tmp_path: Path) -> None:
    folder, shared = tmp_path / "p", tmp_path / "shared"
    folder.mkdir()
    shared.mkdir()
    (folder / "__init__.py").write_bytes("# -*- coding: latin-1 -*-\nNAME = 'Café'\n".encode("latin-1"))
    (folder / "broken.py").write_bytes(b"\xff\xfe not Python")
    (folder / "main.py").write_text(
        "from p.linked.rates import rate\nfrom p import NAME\ndef made(): return rate(), NAME\n"
    )
    (shared / "rates.py").write_text("def rate(): return 1\n")
    (folder / "linked").symlink_to(shared, target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "gone.py").symlink_to(tmp_path / "nowhere.py")
    first = Package.read(folder).code_of("p.main", "made")
    assert first.outside == ()
    (shared / "rates.py").write_text("def rate(): return 2\n")
    assert Package.read(folder).code_of("p.main", "made").fingerprint != first.fingerprint


def test_an_own_module_that_is_not_python_code() -> None:
    assert prints({"p.main": "from p.compiled import f\ndef made(): return f()"}).outside == ("p.compiled",)
