"""The content hash: sums over windows and batches equal the sum of one pass over all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from small_mesh import SmallMesh

from platform_core.contracts.model import Column, DataProduct
from platform_core.contracts.partitions import Window
from platform_core.lake.location import LakeLocation, table_of
from platform_core.lake.publication import streams, tables
from platform_core.lake.publication.content_hash import Content, content_of, data_version, published_content
from platform_core.lake.publication.streams import open_stream
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp

Con = duckdb.DuckDBPyConnection
CLICKS = """\
    physicalType: stream
    customProperties: [{property: eventTime, value: clicked, vendor: platform-core}]
    properties:
      - {name: id, logicalType: integer}
      - {name: clicked, logicalType: timestamp, required: true}
"""


def sums(con: Con, columns: str, row: str, others: Iterable[str], relation: str) -> Content:
    """The formula as it is documented, asked without the code under test."""
    hashes = [f"hash({row})", *(f"hash(hash({row}), {name})" for name in others)]
    wanted = ", ".join(f"sum({each}::HUGEINT)" for each in hashes)
    found = con.execute(f"SELECT version(), count(*), {wanted} FROM {relation}").fetchone()
    assert found is not None
    totals = {name: str(total) for name, total in zip(others, found[3:], strict=True)}
    told: Content = {
        "duckdb": found[0],
        "rows": found[1],
        "by": columns.split(),
        "key": str(found[2]),
        "columns": totals,
        "floats": [],
    }
    return told


def keyed(product: DataProduct) -> DataProduct:
    return replace(product, columns=(Column("i", product.place, key_position=1),))


def hours(first: str, count: int, word: str = "a") -> str:
    sold = f"TIMESTAMP '{first}' + INTERVAL (i) HOUR"
    return f"SELECT i, '{word}' AS word, {sold} AS sold FROM range({count}) r(i)"


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows that each pass looks at."""
    seen: list[int] = []

    def counted(con: Con, product: DataProduct, relation: str) -> Content:
        found = content_of(con, product, relation)
        seen.append(found["rows"])
        return found

    for module in (tables, streams):
        monkeypatch.setattr(module, "content_of", counted)
    return seen


@pytest.mark.parametrize("shaped", [lambda product: product, keyed], ids=["without a key", "with a key"])
def test_windows_cost_their_own_rows_and_add_up_to_the_whole(
    con: Con,
    location: LakeLocation,
    monthly: DataProduct,
    january: Window,
    february: Window,
    passes: list[int],
    shaped: Callable[[DataProduct], DataProduct],
) -> None:
    product = shaped(monthly)
    for window, query in (
        (january, hours("2017-01-01 05:00", 700)),
        (february, hours("2017-02-01 05:00", 600)),
        (january, hours("2017-01-01 05:00", 690, "late")),
        (january, f"{hours('2017-01-01 05:00', 690)} UNION ALL {hours('2017-01-01 05:00', 9)}"),
        (february, f"FROM ({hours('2017-02-01 05:00', 1)}) WHERE i < 0"),
    ):
        done = publish_table(
            con, location, product, query, window=window, stamp=Stamp("run", product.id), audit=str
        )
        whole = content_of(con, product, table_of(product))
        assert done.rows == whole["rows"]
        assert published_content(con, product) == whole
    assert passes == [700, 0, 600, 700, 690, 690, 699, 600, 0], "the removed rows and the new ones, no others"
    expected = (
        sums(con, "i", "i", ["word", "sold"], table_of(product))
        if product.key
        else sums(con, "i sold word", "i, sold, word", [], table_of(product))
    )
    assert whole == expected


@pytest.mark.parametrize(
    "other", [{"duckdb": "v0.0.0"}, {"by": ["sold"]}, {"rows": 5}, {"columns": {"x": "1"}}]
)
def test_contents_of_different_kinds_are_not_added(
    con: Con,
    location: LakeLocation,
    monthly: DataProduct,
    january: Window,
    february: Window,
    monkeypatch: pytest.MonkeyPatch,
    other: dict[str, object],
) -> None:
    product, stamp = keyed(monthly), Stamp("run", monthly.id)
    last = published_content
    monkeypatch.setattr(tables, "published_content", lambda *words: (last(*words) or {}) | other)
    query = hours("2017-01-01 05:00", 7)
    publish_table(con, location, product, query, window=january, stamp=stamp, audit=str)
    query = hours("2017-02-01 05:00", 7)
    publish_table(con, location, product, query, window=february, stamp=stamp, audit=str)
    monkeypatch.undo()
    assert published_content(con, product) == content_of(con, product, table_of(product))


def test_batches_add_up_and_a_new_column_is_hashed_as_a_whole(
    tmp_path: Path, con: Con, location: LakeLocation, passes: list[int]
) -> None:
    mesh = SmallMesh.make(tmp_path / "mesh", "sales")
    mesh.contract("sales/clicks", CLICKS)
    product, stamp = mesh.registry.get("sales/clicks"), Stamp("run", "sales/clicks")
    with open_stream(con, location, product, stamp=stamp) as opened:
        for number, more in enumerate(("", "", ", 1.5::DOUBLE AS x", ", 2.5::DOUBLE AS x")):
            rows = f"SELECT i + {number} AS id, TIMESTAMP '2024-05-01' AS clicked{more} FROM range(3) t(i)"
            opened.append(str(number), rows, audit=lambda *_: None)
            assert opened.content == content_of(con, product, table_of(product))
    assert passes == [3, 3, 3, 9, 3], "the third batch brings a column, which every row has since"
    with open_stream(con, location, product, stamp=stamp) as opened:
        assert opened.content is not None
        assert opened.content["floats"] == ["x"]
        opened.append("again", f"SELECT * FROM ({rows})", audit=lambda *_: None)
        assert opened.content == content_of(con, product, table_of(product))


def test_the_digest_depends_on_values_rows_and_columns_but_not_on_their_order(
    con: Con, product: DataProduct
) -> None:
    product = keyed(product)
    queries = {
        "as it is": "SELECT i, i % 3 AS n, i % 2 AS m FROM range(6) r(i)",
        "moved": "SELECT i, (i + 1) % 3 AS n, i % 2 AS m FROM range(6) r(i)",
        "swapped": "SELECT i, i % 2 AS n, i % 3 AS m FROM range(6) r(i)",
        "doubled": "SELECT i, i % 3 AS n, i % 2 AS m FROM range(6) r(i), range(2)",
        "null": "SELECT i, nullif(i % 3, 0) AS n, i % 2 AS m FROM range(6) r(i)",
        "renamed": "SELECT i, i % 3 AS n, i % 2 AS o FROM range(6) r(i)",
    }
    held = {name: content_of(con, product, f"({query})") for name, query in queries.items()}
    digests = {name: data_version({"content": each}) for name, each in held.items()}
    assert len(set(digests.values())) == len(queries)
    turned = content_of(con, product, f"(SELECT m, i, n FROM ({queries['as it is']}) ORDER BY i DESC)")
    assert data_version({"content": turned}) == digests["as it is"]
    assert data_version({"content": turned, "file": {"sha256": "another"}}) not in digests.values()
    assert data_version({"file": {"sha256": "another"}}) is None
