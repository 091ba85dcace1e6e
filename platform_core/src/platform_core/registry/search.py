"""Search over all products by the words of their contracts, tolerant of typing errors.

The index is a SQLite file of words. It is written again when the path, size or time of a contract changes,
and only changed contracts are read for it.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from difflib import SequenceMatcher
from heapq import nsmallest
from pathlib import Path
from typing import Final
from unicodedata import combining, normalize

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
    "CREATE TABLE contract(id TEXT PRIMARY KEY, state TEXT, words TEXT) WITHOUT ROWID;"
    "CREATE TABLE word(word TEXT PRIMARY KEY, rarity REAL, weights TEXT) WITHOUT ROWID;"
    "CREATE TABLE pair(pair TEXT, word TEXT, PRIMARY KEY(pair, word)) WITHOUT ROWID;"
    f"PRAGMA user_version = {_FORM};"
)
_ALIKE: Final = (
    "SELECT word FROM pair WHERE pair IN (SELECT value FROM json_each(?)) GROUP BY word"
    f" ORDER BY 1.0 * count(*) / (length(word) + ?) DESC, word LIMIT {_CANDIDATES}"
)
_BEGINNING: Final = (
    f"SELECT word FROM word WHERE word > ? AND word < ? ORDER BY length(word) LIMIT {_CANDIDATES}"
)


def search(registry: Registry, text: str, file: Path, *domains: str) -> tuple[str, ...]:
    """The ids of the products of some domains, by default of all, that match a text: the best first, at most
    MOST.

    Names count most, then columns, owner and tags, then descriptions. ``file`` is the index, which is kept
    only if it can be written.
    """
    with closing(_index(registry, file)) as index:
        scores: dict[str, float] = defaultdict(float)
        for word in dict.fromkeys(_words(text)):
            for product, score in _scores(index, word).items():
                scores[product] += score
    inside = (each for each in scores if not domains or ProductId(each).domain in domains)
    return tuple(nsmallest(MOST, inside, key=lambda product: (-scores[product], product)))


def _scores(index: sqlite3.Connection, wanted: str) -> dict[str, float]:
    """The score of each product that has a word like the wanted one."""
    near = {wanted: 1.0}
    for (word,) in index.execute(_ALIKE, [json.dumps(_pairs(wanted)), len(wanted)]):
        if (ratio := SequenceMatcher(None, wanted, word).ratio()) >= _NEAR:
            near[word] = ratio
    if len(wanted) > 2:
        for (word,) in index.execute(_BEGINNING, [wanted, f"{wanted}\U0010ffff"]):
            near[word] = _BEGINS
    best: dict[str, float] = {}
    rarest = math.inf  # a rare word that is only like the wanted one counts no more than the nearest word
    for word, ratio in sorted(near.items(), key=lambda each: -each[1]):
        for rarity, weights in index.execute("SELECT rarity, weights FROM word WHERE word = ?", [word]):
            rarest = min(rarest, rarity)
            for product, weight in json.loads(weights).items():
                best[product] = max(best.get(product, 0.0), ratio**3 * rarest * weight)
    return best


def _index(registry: Registry, file: Path) -> sqlite3.Connection:
    """The index of the contracts as they are: the file, or a new one."""
    states = {contract: _state(files) for contract, files in registry.files().items()}
    known: dict[str, tuple[str, str]] = {}
    with suppress(sqlite3.Error):  # missing, damaged, or of another form
        index = sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)
        if index.execute("PRAGMA user_version").fetchone() == (_FORM,):
            known = {id: (state, words) for id, state, words in index.execute("SELECT * FROM contract")}
            if {id: state for id, (state, _) in known.items()} == states:
                return index
        index.close()
    contracts = {
        id: known[id] if id in known and known[id][0] == state else (state, _read(registry, id))
        for id, state in states.items()
    }
    index = _written(contracts)
    with suppress(OSError):  # a reader without the right to write
        write_whole(file, index.serialize())
    return index


def _written(contracts: Mapping[str, tuple[str, str]]) -> sqlite3.Connection:
    index = sqlite3.connect(":memory:", isolation_level=None)
    index.executescript(_TABLES)
    index.executemany(
        "INSERT INTO contract VALUES (?, ?, ?)", ((id, *rest) for id, rest in contracts.items())
    )
    products = {id: words for _, read in contracts.values() for id, words in json.loads(read).items()}
    weights: dict[str, dict[str, int]] = defaultdict(dict)
    for product, words in products.items():
        for word, weight in words.items():
            weights[word][product] = weight
    for word, having in weights.items():
        rarity = math.log(1 + len(products) / len(having))
        index.execute("INSERT INTO word VALUES (?, ?, ?)", [word, rarity, json.dumps(having)])
        index.executemany("INSERT INTO pair VALUES (?, ?)", [(pair, word) for pair in _pairs(word)])
    return index


def _read(registry: Registry, contract: str) -> str:
    """The words of a contract's products by id, those of the masked twin too, with their weights."""
    words = {contract: _weights({4: [contract]})}  # of a broken contract the name is known
    with suppress(ContractError):
        read = load_contract(registry.path(contract), ProductId(contract).domain)
        for product in (read, masked_twin(read)) if read.masking else (read,):
            columns = product.columns
            texts = [product.purpose, product.usage, product.limitations, *(c.description for c in columns)]
            named = [product.owner or "", *product.tags, *(column.name for column in columns)]
            words[product.id] = _weights({1: texts, 2: named, 4: [product.id]})
    return json.dumps(words)


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
