-- A line is attributed to a campaign if its household received the campaign, bought on one of its days, and bought
-- a product that one of its coupons takes money off. Several campaigns may claim a line: each gets an equal share.

with days as (

    -- The local day is looked up by hour: converting each line costs twenty times as much.
    select
        hour,
        cast(timezone('America/New_York', timezone('UTC', hour)) as date) as purchased_on
    from (
        select distinct date_trunc('hour', transaction_timestamp) as hour
        from {{ source('sales', 'transactions') }}
    )

),

offers as (

    select distinct
        campaign_id,
        product_id
    from {{ source('marketing', 'coupons') }}

),

claimed as (

    select
        campaigns.campaign_id,
        campaigns.campaign_type,
        lines.basket_id,
        lines.product_id,
        lines.household_id,
        lines.store_id,
        days.purchased_on,
        lines.sales_value,
        lines.coupon_disc
    from {{ source('sales', 'transactions') }} as lines
    inner join days on date_trunc('hour', lines.transaction_timestamp) = days.hour
    inner join {{ source('marketing', 'campaign_targets') }} as targets
        on lines.household_id = targets.household_id
    inner join {{ source('marketing', 'campaigns') }} as campaigns
        on
            targets.campaign_id = campaigns.campaign_id
            and days.purchased_on between campaigns.starts_on and campaigns.ends_on
    inner join offers
        on
            campaigns.campaign_id = offers.campaign_id
            and lines.product_id = offers.product_id

)

select
    campaign_id,
    basket_id,
    product_id,
    household_id,
    store_id,
    purchased_on,
    case
        when coupon_disc > 0 then 'redeemed'
        when campaign_type = 'A' then 'possible'
        else 'offered'
    end as evidence,
    count(*) over line as claim_count,
    sales_value,
    cast(cast(sales_value as decimal(18, 4)) / count(*) over line as decimal(18, 4)) as attributed_sales
from claimed
window line as (partition by basket_id, product_id)
