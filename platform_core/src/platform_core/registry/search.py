"""Search over all products by the words of their contracts, tolerant of typing errors.

The index is a SQLite file of words. It is written again when the path, size or time of a contract changes, and
only changed contracts are read for it.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final
from unicodedata import combining, normalize

from platform_core.contracts.model import DataProduct
from platform_core.contracts.product_id import ProductId
from platform_core.diagnostics import ContractError
from platform_core.files import write_whole
from platform_core.odcs.masked_twin import masked_twin
from platform_core.odcs.reader import load_contract
from platform_core.registry.lookup import Registry

MOST: Final = 20
_FORM: Final = 1
"""Increases when the tables of the index change."""
_WORD: Final = re.compile(r"[^\W_]+")
_NEAR: Final = 0.72
"""The least similarity of a word of the query and a word of a contract, from 0 to 1."""
_BEGINS: Final = 0.95
"""The similarity of a word and its beginning."""
_CANDIDATES: Final = 40
"""Words that are compared letter by letter, after the number of pairs of letters that they share."""
_TABLES: Final = (
    "CREATE TABLE contract(id TEXT PRIMARY KEY, state TEXT, entries TEXT) WITHOUT ROWID;"
    "CREATE TABLE product(number INTEGER PRIMARY KEY, facts TEXT);"
    "CREATE TABLE word(word TEXT PRIMARY KEY, rarity REAL, weights TEXT) WITHOUT ROWID;"
    "CREATE TABLE pair(pair TEXT, word TEXT, PRIMARY KEY(pair, word)) WITHOUT ROWID;"
    f"PRAGMA user_version = {_FORM};"
)
_ALIKE: Final = (
    "SELECT word FROM pair WHERE pair IN (SELECT value FROM json_each(?)) GROUP BY word"
    f" ORDER BY 1.0 * count(*) / (length(word) + ?) DESC, word LIMIT {_CANDIDATES}"
)
_BEGINNING: Final = f"SELECT word FROM word WHERE word > ? AND word < ? ORDER BY length(word) LIMIT {_CANDIDATES}"


@dataclass(frozen=True, slots=True)
class Found:
    """A product that matches, with what its contract says in short. A broken contract has only the id."""

    product: str
    lake: str = ""
    owner: str | None = None
    version: str = ""
    status: str = ""
    path: str = ""
    purpose: str = ""


def search(
    registry: Registry,
    text: str,
    file: Path,
    *,
    domain: str | None = None,
    reading: Callable[[int], None] = lambda changed: None,
) -> tuple[Found, ...]:
    """The products that match a text, the best first, at most MOST.

    Names count most, then columns, owner and tags, then descriptions. ``file`` is the index, which is only
    kept if it can be written. ``reading`` gets the number of contracts to read for it.
    """
    with closing(_index(registry, file, reading)) as index:
        scores: dict[int, float] = defaultdict(float)
        for word in dict.fromkeys(_words(text)):
            for number, score in _scores(index, word).items():
                scores[number] += score
        found = []
        for number in sorted(scores, key=lambda number: (-scores[number], number)):
            [facts] = index.execute("SELECT facts FROM product WHERE number = ?", [number]).fetchone()
            product = Found(**json.loads(facts))
            if domain in (None, ProductId(product.product).domain):
                found.append(product)
            if len(found) == MOST:
                break
        return tuple(found)


def _scores(index: sqlite3.Connection, wanted: str) -> dict[int, float]:
    """The score of each product that has a word like the wanted one."""
    near = {wanted: 1.0}
    for (word,) in index.execute(_ALIKE, [json.dumps(_pairs(wanted)), len(wanted)]):
        if (ratio := SequenceMatcher(None, wanted, word).ratio()) >= _NEAR:
            near[word] = ratio
    if len(wanted) > 2:
        for (word,) in index.execute(_BEGINNING, [wanted, f"{wanted}\U0010ffff"]):
            near[word] = _BEGINS
    best: dict[int, float] = {}
    rarest = math.inf  # a rare word that is only like the wanted one counts no more than the nearest word
    for word, ratio in sorted(near.items(), key=lambda each: -each[1]):
        for rarity, weights in index.execute("SELECT rarity, weights FROM word WHERE word = ?", [word]):
            rarest = min(rarest, rarity)
            for number, weight in json.loads(weights):
                best[number] = max(best.get(number, 0.0), ratio**3 * rarest * weight)
    return best


def _index(registry: Registry, file: Path, reading: Callable[[int], None]) -> sqlite3.Connection:
    """The index of the contracts as they are: the file, or a new one."""
    states = {product: _state(files) for product, files in registry.files().items()}
    known: dict[str, tuple[str, str]] = {}
    with suppress(sqlite3.Error):  # missing, damaged, or of another form
        index = sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)
        if index.execute("PRAGMA user_version").fetchone() == (_FORM,):
            known = {id: (state, entries) for id, state, entries in index.execute("SELECT * FROM contract")}
            if {id: state for id, (state, _) in known.items()} == states:
                return index
        index.close()
    reading(sum(known.get(id, ("",))[0] != state for id, state in states.items()))
    contracts = {
        id: (state, known[id][1] if known.get(id, ("",))[0] == state else _entries(registry, id))
        for id, state in states.items()
    }
    index = _written(contracts)
    with suppress(OSError):  # a reader without the right to write
        write_whole(file, index.serialize())
    return index


def _written(contracts: Mapping[str, tuple[str, str]]) -> sqlite3.Connection:
    index = sqlite3.connect(":memory:", isolation_level=None)
    index.executescript(_TABLES + "BEGIN")
    index.executemany("INSERT INTO contract VALUES (?, ?, ?)", ((id, *rest) for id, rest in contracts.items()))
    entries = [entry for _, listed in contracts.values() for entry in json.loads(listed)]
    weights: dict[str, dict[int, int]] = defaultdict(dict)
    for number, (facts, words) in enumerate(entries):
        index.execute("INSERT INTO product VALUES (?, ?)", [number, json.dumps(facts)])
        for word, weight in words.items():
            weights[word][number] = weight
    for word, products in weights.items():
        rarity = math.log(1 + len(entries) / len(products))
        index.execute("INSERT INTO word VALUES (?, ?, ?)", [word, rarity, json.dumps(list(products.items()))])
        index.executemany("INSERT INTO pair VALUES (?, ?)", [(pair, word) for pair in _pairs(word)])
    index.execute("COMMIT")
    return index


def _entries(registry: Registry, product: str) -> str:
    """The products of a contract, the masked twin too, with the weights of their words."""
    id = ProductId(product)
    try:
        read = load_contract(registry.path(product), id.domain)
        products = [read] if read.masking is None else [read, masked_twin(read)]
    except ContractError:
        return json.dumps([(asdict(Found(product)), _weights({4: [product]}))])
    return json.dumps([_entry(each) for each in products])


def _entry(product: DataProduct) -> tuple[dict[str, object], dict[str, int]]:
    columns = product.columns
    texts = (product.purpose, product.usage, product.limitations, *(each.description for each in columns))
    named = [product.owner or "", *product.tags, *(each.name for each in columns)]
    short = Found(
        product.id,
        product.lake,
        product.owner,
        product.version,
        product.status,
        str(product.path),
        product.purpose.strip().partition("\n")[0],
    )
    return asdict(short), _weights({1: texts, 2: named, 4: [product.id]})


def _weights(texts: Mapping[int, Iterable[str]]) -> dict[str, int]:
    """The weight of each word: the highest of the texts that have it, which come last."""
    return {word: weight for weight, each in texts.items() for text in each for word in _words(text)}


def _words(text: str) -> list[str]:
    letters = (letter for letter in normalize("NFKD", text.casefold()) if not combining(letter))
    return _WORD.findall("".join(letters))


def _pairs(word: str) -> list[str]:
    padded = f" {word} "
    return sorted({padded[start : start + 2] for start in range(len(padded) - 1)})


def _state(files: Iterable[Path]) -> str:
    found = []
    for file in files:
        with suppress(OSError):
            status = file.stat()
            found.append((str(file), status.st_size, status.st_mtime_ns))
    return json.dumps(found)
