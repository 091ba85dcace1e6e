"""Files of a real object store."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import fs
from servers import OWNER, ObjectStore, object_store

from platform_core.diagnostics import SourceError
from platform_core.sources.readers.fetched_files import s3_file

pytestmark = pytest.mark.full

KEYS = OWNER


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with object_store(tmp_path_factory.mktemp("weed")) as server:
        server.make("shop")
        yield KEYS | {"endpoint": server.endpoint}


@pytest.fixture(scope="module")
def store(keys: dict[str, str]) -> fs.S3FileSystem:
    return ObjectStore(Path(), int(keys["endpoint"].rpartition(":")[2]), [], None).files


def test_an_object_is_fetched(tmp_path: Path, keys: dict[str, str], store: fs.S3FileSystem) -> None:
    data = random.Random(1).randbytes(5_000_000)
    with store.open_output_stream("shop/in/orders.parquet") as stream:
        stream.write(data)
    found = s3_file("s3://shop/in/orders.parquet", tmp_path / "room", keys=keys)
    assert found == tmp_path / "room" / "orders.parquet"
    assert found.read_bytes() == data


@pytest.mark.parametrize(
    ("url", "changed", "words"),
    [
        ("s3://shop/none.csv", {}, "the bucket shop has no such object"),
        ("s3://none/none.csv", {}, "the bucket none has no such object"),
        ("s3://shop/in", {}, "the bucket shop has no such object"),
        ("s3://shop/in/orders.parquet", {"secret_key": "wr0ng-s3cret-key"}, "ACCESS_DENIED"),
        ("s3://shop/in/orders.parquet", {"access_key": "NOBODY"}, "ACCESS_DENIED"),
        ("s3://shop/in/orders.parquet", {"endpoint": "http://127.0.0.1:9"}, "NETWORK_CONNECTION"),
    ],
)
@pytest.mark.usefixtures("store")
def test_an_object_that_cannot_be_read(
    tmp_path: Path, keys: dict[str, str], url: str, changed: dict[str, str], words: str
) -> None:
    with pytest.raises(SourceError) as error:
        s3_file(url, tmp_path / "room", keys=keys | changed)
    text = error.value.diagnostics[0].render()
    assert text.startswith("error[S032]: a file of 127.0.0.1 cannot be read")
    assert words in text
    assert "s3cret" not in text
    assert not list(tmp_path.rglob("*.*"))
