import dagster as dg


@dg.asset(
    key=["shop", "opening_hours"],
    owners=["team:shop-team"],
    description="Opening hours, for the shop's own use.",
)
def opening_hours() -> None: ...
