"""Fingerprints of 800 SQL products of six columns: all, after a change of one text, and with all known."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Measured, environ, fresh_home, module, run
from benchmarks.report import Aim, Section, peak, processor, seconds
from platform_core.change.kept_prints import KeptPrints
from platform_core.fingerprint.made_from import MadeFrom, TableShape, digest

PRODUCTS = 800
VISITS = (
    *(("id", "BIGINT"), ("store_id", "INTEGER"), ("made", "TIMESTAMP"), ("channel", "VARCHAR")),
    *(("lines", "INTEGER"), ("value", "DOUBLE"), ("discount", "DECIMAL(18,2)"), ("note", "VARCHAR")),
)
STORES = (("store_id", "INTEGER"), ("city", "VARCHAR"), ("opened", "DATE"), ("size", "VARCHAR"))
QUERIES = (
    "SELECT store_id, channel, count(*) AS visits, sum(value)::DECIMAL(18,2) AS value, max(made) AS last,"
    " avg(lines) FILTER (discount > {number}) AS mean FROM visits WHERE note IS NOT NULL GROUP BY ALL",
    "WITH chosen AS (SELECT * FROM visits WHERE value > {number}), best AS (SELECT *, row_number() OVER"
    " (PARTITION BY store_id ORDER BY value DESC, id) AS place FROM chosen) SELECT id, best.store_id, city,"
    " value, place, coalesce(note, '') AS note FROM best JOIN stores USING (store_id) WHERE place <= 3",
    "SELECT id, store_id, date_trunc('month', made) AS month, upper(channel) AS channel, value - coalesce("
    "discount, 0) AS net, CASE WHEN lines > {number} THEN 'long' ELSE 'short' END AS kind FROM visits",
    "SELECT s.store_id, s.city, count(v.id) AS visits, sum(v.value) AS value, min(v.made) AS first,"
    " bool_or(v.channel = 'c{number}') AS web FROM stores AS s LEFT JOIN visits AS v USING (store_id)"
    " GROUP BY s.store_id, s.city",
)


def measure(rounds: int) -> Section:
    """Run one process for each: its imports and the reading of what is kept count too."""
    ways: dict[str, list[Measured]] = {"all texts": [], "one changed text": [], "all known": []}
    with fresh_home() as home:
        kept = home / "fingerprints.json"
        for number in range(rounds):
            kept.unlink(missing_ok=True)
            for way, changed in (
                ("all texts", 0),
                ("one changed text", number + 1),
                ("all known", number + 1),
            ):
                ways[way].append(run(module("fingerprints", str(kept), str(changed)), environ(home)))
    whole, one, known = map(processor, ways.values())
    return Section(
        title=f"Fingerprints of {PRODUCTS} SQL products of 6 columns ({rounds} runs each, medians)",
        aims=[
            Aim("all texts, processor", whole, at_most=15, unit=" s"),
            Aim("one changed text, processor", one, at_most=3, unit=" s"),
            Aim("all known, processor", known, at_most=0.3, unit=" s"),
        ],
        columns=("way", "seconds", "processor, s", "peak MB"),
        rows=[(way, seconds(each), processor(each), peak(each)) for way, each in ways.items()],
    )


def makers(changed: int) -> Iterator[MadeFrom]:
    """The parts of the products; ``changed`` is a constant in the text of the first one."""
    for number in range(PRODUCTS):
        text = QUERIES[number % len(QUERIES)].format(number=number or -changed)
        visits = TableShape("visits", f"shop/visits_{number % 100}", VISITS)
        stores = TableShape("stores", f"shop/stores_{number % 100}", STORES)
        yield MadeFrom(digest(text), text, (visits, stores) if number % 2 else (visits,))


if __name__ == "__main__":
    found = KeptPrints(Path(sys.argv[1])).of(makers(int(sys.argv[2])))
    wrong = [each.unread for each in found.values() if each.unread or len(each.columns) != 6]
    print(json.dumps({"wrong": wrong}))
    sys.exit(bool(wrong))
