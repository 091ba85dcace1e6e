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
from platform_core.settings import mesh_home

MOST: Final = 20
_NEAR, _BEGINS = 0.72, 0.95
"""The least similarity of two words, from 0 to 1, and that of a word and its beginning."""
_TABLES: Final = (
    "CREATE TABLE contract(id TEXT PRIMARY KEY, state TEXT, words TEXT) WITHOUT ROWID;"
    "CREATE TABLE word(word TEXT PRIMARY KEY, rarity REAL, weights TEXT) WITHOUT ROWID;"
    "CREATE TABLE pair(pair TEXT, word TEXT, PRIMARY KEY(pair, word)) WITHOUT ROWID;"
)
# Only words that share most pairs of letters are compared letter by letter.
_ALIKE: Final = (
    "SELECT word FROM pair WHERE pair IN (SELECT value FROM json_each(?)) GROUP BY word"
    " ORDER BY 1.0 * count(*) / (length(word) + ?) DESC, word LIMIT 40"
)
_LONGER: Final = "SELECT word FROM word WHERE word > ? AND word < ? ORDER BY length(word) LIMIT 40"


def index_of(root: Path) -> Path:
    """The index in the state of the mesh at ``root``."""
    return mesh_home(root) / "search.sqlite"


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
        near |= {word: _BEGINS for (word,) in index.execute(_LONGER, [wanted, f"{wanted}\U0010ffff"])}
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
    states = {
        id: json.dumps([(str(file), s.st_size, s.st_mtime_ns) for file in files for s in [file.stat()]])
        for id, files in registry.files().items()
    }
    known: dict[str, tuple[str, str]] = {}
    with suppress(sqlite3.Error):  # missing, or damaged
        index = sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)
        known = {id: (state, words) for id, state, words in index.execute("SELECT * FROM contract")}
        if {id: state for id, (state, _) in known.items()} == states:
            return index
    index = sqlite3.connect(":memory:")
    index.executescript(_TABLES)
    having: dict[str, dict[str, int]] = defaultdict(dict)
    products = 0
    for id, state in states.items():
        old, words = known.get(id, ("", ""))
        words = words if old == state else _read(registry, id)
        index.execute("INSERT INTO contract VALUES (?, ?, ?)", [id, state, words])
        for product, weights in json.loads(words).items():
            products += 1
            for word, weight in weights.items():
                having[word][product] = weight
    for word, weights in having.items():
        rarity = math.log(1 + products / len(weights))
        index.execute("INSERT INTO word VALUES (?, ?, ?)", [word, rarity, json.dumps(weights)])
        index.executemany("INSERT INTO pair VALUES (?, ?)", [(pair, word) for pair in _pairs(word)])
    index.commit()
    with suppress(OSError):  # a reader without the right to write
        write_whole(file, index.serialize())
    return index


def _read(registry: Registry, contract: str) -> str:
    """The words of a contract's products by id, those of the masked twin too, each with its weight."""
    found = {contract: dict.fromkeys(_words(contract), 4)}  # of a broken contract its name
    with suppress(ContractError):
        read = load_contract(registry.path(contract), ProductId(contract).domain)
        for product in (read, masked_twin(read)) if read.masking else (read,):
            columns = product.columns
            about = [product.purpose, product.usage, product.limitations, *(c.description for c in columns)]
            named = [product.owner or "", *product.tags, *(column.name for column in columns)]
            texts = ((1, about), (2, named), (4, [product.id]))  # a word has the highest weight, the last
            found[product.id] = {w: weight for weight, each in texts for text in each for w in _words(text)}
    return json.dumps(found)


def _words(text: str) -> list[str]:
    letters = (letter for letter in normalize("NFKD", text.casefold()) if not combining(letter))
    return re.findall(r"[^\W_]+", "".join(letters))


def _pairs(word: str) -> list[str]:
    padded = f" {word} "
    return sorted({padded[start : start + 2] for start in range(len(padded) - 1)})
