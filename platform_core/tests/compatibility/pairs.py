"""Contracts, and edits of them with the codes of the changes that they make, the worst first."""

from __future__ import annotations

from typing import Final, NamedTuple

ORDERS: Final = """\
apiVersion: v3.2.0
kind: DataContract
id: shop/orders
version: 1.0.0
status: active
tags: [retail]
description: {purpose: Orders of the shop., usage: Join by order_id., limitations: Online only.}
team: {name: shop-team}
support: [{channel: "#shop", url: "https://chat.example.com/shop", tool: slack}]
price: {priceAmount: 10, priceCurrency: EUR}
customProperties:
  - {property: serviceLevelTarget, value: 98, vendor: platform-core}
  - {property: budget, value: {seconds: 60}, vendor: platform-core}
servers: [{server: live, type: local, path: data, format: parquet}]
roles: [{role: "domain:crew", access: read}, {role: analysts, access: read}]
slaProperties:
  - property: latency
    value: 4
    unit: h
    scheduler: cron
    schedule: "0 5 * * *"
    customProperties: [{property: timezone, value: Europe/Berlin, vendor: platform-core}]
  - {property: latency, value: 5, unit: h, element: orders.ordered_at}
  - {property: retention, value: 1, unit: y}
  - {property: availability, value: 99, unit: percent}
schema:
  - name: orders
    dataGranularityDescription: One row per order.
    customProperties:
      - property: partitions
        value: {every: month, start: 2024-01-01, end: 2025-01-01, timezone: Europe/Berlin}
        vendor: platform-core
      - {property: steward, value: ada, vendor: acme}
    properties:
      - {name: order_id, logicalType: integer, primaryKey: true, classification: internal, description: No.}
      - name: store_id
        logicalType: integer
        required: true
        relationships: [{to: shop/stores.odcs.yaml#/schema/stores/properties/store_id}]
      - {name: contact, logicalType: string, classification: internal, description: Mail.}
      - name: amount
        logicalType: number
        physicalType: DECIMAL(10,2)
        logicalTypeOptions: {minimum: 0, maximum: 1000}
      - {name: pieces, logicalType: integer, physicalType: BIGINT}
      - {name: floor, logicalType: integer, physicalType: SMALLINT}
      - {name: channel, logicalType: string, physicalType: VARCHAR}
      - name: state
        logicalType: string
        enum: [{value: open}, {value: paid}, {value: sent, description: Left.}]
      - name: sku
        logicalType: string
        unique: true
        logicalTypeOptions: {pattern: "^[A-Z]{3}$", minLength: 3, maxLength: 3}
      - {name: place, logicalType: object, properties: [{name: city, logicalType: string}]}
      - {name: ordered_at, logicalType: timestamp, required: true, partitioned: true}
    quality:
      - {name: many, metric: rowCount, mustBeGreaterThan: 100}
      - {name: positive, type: sql, query: "SELECT count(*) FROM ${table} WHERE amount < 0", mustBe: 0}
      - {name: fair, type: text, description: Prices are fair.}
      - {name: hint, metric: rowCount, mustBeLessThan: 5000, severity: warning}
"""
PEOPLE: Final = """\
apiVersion: v3.2.0
kind: DataContract
id: shop/people
version: 1.0.0
status: active
roles: [{role: analysts, access: masked}, {role: auditors, access: read}]
slaProperties: [{property: latency, value: 2, unit: d}, {property: endOfLife, value: 2027-03-31}]
schema:
  - name: people
    customProperties:
      - {property: maskedAs, value: profiles, vendor: platform-core}
      - {property: suppress, value: {groupsBelow: 5, columns: [age]}, vendor: platform-core}
    properties:
      - name: person_id
        logicalType: integer
        primaryKey: true
        tags: [pseudonymous]
        customProperties: [{property: mask, value: {method: hash, key: person}, vendor: platform-core}]
      - name: age
        logicalType: integer
        required: true
        tags: [personal]
        customProperties: [{property: mask, value: {method: generalize, width: 10}, vendor: platform-core}]
      - {name: city, logicalType: string, required: true, classification: internal}
      - {name: income, logicalType: integer, tags: [personal]}
    quality: [{metric: rowCount, mustBeLessThan: 1000}]
"""
MODEL: Final = """\
apiVersion: v3.2.0
kind: DataContract
id: shop/churn
version: 1.0.0
status: draft
slaProperties: [{property: latency, value: 2, unit: d}]
schema:
  - name: churn
    physicalType: model
    customProperties:
      - property: model
        vendor: platform-core
        value:
          target: left
          metric: roc_auc
          margin: 0.02
          trusted: [sklearn.tree.Tree]
          features: [{name: visits, type: BIGINT}, {name: spend, type: DOUBLE}]
    properties: [{name: customer_id, logicalType: integer, primaryKey: true}]
"""
FILE: Final = """\
apiVersion: v3.2.0
kind: DataContract
id: shop/prices
version: 1.0.0
status: deprecated
slaProperties: [{property: latency, value: 2, unit: d}]
schema:
  - name: prices
    physicalType: file
    physicalName: prices.csv
    properties:
      - {name: sku, logicalType: string}
      - {name: price, logicalType: number}
"""
STREAM: Final = """\
apiVersion: v3.2.0
kind: DataContract
id: shop/clicks
version: 1.0.0
status: active
slaProperties: [{property: latency, value: 2, unit: d}]
schema:
  - name: clicks
    physicalType: stream
    customProperties: [{property: eventTime, value: clicked_at, vendor: platform-core}]
    properties:
      - {name: clicked_at, logicalType: timestamp, required: true}
      - {name: seen_at, logicalType: timestamp, required: true}
"""
BASES: Final = {"orders": ORDERS, "people": PEOPLE, "churn": MODEL, "prices": FILE, "clicks": STREAM}


class Pair(NamedTuple):
    base: str
    old: str
    new: str
    codes: str
    """Those of the changes, the worst first; with ``~`` those that only the masked twin has."""


def o(old: str, new: str, codes: str = "") -> Pair:
    return Pair("orders", old, new, codes)


def p(old: str, new: str, codes: str) -> Pair:
    return Pair("people", old, new, codes)


WHOLE_ROLES: Final = 'roles: [{role: "domain:crew", access: read}, {role: analysts, access: read}]'
STORE: Final = "        relationships: [{to: shop/stores.odcs.yaml#/schema/stores/properties/store_id}]\n"
SKU: Final = "      - {name: sku, logicalType: string}\n"
DEADLINE: Final = 'schedule: "0 5 * * *"'
MASK: Final = "customProperties: [{property: mask, value: {method: redact}, vendor: platform-core}]"
LAST: Final = "    quality:\n"
PAIRS: Final = (
    # Layout, order and spelling are not changes.
    o("tags: [retail]", "tags:\n- 'retail' # a comment"),
    o(WHOLE_ROLES, "roles: [{role: analysts, access: read}, {role: 'domain:crew', access: read}]"),
    o("status: active", 'status: "active"'),
    o("physicalType: BIGINT", "physicalType: INT8"),
    o("physicalType: VARCHAR", "physicalType: text"),
    o("DECIMAL(10,2)", "numeric( 10, 2 )"),
    o(DEADLINE, 'schedule: "00 05 * * *"'),
    o("value: 4\n    unit: h", "value: 240\n    unit: min"),
    o("value: 1, unit: y", "value: 365, unit: days"),
    o("{value: open}, {value: paid}", "{value: paid}, {value: open}"),
    o("required: true\n        rel", "required: true\n        primaryKey: false\n        rel"),
    o("vendor: platform-core\n      - {prop", "vendor: platform-core\n\n      - {prop"),
    # Columns.
    o("      - {name: pieces, logicalType: integer, physicalType: BIGINT}\n", "", "K101"),
    o("name: pieces", "name: Pieces", "K101 K301"),
    o(LAST, "      - {name: extra, logicalType: date}\n" + LAST, "K301"),
    o(LAST, "      - {name: extra, logicalType: string, enum: [{value: x}]}\n" + LAST, "K301"),
    o("physicalType: BIGINT", "physicalType: INTEGER", "K102"),
    o("physicalType: BIGINT", "physicalType: UBIGINT", "K102"),
    o("physicalType: BIGINT", "physicalType: HUGEINT", "K202"),
    o("SMALLINT", "INTEGER", "K202"),
    o("SMALLINT", "TINYINT", "K102"),
    o("SMALLINT", "USMALLINT", "K102"),
    o("DECIMAL(10,2)", "DECIMAL(12,2)", "K202"),
    o("DECIMAL(10,2)", "DECIMAL(10,3)", "K102"),
    o("DECIMAL(10,2)", "DOUBLE", "K102"),
    o("integer, physicalType: BIGINT", "integer", "K202"),
    o("contact, logicalType: string", "contact, logicalType: string, physicalType: VARCHAR", "K402"),
    o("contact, logicalType: string", "contact, logicalType: string, physicalType: UUID", "K202"),
    o("contact, logicalType: string", "contact, logicalType: date", "K102"),
    o("contact, logicalType: string", "contact", "K402"),
    o("integer\n        required: true", "integer", "K103"),
    o("{name: contact,", "{name: contact, required: true,", "K303"),
    o("        unique: true\n", "", "K104"),
    o("{name: contact,", "{name: contact, unique: true,", "K304"),
    o("primaryKey: true", "required: true", "K105"),
    o("primaryKey: true", "unique: true, required: true", "K105"),
    Pair(
        "clicks",
        "timestamp, required: true}\n      - {name: seen",
        "timestamp, primaryKey: true}\n      - {name: seen",
        "K305",
    ),
    o("contact, logicalType: string, classification: internal", "contact, logicalType: string", "K330"),
    o("internal, description: Mail.", "confidential, description: Mail.", "K230"),
    o("internal, description: Mail.", "public, description: Mail.", "K330"),
    o("internal, description: Mail.", "restricted, description: Mail.", "K111 K230"),
    o("description: Mail.", "tags: [personal], description: Mail.", "K231"),
    o("description: Mail.", "tags: [nice], description: Mail.", "K442"),
    o("description: Mail.", "description: Address.", "K441"),
    o("description: Mail.", "description: Mail., deprecated: true", "K341"),
    o("description: Mail.", "description: Mail., examples: [a@b.c]", "K441"),
    o("description: Mail.", "description: Mail., businessName: Contact", "K441"),
    o("description: Mail.", "description: Mail., criticalDataElement: true", "K440"),
    o("description: Mail.", "description: Mail., encryptedName: contact_enc", "K340"),
    o("{name: city, logicalType: string}", "{name: city, logicalType: integer}", "K140"),
    o("[{name: city, logicalType: string}]", "[{name: town, logicalType: string}]", "K140 K340"),
    o("{name: city, logicalType: string}", "{name: city, logicalType: string, description: Where.}", "K441"),
    # Values.
    o("{value: sent, description: Left.}", "{value: sent}, {value: lost}", "K220 K441"),
    o("{value: open}, ", "", "K320"),
    o("        enum: [{value: open}, {value: paid}, {value: sent, description: Left.}]\n", "", "K220"),
    o("{name: contact,", "{name: contact, enum: [{value: x}],", "K320"),
    o("{minimum: 0, maximum: 1000}", "{minimum: 0, maximum: 2000}", "K221"),
    o("{minimum: 0, maximum: 1000}", "{minimum: 0}", "K221"),
    o("        logicalTypeOptions: {minimum: 0, maximum: 1000}\n", "", "K221"),
    o("{minimum: 0, maximum: 1000}", "{exclusiveMinimum: 0, maximum: 1000}", "K321"),
    o("{minimum: 0, maximum: 1000}", "{minimum: -1, maximum: 900}", "K221"),
    o("{minimum: 0, maximum: 1000}", "{minimum: 0, maximum: 1000, multipleOf: 5}", "K321"),
    o("{minimum: 0, maximum: 1000}", "{minimum: 0, maximum: 1000, format: f64}", "K340"),
    o("maxLength: 3", "maxLength: 4", "K222"),
    o("minLength: 3, maxLength: 3", "maxLength: 3", "K222"),
    o("{name: contact,", "{name: contact, logicalTypeOptions: {maxLength: 9},", "K322"),
    o('"^[A-Z]{3}$"', '"^[A-Z]+$"', "K223"),
    o('pattern: "^[A-Z]{3}$", ', "", "K223"),
    o("{name: contact,", "{name: contact, logicalTypeOptions: {pattern: x},", "K323"),
    # Quality rules.
    o("mustBeGreaterThan: 100", "mustBeGreaterThan: 10", "K224"),
    o("mustBeGreaterThan: 100", "mustBeGreaterOrEqualTo: 101", "K324"),
    o("mustBeGreaterThan: 100", "mustBeBetween: [200, 300]", "K324"),
    o("      - {name: many, metric: rowCount, mustBeGreaterThan: 100}\n", "", "K224"),
    o("name: many", "name: plenty", "K441"),
    o("mustBeGreaterThan: 100}", "mustBeGreaterThan: 100, severity: warning}", "K225"),
    o("mustBeGreaterThan: 100}", "mustBeGreaterThan: 100, dimension: coverage}", "K440"),
    o("mustBeLessThan: 5000, severity: warning", "mustBeLessThan: 5000", "K325"),
    o("mustBeLessThan: 5000", "mustBeLessThan: 6000", "K424"),
    o("WHERE amount < 0", "WHERE amount < -1", "K224"),
    o("WHERE amount < 0", "WHERE  amount  < 0", ""),
    o("Prices are fair.", "Prices are low.", "K240"),
    o("      - {name: fair, type: text, description: Prices are fair.}\n", "", "K240"),
    o(LAST, LAST + "      - {name: kind, type: text, description: We are kind.}\n", "K340"),
    o(LAST, LAST + "      - {name: few, type: sql, query: SELECT 1, mustBe: 1}\n", "K324"),
    o("stores/properties/store_id}", "stores/properties/number}", "K234"),
    o(
        "        relationships: [{to: shop/stores.odcs.yaml#/schema/stores/properties/store_id}]\n",
        "",
        "K234",
    ),
    o("{name: contact,", "{name: contact, relationships: [{to: orders.sku}],", "K334"),
    # Service levels.
    o(DEADLINE, 'schedule: "0 6 * * *"', "K226"),
    o(DEADLINE, 'schedule: "0 4 * * *"', "K326"),
    o(DEADLINE, 'schedule: "0 5,15 * * *"', "K326"),
    o(DEADLINE, 'schedule: "0 5 * * 1"', "K226"),
    o("value: Europe/Berlin, vendor", "value: Europe/Paris, vendor", "K226"),
    o("value: 4\n", "value: 12\n", "K226"),
    o("value: 4\n", "value: 2\n", "K326"),
    o("value: 5, unit: h", "value: 12, unit: h", "K224"),
    o("value: 5, unit: h", "value: 1, unit: h", "K324"),
    o("value: 1, unit: y", "value: 1, unit: mo", "K227"),
    o("value: 1, unit: y", "value: 2, unit: y", "K327"),
    o("  - {property: retention, value: 1, unit: y}\n", "", "K227"),
    o("unit: h, element", "unit: h, description: New., element", "K441"),
    o("value: 1, unit: y", "value: 1, unit: y, description: Long.", "K441"),
    o("value: 99, unit", "value: 95, unit", "K240"),
    o("  - {property: availability, value: 99, unit: percent}\n", "", "K240"),
    p("value: 2, unit: d", "value: 3, unit: d", "K228"),
    p("value: 2, unit: d", "value: 1, unit: d", "K328"),
    p("2027-03-31", "2027-01-31", "K236"),
    o("value: 98", "value: 90", "K237"),
    o("value: 98", "value: 99.5", "K337"),
    o("seconds: 60", "seconds: 90", "K442"),
    p("2027-03-31", "2027-06-30", "K336"),
    p(", {property: endOfLife, value: 2027-03-31}", "", "K336"),
    # Partitions.
    o("end: 2025-01-01", "end: 2024-06-01", "K109"),
    o("start: 2024-01-01", "start: 2024-02-01", "K109"),
    o("start: 2024-01-01", "start: 2023-01-01", "K309"),
    o(", end: 2025-01-01", "", "K309"),
    o("every: month", "every: day", "K108"),
    o("timezone: Europe/Berlin", "timezone: Europe/Paris", "K108"),
    # Grants, status, people, texts.
    o("role: analysts, access: read", "role: analysts, access: masked", "K110"),
    o("role: analysts, access: read", "role: analysts", "K110"),
    o(", {role: analysts, access: read}", "", "K110"),
    o("role: analysts, access: read}", "role: analysts, access: read}, {role: bi, access: read}", "K310"),
    o("role: analysts, access: read", "role: analysts, access: read, description: They ask.", "K442"),
    o("status: active", "status: deprecated", "K317"),
    o("status: active", "status: retired", "K117"),
    o("status: active", "status: draft", "K217"),
    Pair("prices", "status: deprecated", "status: retired", "K318"),
    Pair("churn", "status: draft", "status: active", "K318"),
    o("shop-team", "sales-team", "K442"),
    o("team: {name: shop-team}", "team: {name: shop-team, description: Us.}", "K442"),
    o("tool: slack", "tool: teams", "K442"),
    o("[retail]", "[retail, core]", "K442"),
    o("Orders of the shop.", "All orders of the shop.", "K441"),
    o("Online only.", "Without shops.", "K441"),
    o("One row per order.", "One row per order line.", "K229"),
    o("price: {priceAmount: 10,", "price: {priceAmount: 20,", "K240"),
    o("path: data", "path: files", "K240"),
    o("servers: [", "servers: [{server: test, type: local, path: t, format: csv}, ", "K340"),
    o("value: ada", "value: bob", "K440"),
    o("kind: DataContract\n", "kind: DataContract\ntenant: retail\n", "K440"),
    # Kinds.
    Pair("prices", "prices.csv", "price_list.csv", "K107"),
    Pair("prices", SKU, "      - {name: on, logicalType: date}\n" + SKU, "K207 K301"),
    Pair("prices", "number}\n", "number}\n      - {name: on, logicalType: date}\n", "K301"),
    Pair("prices", "    physicalType: file\n    physicalName: prices.csv\n", "", "K106 K107"),
    Pair("clicks", "value: clicked_at", "value: seen_at", "K114"),
    Pair("churn", "name: visits", "name: visits_made", "K112"),
    Pair("churn", "{name: visits, type: BIGINT}, ", "", "K112"),
    Pair("churn", "type: BIGINT", "type: VARCHAR", "K112"),
    Pair("churn", "type: BIGINT", "type: INT8", ""),
    Pair("churn", "DOUBLE}", "DOUBLE}, {name: age, type: BIGINT}", "K112"),
    Pair("churn", "target: left", "target: lost", "K113"),
    Pair("churn", "metric: roc_auc", "metric: f1", "K232"),
    Pair("churn", "margin: 0.02", "margin: 0.01", "K232"),
    Pair("churn", "margin: 0.02", "margin: 0.03", "K332"),
    Pair("churn", "[sklearn.tree.Tree]", "[sklearn.tree.Tree, a.B]", "K235"),
    Pair("churn", "          trusted: [sklearn.tree.Tree]\n", "", "K335"),
    # Masked twins.
    p("value: profiles", "value: faces", "~K115"),
    p("key: person", "key: client", "~K116"),
    p("width: 10", "width: 20", "~K116"),
    p("city, logicalType: string,", f"city, logicalType: string, {MASK},", "~K116"),
    p("tags: [personal]}", f"tags: [personal], {MASK}}}", "~K301"),
    p("groupsBelow: 5", "groupsBelow: 10", "~K233"),
    p("groupsBelow: 5", "groupsBelow: 3", "~K333"),
    p("columns: [age]", "columns: [age, city]", "~K233"),
    p("access: masked", "access: read", "~K110 K310"),
    p("role: auditors, access: read", "role: auditors, access: masked", "K110 ~K310"),
    p("city, logicalType: string", "city, logicalType: date", "K102"),
    p("mustBeLessThan: 1000", "mustBeLessThan: 2000", "K224"),
    p("classification: internal", "classification: restricted", "~K101 K111 K230"),
    p("      - {name: city, logicalType: string, required: true, classification: internal}\n", "", "K101"),
)
