"""Statements of contracts with numbers, and the SQL that computes these numbers in the statement's order.

A product stands in the SQL under its id; `source/coupons` is the file that `marketing/coupons` is made of.
"""

REPORTING = (
    """SELECT (SELECT count(DISTINCT store_id) FROM "marketing/promotions"), count(*) FROM "sales/stores" """
)
PETROL = """
    FROM "sales/transactions" JOIN "sales/products" USING (product_id) WHERE product_type LIKE 'GASOLINE%'
"""
EVIDENCE = """SELECT count(*) FROM "marketing/campaign_attribution" WHERE evidence = """
CUT_OFF = (
    """SELECT count(*) FROM "marketing/campaigns" WHERE year(starts_on) = 2016 OR year(ends_on) = 2018"""
)
UNKNOWN = """
    FROM "sales/transactions" WHERE product_id NOT IN (SELECT product_id FROM "sales/products")
"""
EMPTY = """SELECT count(*) FROM "sales/transactions" WHERE quantity = 0"""
DUPLICATES = """SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT * FROM "source/coupons")), count(*)
    FROM "source/coupons" """
IN_SALES = """SELECT count(*) FROM "hr/employees" WHERE NOT has_left AND department = 'Sales'"""
SEGMENT = "SELECT {} FROM \"marketing/household_segments\" WHERE segment = '{}'"
RECENCY = "min(recency_score), max(recency_score)"
FREQUENCY = "min(frequency_score), max(frequency_score)"
MONETARY = "min(monetary_score), max(monetary_score)"

STATEMENTS: list[tuple[str, str, str]] = [
    (
        "hr/attrition_by_department",
        "237 of 1,470 left at some time",
        'SELECT count(*) FILTER (has_left), count(*) FROM "hr/employees"',
    ),
    (
        "hr/attrition_by_department",
        "Three departments have eleven roles between them, four of which are put together",
        """SELECT count(DISTINCT department), count(DISTINCT (department, job_role)),
            count(DISTINCT (department, job_role)) - (
                SELECT count(*) FROM "hr/attrition_by_department" WHERE job_role <> '(other)')
        FROM "hr/employees" """,
    ),
    (
        "hr/employees",
        "for 258 people the income is even above the monthly rate",
        'SELECT count(*) FROM "hr/employees" WHERE monthly_income > monthly_rate',
    ),
    (
        "hr/employees",
        "1,470 people, numbered 1 to 2,068",
        'SELECT count(*), min(employee_id), max(employee_id) FROM "hr/employees"',
    ),
    (
        "hr/sales_commissions",
        "The rate is 1.5 % where a store's average basket over the year is at least that of all stores, "
        "else 1 %",
        'SELECT 100 * max(rate), 100 * min(rate) FROM "hr/sales_commissions"',
    ),
    (
        "hr/sales_commissions",
        "At most the 354 employees of sales departments in service, in each of twelve months",
        f'SELECT ({IN_SALES}), count(DISTINCT month) FROM "hr/sales_commissions"',
    ),
    (
        "hr/store_staffing",
        "One employee stands for about 126 baskets a year, so 325 of the 457 stores have nobody",
        """SELECT round(sum(basket_count) / (SELECT count(*) FROM "hr/store_staffing")),
            count(*) FILTER (store_id NOT IN (SELECT store_id FROM "hr/store_staffing")), count(*)
        FROM "sales/stores" """,
    ),
    (
        "hr/store_staffing",
        "1,233 of the 1,470 employees are in service",
        'SELECT count(*) FILTER (NOT has_left), count(*) FROM "hr/employees"',
    ),
    (
        "hr/store_staffing",
        "132 of the 457 stores have staff of their own",
        """SELECT count(DISTINCT store_id), (SELECT count(*) FROM "sales/stores")
        FROM "hr/store_staffing" """,
    ),
    ("marketing/campaign_attribution", "this very line | 3,823", f"{EVIDENCE} 'redeemed'"),
    ("marketing/campaign_attribution", "without a maker's coupon | 4,453", f"{EVIDENCE} 'offered'"),
    ("marketing/campaign_attribution", "from the pool | 192,497", f"{EVIDENCE} 'possible'"),
    (
        "marketing/campaign_attribution",
        "two may claim one line",
        'SELECT max(claim_count) FROM "marketing/campaign_attribution"',
    ),
    ("marketing/campaign_attribution", "Eight campaigns begin in 2016 or end in 2018", CUT_OFF),
    (
        "marketing/campaign_attribution",
        "2,070 of the year's 2,102 redemptions fall on a day and a household with an attributed line",
        """SELECT count(*) FILTER (found), count(*) FROM (
            SELECT EXISTS (FROM "marketing/campaign_attribution" AS lines
                WHERE lines.household_id = redemptions.household_id
                AND lines.purchased_on = redemptions.redeemed_on) AS found
            FROM "marketing/coupon_redemptions" AS redemptions)""",
    ),
    (
        "marketing/campaign_attribution",
        "Nine lines in ten at least are only possible",
        """SELECT floor(10 * avg((evidence = 'possible')::INTEGER)), 10
        FROM "marketing/campaign_attribution" """,
    ),
    (
        "marketing/campaign_targets",
        "2,754 of the 6,589 pairs, of 803 households, have no row in `marketing/households`",
        """SELECT count(*) FILTER (unknown), count(*), count(DISTINCT household_id) FILTER (unknown) FROM (
            SELECT *, household_id NOT IN (SELECT household_id FROM "marketing/households") AS unknown
            FROM "marketing/campaign_targets")""",
    ),
    (
        "marketing/campaign_targets",
        "910 of the 2,469 were never targeted",
        """SELECT count(*) FILTER (household_id NOT IN (
            SELECT household_id FROM "marketing/campaign_targets")), count(*)
        FROM "marketing/household_segments" """,
    ),
    (
        "marketing/campaign_targets",
        "The 27 campaigns were sent 6,589 times",
        'SELECT count(DISTINCT campaign_id), count(*) FROM "marketing/campaign_targets"',
    ),
    (
        "marketing/campaign_targets",
        "Nobody received more than 15 of the 27 campaigns",
        """SELECT max(received), (SELECT count(*) FROM "marketing/campaigns") FROM (
            SELECT count(*) AS received FROM "marketing/campaign_targets" GROUP BY household_id)""",
    ),
    ("marketing/campaigns", "Eight campaigns begin in 2016 or end in 2018", CUT_OFF),
    (
        "marketing/campaigns",
        "the four earliest campaigns are numbered 24 to 27",
        """SELECT count(DISTINCT campaign_id), min(campaign_id), max(campaign_id) FROM (
            FROM "marketing/campaigns" ORDER BY starts_on LIMIT 4)""",
    ),
    (
        "marketing/campaigns",
        "A campaign lasts at least four weeks",
        'SELECT min(ends_on - starts_on + 1) // 7 FROM "marketing/campaigns"',
    ),
    (
        "marketing/coupon_redemptions",
        "27 times a household redeemed the same coupon of a campaign again on another day",
        """SELECT count(*) - count(DISTINCT (household_id, coupon_upc, campaign_id))
        FROM "marketing/coupon_redemptions" """,
    ),
    (
        "marketing/coupon_redemptions",
        "It is published in twelve batches",
        'SELECT count(DISTINCT month(redeemed_on)) FROM "marketing/coupon_redemptions"',
    ),
    (
        "marketing/coupon_redemptions",
        "November, the busiest, has 526",
        """SELECT max(redeemed) FROM (SELECT count(*) AS redeemed FROM "marketing/coupon_redemptions"
            GROUP BY month(redeemed_on))""",
    ),
    (
        "marketing/coupons",
        "151 of the 981 UPCs are used by more than one campaign",
        """SELECT count(*) FILTER (campaigns > 1), count(*) FROM (
            SELECT count(DISTINCT campaign_id) AS campaigns FROM "marketing/coupons" GROUP BY coupon_upc)""",
    ),
    ("marketing/coupons", "The source repeats 4,872 of its 116,204 rows", DUPLICATES),
    (
        "marketing/coupons",
        "116,204 rows of the source without its 4,872 duplicates",
        f"SELECT rows, repeated FROM ({DUPLICATES}) AS source(repeated, rows)",
    ),
    (
        "marketing/coupons",
        "Campaigns of type A (8, 13, 18 and 27)",
        """SELECT campaign_id FROM "marketing/campaigns" WHERE campaign_type = 'A' ORDER BY campaign_id""",
    ),
    (
        "marketing/coupons",
        "6 products (16 rows) are not in `sales/products`",
        """SELECT count(DISTINCT product_id), count(*) FROM "marketing/coupons"
        WHERE product_id NOT IN (SELECT product_id FROM "sales/products")""",
    ),
    (
        "marketing/coupons",
        "The pools of the four campaigns of type A are 97,683 of the rows",
        """SELECT count(DISTINCT campaign_id), count(*) FROM "marketing/coupons"
        JOIN "marketing/campaigns" USING (campaign_id) WHERE campaign_type = 'A'""",
    ),
    (
        "marketing/household_segments",
        "5 is best, 1 is worst",
        'SELECT max(recency_score), min(recency_score) FROM "marketing/household_segments"',
    ),
    (
        "marketing/household_segments",
        "`champion` | 4, 5 | 4, 5 | 4, 5 |",
        SEGMENT.format(f"{RECENCY}, {FREQUENCY}, {MONETARY}", "champion"),
    ),
    (
        "marketing/household_segments",
        "`loyal` | 3 to 5 | 4, 5 |",
        SEGMENT.format(f"{RECENCY}, {FREQUENCY}", "loyal"),
    ),
    (
        "marketing/household_segments",
        "`at_risk` | 1, 2 | 3 to 5 |",
        SEGMENT.format(f"{RECENCY}, {FREQUENCY}", "at_risk"),
    ),
    (
        "marketing/household_segments",
        "`newcomer` | 4, 5 | 1, 2 |",
        SEGMENT.format(f"{RECENCY}, {FREQUENCY}", "newcomer"),
    ),
    (
        "marketing/household_segments",
        "`dormant` | 1, 2 | 1, 2 |",
        SEGMENT.format(f"{RECENCY}, {FREQUENCY}", "dormant"),
    ),
    (
        "marketing/households",
        "801 of the panel's 2,469 households answered",
        """SELECT (SELECT count(*) FROM "marketing/households"), count(*)
        FROM "marketing/household_segments" """,
    ),
    (
        "marketing/households",
        "they spend nearly three times as much as the others",
        """SELECT ceil(avg(spent) FILTER (answered) / avg(spent) FILTER (NOT answered)) FROM (
            SELECT sum(sales_value) AS spent,
                household_id IN (SELECT household_id FROM "marketing/households") AS answered
            FROM "sales/transactions" GROUP BY household_id)""",
    ),
    (
        "marketing/households",
        "`home_ownership` is missing for 233 households and `marital_status` for 137",
        """SELECT count(*) FILTER (home_ownership IS NULL), count(*) FILTER (marital_status IS NULL)
        FROM "marketing/households" """,
    ),
    (
        "marketing/households",
        "233 of 801 did not",
        'SELECT count(*) FILTER (home_ownership IS NULL), count(*) FROM "marketing/households"',
    ),
    (
        "marketing/promotions",
        "Nearly 21 million rows",
        'SELECT ceil(count(*) / 1e6) FROM "marketing/promotions"',
    ),
    ("marketing/promotions", "Only 112 of the 457 stores report promotions", REPORTING),
    (
        "marketing/redemption_propensity",
        "measured on the four that began after it",
        'SELECT count(DISTINCT campaign_id) FROM "marketing/redemption_propensity" WHERE in_holdout',
    ),
    (
        "marketing/redemption_propensity",
        "on the holdout it foretells 21 percent where 16 redeemed",
        """SELECT round(100 * avg(propensity)), round(100 * avg(((campaign_id, household_id) IN (
            SELECT (campaign_id, household_id) FROM "marketing/coupon_redemptions"))::INTEGER))
        FROM "marketing/redemption_propensity" WHERE in_holdout""",
    ),
    (
        "marketing/redemption_propensity",
        "Four campaigns are not over when the data ends",
        'SELECT count(DISTINCT campaign_id) FROM "marketing/redemption_propensity" WHERE NOT in_holdout',
    ),
    (
        "marketing/redemption_propensity",
        "Eight campaigns began from October on; they were sent 2,421 times",
        'SELECT count(DISTINCT campaign_id), count(*) FROM "marketing/redemption_propensity"',
    ),
    (
        "marketing/redemption_propensity",
        "Four campaigns with 1,653 pairs are held out",
        """SELECT count(DISTINCT campaign_id), count(*)
        FROM "marketing/redemption_propensity" WHERE in_holdout""",
    ),
    (
        "marketing/redemption_propensity",
        "About one in eight redeems",
        """SELECT round(1 / avg(((campaign_id, household_id) IN (
            SELECT (campaign_id, household_id) FROM "marketing/coupon_redemptions"))::INTEGER))
        FROM "marketing/campaign_targets" """,
    ),
    (
        "sales/household_baskets",
        "478 baskets are worth nothing",
        'SELECT count(*) FROM "sales/household_baskets" WHERE basket_value = 0',
    ),
    (
        "sales/net_sales_by_department",
        "these are the 4,836 lines whose product the article master does not know",
        f"SELECT count(*) {UNKNOWN}",
    ),
    ("sales/net_sales_by_department", "4,836 lines of 2017 do not", f"SELECT count(*) {UNKNOWN}"),
    ("sales/net_sales_by_department", "lines without a quantity, 8,869 in 2017", EMPTY),
    ("sales/net_sales_by_department", "8,869 lines of 2017 do not", EMPTY),
    (
        "sales/net_sales_by_department",
        "1,700 petrol lines of 54,449.62 dollars",
        f"SELECT count(*), sum(sales_value) {PETROL} AND department = 'MISCELLANEOUS'",
    ),
    (
        "sales/products",
        "`department` (32 values), `product_category` (about 300), `product_type` (about 2,400)",
        """SELECT count(DISTINCT department), round(count(DISTINCT product_category), -2),
            round(count(DISTINCT product_type), -2) FROM "sales/products" """,
    ),
    (
        "sales/products",
        "12,760 of the 92,331 products were neither sold nor promoted in 2017",
        """SELECT count(*) FILTER (product_id NOT IN (SELECT product_id FROM "sales/transactions")
            AND product_id NOT IN (SELECT product_id FROM "marketing/promotions")), count(*)
        FROM "sales/products" """,
    ),
    (
        "sales/products",
        "Seventeen product ids in `sales/transactions` (4,836 lines,",
        f"SELECT count(DISTINCT product_id), count(*) {UNKNOWN}",
    ),
    (
        "sales/products",
        "Category is missing for 540 products and type for 528",
        """SELECT count(*) FILTER (product_category IS NULL), count(*) FILTER (product_type IS NULL)
        FROM "sales/products" """,
    ),
    (
        "sales/products",
        "540 have none",
        'SELECT count(*) FROM "sales/products" WHERE product_category IS NULL',
    ),
    ("sales/promoted_sales", "Only 112 of the 457 stores report placements", REPORTING),
    (
        "sales/promoted_sales",
        "19,032 lines, 65,014.04 dollars",
        """SELECT sum(line_count), sum(sales_value) FROM "sales/promoted_sales"
        WHERE store_id NOT IN (SELECT store_id FROM "marketing/promotions")""",
    ),
    (
        "sales/redeemed_baskets",
        "2,102 redemptions have 2,694 rows, of 1,400 baskets",
        """SELECT count(DISTINCT (household_id, coupon_upc, campaign_id, redeemed_on)), count(*),
            count(DISTINCT basket_id) FROM "sales/redeemed_baskets" """,
    ),
    (
        "sales/redeemed_baskets",
        "its 2,102 redemptions have 2,694 trips",
        """SELECT count(DISTINCT (household_id, coupon_upc, campaign_id, redeemed_on)), count(*)
        FROM "sales/redeemed_baskets" """,
    ),
    (
        "sales/stores",
        "separates the 111 stores that sold in every month",
        """SELECT count(*) FROM "sales/stores" WHERE trading_pattern = 'year_round'""",
    ),
    (
        "sales/stores",
        "Half of the stores have four baskets or fewer",
        'SELECT quantile_disc(basket_count, 0.5) FROM "sales/stores"',
    ),
    (
        "sales/stores",
        "By active months: 1, 2 to 11, all 12",
        """SELECT max(active_months) FILTER (trading_pattern = 'single_month'),
            min(active_months) FILTER (trading_pattern = 'intermittent'),
            max(active_months) FILTER (trading_pattern = 'intermittent'),
            min(active_months) FILTER (trading_pattern = 'year_round') FROM "sales/stores" """,
    ),
    (
        "sales/transactions",
        "for 2,469 households that shopped with a loyalty card in 457 stores",
        'SELECT count(DISTINCT household_id), count(DISTINCT store_id) FROM "sales/transactions"',
    ),
    (
        "sales/transactions",
        "14,697 petrol lines have quantities up to 89,638, and 1,177 of them quantity 1",
        f"SELECT count(*), max(quantity), count(*) FILTER (quantity = 1), 1 {PETROL}",
    ),
    ("sales/transactions", "8,869 lines have quantity 0", f"SELECT ({EMPTY}), 0"),
    ("sales/transactions", "8,869 lines of 2017 do not", EMPTY),
    (
        "sales/transactions",
        "4,836 lines are of 17 products that `sales/products` does not know",
        f"SELECT count(*), count(DISTINCT product_id) {UNKNOWN}",
    ),
]

DEFINED: dict[str, tuple[str, ...]] = {
    # Numbers that say how something is made, or what the study's own description says.
    "central_data_platform/service_levels": ("`28 days` for the last 28 days of the ledger", "1 is all"),
    "central_data_platform/slo_ledger": ("at most 28 days back", "ten minutes before the promise broke"),
    "hr/attrition_by_department": ("No group has fewer than 5 people, or 1 to 4 leavers",),
    "hr/headcount_extract": ("no role is smaller than ten of them",),
    "marketing/campaign_attribution": ("type A picks sixteen",),
    "marketing/campaign_targets": ("only that it got sixteen of the pool",),
    "marketing/coupons": ("of which each household got sixteen coupons",),
    "marketing/household_segments": ("What the three scores say together",),
    "marketing/redemption_propensity": ("shopping of the eight weeks before",),
    "sales/net_sales_by_department": ("Three quarters of an hour after the ledger",),
    "sales/promoted_sales": ("the two overlap",),
    "sales/transactions": ("Two rules warn of them",),
}
