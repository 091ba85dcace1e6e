"""Facts are true for all rows: keys, ranges, lengths, lists of values. Likely facts come from a sample."""

from __future__ import annotations

import duckdb
import pytest

from platform_core.authoring.draft import contract
from platform_core.authoring.key_search import is_unique
from platform_core.authoring.personal_values import luhn, personal_content
from platform_core.authoring.profile import profile
from platform_core.authoring.table_facts import ColumnFacts, TableFacts
from platform_core.governance.policies.naming import WORD
from platform_core.words import snake


def facts(connection: duckdb.DuckDBPyConnection, query: str) -> TableFacts:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW subject AS {query}")
    return profile(connection, "subject")


def column(connection: duckdb.DuckDBPyConnection, expression: str, rows: int = 2000) -> ColumnFacts:
    return facts(connection, f"SELECT {expression} AS c, range AS r FROM range({rows})").column("c")


def test_ranges_and_missing_values_come_from_all_rows(connection: duckdb.DuckDBPyConnection) -> None:
    found = column(
        connection, "CASE WHEN range = 250000 THEN -5 WHEN range <> 7 THEN range % 100 END", 300_000
    )
    assert (found.filled, found.minimum, found.maximum) == (299_999, -5, 99)


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("SELECT range AS id, range AS other FROM range(500)", ("id",)),
        ("SELECT range AS other, range AS order_no FROM range(500)", ("order_no",)),
        ("SELECT uuid()::VARCHAR AS a, range AS n, 'item ' || range AS b FROM range(500)", ("n",)),
        ("SELECT uuid()::VARCHAR AS row_id, range AS short_id FROM range(500)", ("short_id",)),
        ("SELECT 'long ' || range // 50 AS a, range // 50 AS b, range % 50 AS c FROM range(500)", ("b", "c")),
        ("SELECT range // 50 AS a, range % 50 AS b, range // 7 AS c FROM range(500)", ("a", "b")),
        (
            "SELECT range // 50 AS a, (range % 50) // 10 AS b, range % 10 AS c FROM range(500)",
            ("a", "b", "c"),
        ),
        ("SELECT range / 3.0 AS amount FROM range(500)", ()),
        ("SELECT nullif(range, 7) AS id FROM range(500)", ()),
    ],
)
def test_the_fewest_unique_columns_are_the_key(
    connection: duckdb.DuckDBPyConnection, query: str, key: tuple[str, ...]
) -> None:
    assert facts(connection, query).key == key


def test_a_duplicate_outside_of_the_sample_refutes_a_key(connection: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT CASE WHEN range = 999999 THEN 3 ELSE range END AS id, 1 AS one FROM range(1000000)"
    assert facts(connection, query).key == ()
    connection.execute("CREATE TABLE whole AS SELECT range AS id FROM range(1000000)")
    assert is_unique(connection, "whole", 1_000_000, ("id",))


def test_repeated_rows_have_no_key(connection: duckdb.DuckDBPyConnection) -> None:
    found = facts(connection, "SELECT range // 2 AS a, 'x' || range // 2 AS b FROM range(100)")
    assert (found.key, found.doubled) == ((), True)


def test_few_values_of_a_text_are_listed_many_are_not(connection: duckdb.DuckDBPyConnection) -> None:
    assert column(connection, "['open', 'paid', NULL][1 + range % 3]").values == ("open", "paid")
    assert column(connection, "'v' || range % 21").values is None
    assert column(connection, "repeat('v', 31)").values is None
    assert column(connection, "CASE WHEN range = 7 THEN 'once' ELSE 'open' END").values is None
    # Late values count, although no sample sees them.
    found = column(connection, "CASE WHEN range > 250000 THEN 'late' || range % 60 ELSE 'a' END", 300_000)
    assert found.values is None


def test_texts_of_one_form_have_a_pattern(connection: duckdb.DuckDBPyConnection) -> None:
    found = column(connection, "printf('AB-%04d', range * 2)", 3000)
    assert (found.shortest, found.longest, found.pattern) == (7, 7, "^[A-Z]{2}-[0-9]{4}$")
    late = column(
        connection,
        "CASE WHEN range = 290000 THEN 'ab-0001' ELSE printf('AB-%04d', range % 9999) END",
        300_000,
    )
    assert late.pattern is None


@pytest.mark.parametrize(
    ("expression", "remark"),
    [
        ("(range * 3)::VARCHAR", "whole numbers as text: cast to BIGINT"),
        ("(range / 4.0)::VARCHAR", "numbers as text: cast to DOUBLE"),
        ("(DATE '2020-01-01' + range::INTEGER)::VARCHAR", "dates as text: cast to DATE"),
        (
            "CASE WHEN range = 5 THEN 'n/a' ELSE range::VARCHAR END",
            "mixed: whole numbers, except 1 of 2,000 values",
        ),
    ],
)
def test_numbers_and_dates_in_text_are_noticed(
    connection: duckdb.DuckDBPyConnection, expression: str, remark: str
) -> None:
    assert column(connection, expression).remarks == (remark,)


def test_texts_with_leading_zeros_are_not_numbers(connection: duckdb.DuckDBPyConnection) -> None:
    assert column(connection, "printf('%05d', range)").remarks == ()


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (["ann@example.com", "bob@example.org"], "e-mail addresses"),
        (["call ann@example.com today", "nothing", "no", "never"], "e-mail addresses within text"),
        (["+49 30 1234567", "+1 (555) 123-4567"], "phone numbers"),
        (["123-45-6789", "987-65-4320"], "social security numbers"),
        (["4111 1111 1111 1111", "5500005555555559"], "card numbers"),
        (["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"], "IBANs"),
        (["192.168.0.1", "10.0.0.255"], "IP addresses"),
        (["fe80::1", "2001:db8::ff00:42:8329"], "IP addresses"),
        (["2017-01-01", "2018-01-01"], None),
        (["12:30:00", "13:45:10"], None),
        (["4111111111111112", "4111111111111113"], None),
        (["1029743", "1106523"], None),
        (["AB-0001", "AB-0002"], None),
        (["FROZEN GROCERY", "DELI"], None),
        ([], None),
    ],
)
def test_personal_values_are_found_by_their_form(values: list[str], what: str | None) -> None:
    assert personal_content(values) == what


def test_card_numbers_as_numbers_are_personal(connection: duckdb.DuckDBPyConnection) -> None:
    cards = [number for number in range(4111111111111000, 4111111111111900) if luhn(str(number))]
    connection.execute(f"CREATE TABLE cards AS SELECT unnest({cards}::BIGINT[]) AS n")
    assert profile(connection, "cards").column("n").personal == "looks like card numbers"


def test_personal_columns_have_neither_values_nor_patterns(connection: duckdb.DuckDBPyConnection) -> None:
    found = facts(
        connection,
        "SELECT ['ann@example.com', 'bob@example.org'][1 + range % 2] AS contact, 'F' AS gender,"
        " ['Ann Smith', 'Bob Jones', 'Eve Miller'][1 + range % 3] AS created_by,"
        " ['Ann Smith', 'Bob Jones', 'Eve Miller'][1 + range % 3] AS label,"
        " ['Smith, Ann', 'Dr. Bob Jones', 'nobody'][1 + range % 3] AS signed,"
        " ['ann', 'bob'][1 + range % 2] AS manager FROM range(90)",
    )
    by_name = {each.name: each for each in found.columns}
    assert [each.name for each in found.columns if each.personal] == ["contact", "gender", "created_by"]
    assert all(each.values is None and each.pattern is None for each in found.columns)
    for name in ("label", "signed", "manager"):
        assert by_name[name].remarks == ("possibly names of persons, so the values are not listed",)


def test_a_name_that_the_values_contradict_is_declared_not_personal(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = facts(
        connection,
        "SELECT ['weekly', 'monthly'][1 + range % 2] AS email, 'Model ' || (range % 7) AS phone,"
        " ['weekly', 'ann@example.com'][1 + range % 2] AS mail_address FROM range(90)",
    )
    by_name = {each.name: each for each in found.columns}
    said = "None of 2 inspected values has the form of an e-mail address."
    assert (by_name["email"].personal, by_name["email"].not_personal) == (None, said)
    assert by_name["phone"].not_personal is not None
    assert by_name["mail_address"].personal is not None
    [email] = [
        each
        for each in contract(found, "shop/mail", "mail")["schema"][0]["properties"]
        if each["name"] == "email"
    ]
    assert email["customProperties"] == [
        {"property": "notPersonal", "value": said, "vendor": "platform-core"}
    ]


def test_a_column_without_values_is_remarked(connection: duckdb.DuckDBPyConnection) -> None:
    assert column(connection, "NULL::VARCHAR").remarks == ("without a value in any row",)


def test_a_column_may_have_any_name_of_the_queries(connection: duckdb.DuckDBPyConnection) -> None:
    found = facts(
        connection,
        "SELECT range AS h, ['color', 'size', 'gone'][1 + range % 3] AS attribute,"
        " CASE WHEN range % 3 < 2 THEN 'x' || range % 7 END AS value FROM range(90)",
    )
    assert found.column("attribute").values == ("color", "gone", "size")
    assert None not in (found.column("value").values or ())


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Unit Price", "unit_price"),
        ("unitPrice", "unit_price"),
        ("Größe in m²", "grosse_in_m2"),
        ("é", "e"),
        ("e\u0301", "e"),
        ("1st", "column_1st"),
        ("日本", ""),
        ("__x__", "x"),
        ("", ""),
    ],
)
def test_names_are_accepted_by_the_policies(name: str, plain: str) -> None:
    assert snake(name) == plain
    assert not plain or WORD.fullmatch(plain)
