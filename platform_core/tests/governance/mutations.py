"""One change to the valid mesh for every policy, or more where it has more than one way to be broken."""

from __future__ import annotations

from datetime import date

from governance.mutating import TODAY, Edit, Mutation

SALES = "domains/shop/contracts/sales.odcs.yaml"
STORES = "domains/shop/contracts/stores.odcs.yaml"
VISITS = "domains/shop/contracts/visits.odcs.yaml"
PERFORMANCE = "domains/shop/contracts/performance.odcs.yaml"
PEOPLE = "domains/crew/contracts/people.odcs.yaml"
ROSTER = "domains/crew/contracts/roster.odcs.yaml"
SHOP = "domains/shop/src/shop/products.py"
TABLES = "domains/shop/src/shop/tables.py"
CREW = "domains/crew/src/crew/products.py"
CREW_POLICIES = "domains/crew/src/crew/policies.py"
TEAMS = "governance/teams.yaml"
MESH = "governance/mesh.yaml"
WAIVERS = "governance/waivers.yaml"
CUSTOMERS = "governance/policies/customers.py"
WORKSPACE = "workspace.yaml"
ALERTS = "governance/alerts.yaml"
NOTIFY = "notify: [owner]"
OF_CREW = "of: {domain: crew}, notify: [owner], by: [slack]"
CHANGES = "governance/changes/shop/stores@2.0.0.yaml"
END = "  - {{property: endOfLife, value: {}-03-31}}\n"

BOTH = ("shop-owner@example.com", "crew-owner@example.com")
OWNER = "team: {name: shop-team}"
STORE_ID = "{name: store_id, logicalType: integer, primaryKey: true, classification: public, "
TWIN = "      - {property: maskedAs, value: profiles, vendor: platform-core}\n"
HASHED = "customProperties: [{property: mask, value: {method: hash, key: crew}, vendor: platform-core}], "
KEPT_A_MONTH = "  - {property: retention, value: 30, unit: d}\n"
KEPT_A_YEAR = "  - {property: retention, value: 1, unit: y}\n"
LATENCY = """\
  - property: latency
    value: 6
    unit: h
    scheduler: cron
    schedule: "0 8 * * *"
    customProperties:
      - {property: timezone, value: Europe/Berlin, vendor: platform-core}
"""


def _one(
    code: str,
    name: str,
    file: str,
    old: str | None,
    new: str,
    line: str,
    *,
    at: str = "",
    today: date = TODAY,
) -> Mutation:
    return Mutation(code, name, (Edit(file, old, new),), at or file, line, today)


def _waiver(code: str, product: str, approvers: tuple[str, ...], expires: str = "2030-06-30") -> str:
    """The list of waivers, with one more in front."""
    words = f"code: {code}, product: {product}, reason: Agreed, approvers: [{', '.join(approvers)}]"
    return f"waivers:\n  - {{{words}, expires: {expires}}}"


def _recent(product: str, days: int) -> str:
    return f"  - {{property: latency, element: {product}.sold_at, value: {days}, unit: d}}\n"


def _read_by_an_asset(status: str) -> tuple[Edit, ...]:
    key = '    key=["shop", "opening_hours"],'
    return (
        Edit(VISITS, "status: active", f"status: {status}"),
        Edit(TABLES, key, f'{key}\n    deps=[["shop", "visits"]],'),
    )


MUTATIONS: tuple[Mutation, ...] = (
    _one("G101", "no-team", STORES, OWNER + "\n", "", "id: shop/stores"),
    _one("G102", "unknown-team", STORES, OWNER, "team: {name: shop-taem}", "shop-taem"),
    _one("G102", "foreign-address", STORES, OWNER, "team: {name: a@elsewhere.org}", "elsewhere"),
    _one("G103", "person-of-no-team", STORES, OWNER, "team: {name: nobody@example.com}", "nobody"),
    Mutation(
        "G103",
        "unreachable-team",
        (
            Edit(
                TEAMS, "  shop-team:\n", "  quiet-team: {members: [{email: q@example.com}]}\n  shop-team:\n"
            ),
            Edit(STORES, OWNER, "team: {name: quiet-team}"),
        ),
        TEAMS,
        "quiet-team",
    ),
    _one("G104", "no-purpose", STORES, "  purpose: About stores.", "  usage: Any.", "usage: Any"),
    _one("G105", "column", STORES, ', description: "Sales of the year."', "", "sale_count"),
    _one("G106", "no-latency", PERFORMANCE, LATENCY, "", "retention"),
    _one(
        "G107",
        "schema-only",
        PERFORMANCE,
        "    quality:\n      - {metric: rowCount, mustBeGreaterThan: 0}\n",
        "",
        "- name: performance",
    ),
    _one("G108", "no-key", PERFORMANCE, "primaryKey: true, ", "", "- name: performance"),
    _one("G109", "own-word", STORES, "classification: public", "classification: secret", "store_id"),
    _one(
        "G110",
        "phone",
        PERFORMANCE,
        "staff_count",
        "manager_phone",
        "manager_phone",
    ),
    _one(
        "G111",
        "not-restricted",
        PEOPLE,
        "classification: restricted",
        "classification: confidential",
        "birth_date",
    ),
    _one(
        "G111",
        "granted",
        PEOPLE,
        "slaProperties:",
        "roles:\n  - {role: analysts, access: read}\nslaProperties:",
        "role: analysts",
    ),
    _one("G112", "public", SALES, "classification: confidential", "classification: public", "customer_id"),
    _one("G112", "everybody", SALES, "role: analysts", "role: everyone", "everyone"),
    Mutation(
        "G121",
        "granted-to-nobody",
        (
            Edit(PEOPLE, "  - name: people\n", f"  - name: people\n    customProperties:\n{TWIN}"),
            Edit(PEOPLE, "{name: employee_id, ", "{name: employee_id, " + HASHED),
        ),
        PEOPLE,
        "maskedAs",
    ),
    _one(
        "G122",
        "no-twin",
        PEOPLE,
        "slaProperties:",
        "roles:\n  - {role: analysts, access: masked}\nslaProperties:",
        "role: analysts",
    ),
    _one("G113", "two-numbers", STORES, "version: 1.0.0", 'version: "1.0"', 'version: "1.0"'),
    _one("G114", "live", STORES, "status: active", "status: live", "status: live"),
    _one("G115", "capitals", PERFORMANCE, "staff_count", "StaffCount", "StaffCount"),
    Mutation(
        "G115",
        "draft-mark",
        (
            Edit(
                "domains/shop/contracts/visits_v2.odcs.yaml",
                None,
                "apiVersion: v3.2.0\nkind: DataContract\nid: shop/visits_v2\nversion: 1.0.0\nstatus: draft\n"
                "description: {purpose: Visits.}\nteam: {name: shop-team}\nslaProperties:\n"
                "  - {property: latency, value: 2, unit: d}\n  - {property: retention, value: 9, unit: d}\n"
                "schema:\n  - name: visits_v2\n    properties:\n      - {name: visit_id, primaryKey: true, "
                "logicalType: integer, classification: internal, description: Number.}\n"
                "    quality: [{metric: rowCount, mustBeGreaterThan: 0}]\n",
            ),
        ),
        "domains/shop/contracts/visits_v2.odcs.yaml",
        "id: shop/visits_v2",
    ),
    Mutation(
        "G116",
        "no-channel",
        (
            Edit(
                TEAMS,
                "  shop-team:\n",
                "  mail-team: {email: m@example.com, members: [{email: m@example.com}]}\n  shop-team:\n",
            ),
            Edit(STORES, OWNER, "team: {name: mail-team}"),
        ),
        STORES,
        "mail-team",
    ),
    _one(
        "G117",
        "no-retention",
        STORES,
        "  - {property: retention, value: 30, unit: d}\n",
        "",
        "property: latency",
    ),
    Mutation(
        "G118",
        "no-function",
        (Edit(SHOP, '@data_product(inputs={"lines": "shop/sales"})\ndef visits', "def visits"),),
        VISITS,
        "id: shop/visits",
    ),
    _one(
        "G119",
        "no-contract",
        SHOP,
        "import Input, Source, Table, data_product\n",
        "import Input, Source, Table, data_product\n\n\n@data_product\ndef promised_later(): ...\n",
        "def promised_later",
    ),
    _one("G120", "renamed", SHOP, "AS sale_count", "AS sales_count", "def stores"),
    _one("G120", "other-type", SHOP, "count(*) AS", "count(*)::VARCHAR AS", "def stores"),
    _one("G201", "no-owner", TABLES, '    owners=["team:shop-team"],\n', "", "@dg.asset"),
    _one(
        "G202",
        "no-words",
        TABLES,
        '    description="Opening hours, for the shop\'s own use.",\n',
        "",
        "@dg.asset",
    ),
    _one(
        "G203",
        "other-name",
        WORKSPACE,
        "location_name: crew",
        "location_name: staff",
        '"""A domain',
        at="domains/crew/src/crew/__init__.py",
    ),
    _one(
        "G301",
        "product",
        SHOP,
        'Input("crew/roster", columns=("employee_id", "store_id"))',
        'Input("crew/rosters", columns=("employee_id", "store_id"))',
        '"crew/rosters"',
    ),
    Mutation(
        "G301",
        "foreign-key",
        (
            Edit(
                ROSTER, "to: shop/stores.odcs.yaml#/schema/stores/", "to: shop/store.odcs.yaml#/schema/store/"
            ),
        ),
        ROSTER,
        "shop/store.odcs",
    ),
    _one(
        "G301",
        "of-a-plain-asset",
        TABLES,
        '    key=["shop", "opening_hours"],',
        '    key=["shop", "opening_hours"],\n    deps=[["crew", "calendar"]],',
        "@dg.asset",
    ),
    _one("G302", "no-grant", ROSTER, 'role: "domain:shop"', "role: analysts", 'Input("crew/roster"', at=SHOP),
    _one(
        "G302",
        "restricted",
        SHOP,
        'Input("crew/roster", columns=("employee_id", "store_id"))',
        'Input("crew/people", columns=("employee_id",))',
        '"crew/people"',
    ),
    Mutation(
        "G302",
        "masked-twin",
        (
            Edit(
                PEOPLE,
                "schema:\n  - name: people\n",
                "roles:\n  - {role: analysts, access: masked}\n"
                f"schema:\n  - name: people\n    customProperties:\n{TWIN}",
            ),
            Edit(PEOPLE, "{name: employee_id, ", "{name: employee_id, " + HASHED),
            Edit(
                SHOP,
                'Input("crew/roster", columns=("employee_id", "store_id"))',
                'Input("crew/profiles", columns=("employee_id",))',
            ),
        ),
        SHOP,
        '"crew/profiles"',
    ),
    _one(
        "G302",
        "foreign-key",
        PERFORMANCE,
        "{name: store_id, logicalType: integer, primaryKey: true, ",
        "{name: store_id, logicalType: integer, primaryKey: true, relationships: "
        "[{to: crew/people.odcs.yaml#/schema/people/properties/employee_id}], ",
        "crew/people.odcs",
    ),
    _one(
        "G303",
        "made-twice",
        CREW,
        "from platform_core",
        'import dagster as dg\n\n\n@dg.asset(key="shop/stores".split("/"), owners=["team:crew-team"], '
        'description="Ours.")\ndef our_stores() -> None: ...\n\n\nfrom platform_core',
        "@dg.asset",
    ),
    _one(
        "G304",
        "two-locations",
        SHOP,
        '@data_product(inputs={"lines": "shop/sales"})\ndef stores(lines: Table) -> str:',
        '@data_product(inputs={"lines": "shop/sales", "staff": Input("crew/roster", ("store_id",))})\n'
        "def stores(lines: Table, staff: Table) -> str:",
        '"stores": "shop/stores"',
        at=CREW,
    ),
    _one(
        "G305",
        "no-partitions",
        SHOP,
        'Input("shop/stores", columns=("store_id", "sale_count"))',
        'Input("shop/stores", columns=("store_id", "sale_count"), partitions="last")',
        'Input("shop/stores"',
    ),
    _one("G305", "other-zone", VISITS, "timezone: Europe/Berlin}", "timezone: Europe/Paris}", "every: month"),
    _one("G305", "too-early", VISITS, "start: 2024-01-01", "start: 2023-01-01", "every: month"),
    _one(
        "G305",
        "weeks-of-months",
        VISITS,
        "every: month, start: 2024-01-01, end: 2025-01-01",
        "every: week, start: 2024-01-07, end: 2024-12-29",
        "every: week",
    ),
    _one(
        "G306",
        "declared",
        SHOP,
        'columns=("employee_id", "store_id")',
        'columns=("employee_id", "shop_id")',
        "shop_id",
    ),
    _one(
        "G306",
        "in-sql",
        CREW,
        "SELECT employee_id, store_id FROM {people}, {stores}",
        "SELECT employee_id, store_id FROM {people}, {stores} WHERE size > 1",
        '"crew/people"',
    ),
    _one("G307", "before-its-input", PERFORMANCE, '"0 8 * * *"', '"30 6 * * *"', "schedule:"),
    _one("G307", "daily-of-weekly", ROSTER, '"0 6 * * *"', '"0 6 * * 1"', "schedule:", at=PERFORMANCE),
    _one(
        "G307",
        "maximum-age",
        PERFORMANCE,
        LATENCY,
        "  - {property: latency, value: 12, unit: h}\n",
        "value: 12",
    ),
    Mutation(
        "G314",
        "more-recent-than-its-input",
        (
            Edit(SALES, KEPT_A_YEAR, _recent("sales", 2) + KEPT_A_YEAR),
            Edit(VISITS, KEPT_A_MONTH, _recent("visits", 1) + KEPT_A_MONTH),
        ),
        VISITS,
        "visits.sold_at",
    ),
    Mutation("G308", "deprecated", _read_by_an_asset("deprecated"), TABLES, "@dg.asset"),
    Mutation(
        "G309",
        "no-members",
        (
            Edit(TEAMS, "  shop-team:\n", "  gone-team: {channels: [{channel: c}]}\n  shop-team:\n"),
            Edit(STORES, OWNER, "team: {name: gone-team}"),
        ),
        STORES,
        "gone-team",
    ),
    _one(
        "G310",
        "plain-asset",
        CREW,
        "from platform_core",
        'import dagster as dg\n\n\n@dg.asset(key=["crew", "shifts"], deps=[["shop", "opening_hours"]], '
        'owners=["team:crew-team"], description="Ours.")\ndef shifts() -> None: ...\n\n\nfrom platform_core',
        "@dg.asset",
    ),
    Mutation("G311", "retired", _read_by_an_asset("retired"), TABLES, "@dg.asset"),
    Mutation(
        "G123",
        "month-of-birth",
        (
            Edit(
                ROSTER,
                "    quality:",
                "      - {name: born_in, logicalType: integer, classification: internal, description: B.}\n"
                "    quality:",
            ),
            Edit(
                CREW, "employee_id, store_id FROM", "employee_id, store_id, month(birth_date) AS born_in FROM"
            ),
        ),
        ROSTER,
        "born_in",
    ),
    Mutation("G501", "column", (Edit(STORES, "required: true, ", ""),), STORES, "version: 1.0.0", since=True),
    Mutation(
        "G501",
        "added",
        (
            Edit(
                STORES,
                "    quality:",
                "      - {name: city, logicalType: string, classification: public, "
                "description: City.}\n    quality:",
            ),
            Edit(SHOP, "AS sale_count FROM", "AS sale_count, 'x' AS city FROM"),
        ),
        STORES,
        "version: 1.0.0",
        since=True,
    ),
    Mutation(
        "G502",
        "rule",
        (Edit(STORES, "version: 1.0.0", "version: 1.1.0"), Edit(STORES, "value: 6", "value: 7")),
        STORES,
        'schedule: "30 5',
        since=True,
    ),
    Mutation(
        "G503",
        "nobody",
        (
            Edit(STORES, "version: 1.0.0", "version: 3.0.0"),
            Edit(STORES, "required: true, ", ""),
        ),
        STORES,
        "version: 3.0.0",
        since=True,
    ),
    Mutation(
        "G503",
        "late",
        (
            Edit(STORES, "version: 1.0.0", "version: 2.0.0"),
            Edit(STORES, "required: true, ", ""),
            Edit(CHANGES, "2031-06-30", "2030-02-28"),
        ),
        CHANGES,
        "reader: shop/performance",
        since=True,
    ),
    Mutation(
        "G503",
        "another",
        (
            Edit(STORES, "version: 1.0.0", "version: 2.0.0"),
            Edit(STORES, "required: true, ", ""),
            Edit(CHANGES, "shop-owner@", "crew-owner@"),
        ),
        CHANGES,
        "reader: shop/performance",
        since=True,
    ),
    _one(
        "G504",
        "column",
        STORES,
        "{name: sale_count, ",
        "{name: sale_count, deprecated: true, ",
        '"stores": Input(',
        at=SHOP,
    ),
    _one(
        "G505",
        "ends",
        ROSTER,
        "slaProperties:",
        "slaProperties:\n" + END.format(2031),
        '"roster": Input(',
        at=SHOP,
    ),
    _one(
        "G506",
        "ended",
        ROSTER,
        "slaProperties:",
        "slaProperties:\n" + END.format(2029),
        '"roster": Input(',
        at=SHOP,
    ),
    _one(
        "G507",
        "nowhere",
        VISITS,
        "slaProperties:",
        "customProperties: [{property: successor, value: shop/none, vendor: platform-core}]\nslaProperties:",
        "shop/none",
    ),
    _one("G401", "over", WAIVERS, "waivers:", _waiver("G105", "shop/visits", BOTH, "2030-02-28"), "G105"),
    _one(
        "G402",
        "kept",
        VISITS,
        "{name: sold_at, logicalType: timestamp, required: true",
        "{name: sold_at, logicalType: timestamp, primaryKey: true",
        "code: G108",
        at=WAIVERS,
    ),
    _one("G403", "one-domain", WAIVERS, "waivers:", _waiver("G105", "shop/visits", BOTH[:1]), "G105"),
    _one("G508", "tag", ALERTS, NOTIFY, "of: {tag: tills}, notify: [owner]", "owners"),
    _one("G508", "team", ALERTS, NOTIFY, "notify: [shops-team]", "owners"),
    _one("G508", "domain", ALERTS, NOTIFY, 'notify: ["domain:shops"]', "owners"),
    _one("G508", "selection", ALERTS, NOTIFY, "of: {selection: shop/visit+}, notify: [owner]", "owners"),
    _one("G509", "named", ALERTS, NOTIFY, "notify: [crew-team], by: [slack]", "crew-team:", at=TEAMS),
    _one("G509", "owner", ALERTS, NOTIFY, OF_CREW, "crew-team:", at=TEAMS),
    _one("G406", "event", ALERTS, "events: [opened]", "on: [exploded]", "exploded"),
    _one("G404", "product", WAIVERS, "waivers:", _waiver("G105", "shop/visit", BOTH), "G105"),
    _one("G404", "code", WAIVERS, "waivers:", _waiver("G801", "shop/visits", BOTH), "G801"),
    _one("G404", "of-the-engine", WAIVERS, "waivers:", _waiver("G402", "shop/visits", BOTH), "G402"),
    _one("G405", "laxer", CREW_POLICIES, '{"G308": "error"}', '{"G105": "warn"}', "STRICTER ="),
    _one("G405", "unknown", CREW_POLICIES, '{"G308": "error"}', '{"G999": "error"}', "STRICTER ="),
    _one("G406", "topology", MESH, "topology: federated", "topology: federal", "federal"),
    _one("G406", "unknown-key", WAIVERS, "    reason:", "    because: so\n    reason:", "because"),
    _one("G406", "wrong-type", TEAMS, "    domain: shop\n", "    domain: [shop]\n", "domain: [shop]"),
    _one("G406", "no-day", WAIVERS, "waivers:", _waiver("G105", "shop/visits", BOTH, "soon"), "soon"),
    _one(
        "G490",
        "raises",
        CUSTOMERS,
        'product.column("customer_id")',
        'mesh.federation.peers["customer_id"]',
        "peers",
    ),
    _one(
        "G490",
        "does-not-load",
        CUSTOMERS,
        "from collections",
        "import no_such_module\nfrom collections",
        "import no_such_module",
    ),
    _one("G490", "is-no-python", CUSTOMERS, "column is not None and", "column is not None und", "und"),
    _one("F101", "untagged", SALES, "tags: [pseudonymous], ", "", "customer_id"),
    _one("CREW101", "kept-too-long", ROSTER, "value: 30, unit: d", "value: 40, unit: d", "property: latency"),
)
