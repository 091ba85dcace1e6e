from datetime import UTC, datetime
from pathlib import Path

from central_data_platform.usage import counted, usage
from platform_core import DataProduct, Place
from platform_core.contracts.model import Grant
from platform_core.mesh import Materialization, QueryRead

HERE = Place(Path("likes.odcs.yaml"))
MONDAY, TUESDAY = (datetime(2026, 3, day, 6, tzinfo=UTC) for day in (2, 3))
ROLES = ("domain:hr", "domain:marketing", "analysts", "auditors")
LIKES = DataProduct(
    "sales",
    "likes",
    HERE.path,
    HERE,
    "1.0.0",
    "active",
    (),
    (),
    grants=tuple(Grant(role, "read", HERE) for role in ROLES),
)
MADE = [
    Materialization(
        "hr/rosters", TUESDAY, "two", 4, inputs={"sales/likes": 9}, references={"sales/stores": 3}
    ),
    Materialization("hr/rosters", MONDAY, "one", 2, inputs={"sales/likes": 7}),
    Materialization("sales/best", MONDAY, "one", 2, inputs={"sales/likes": 7}),
]
ASKED = [QueryRead(TUESDAY, "analysts", ("sales/likes",)), QueryRead(TUESDAY, "domain:ops", ("sales/likes",))]


def test_readers_are_products_roles_and_unused_grants() -> None:
    rows = {(row["product_id"], row["via"], row["reader"]): row for row in usage([LIKES], MADE, ASKED)}

    assert set(rows) == {
        ("sales/likes", "product", "hr/rosters"),
        ("sales/likes", "product", "sales/best"),
        ("sales/likes", "query", "analysts"),
        ("sales/likes", "query", "domain:ops"),
        ("sales/stores", "foreign_key", "hr/rosters"),
        ("sales/likes", "grant", "domain:marketing"),
        ("sales/likes", "grant", "auditors"),
    }
    rosters = rows["sales/likes", "product", "hr/rosters"]
    assert (rosters["reads"], rosters["last_version_read"], rosters["reader_domain"]) == (2, 9, "hr")
    assert (rosters["first_read_at"], rosters["last_read_at"]) == (MONDAY, TUESDAY)
    assert [rows["sales/likes", "query", who]["granted"] for who in ("analysts", "domain:ops")] == [
        True,
        False,
    ]
    # What the mesh no longer has was read all the same.
    assert rows["sales/stores", "foreign_key", "hr/rosters"]["granted"] is None


def test_the_plot_counts_reads_and_unused_grants() -> None:
    numbers = counted(usage([LIKES], MADE, ASKED))

    assert (numbers["usage/reads"], numbers["usage/queries"], numbers["usage/unused_grants"]) == (6, 2, 2)
    assert numbers["usage/reads_across_domains"] == 4
    assert "| sales/likes | 4 | 5 |" in numbers["usage/products"].value
