with sales as (

    select
        store_id,
        sum(sales_value) as sales_value,
        sum(retail_disc) as loyalty_discount,
        sum(sales_value + retail_disc + coupon_match_disc) as shelf_value
    from {{ source('sales', 'transactions') }}
    group by store_id

),

staff as (

    select
        store_id,
        count(*) as employee_count
    from {{ source('hr', 'store_staffing') }}
    group by store_id

)

select
    stores.store_id,
    stores.trading_pattern,
    stores.basket_count,
    stores.household_count,
    coalesce(sales.sales_value, 0) as sales_value,
    -- Decimals do not divide exactly: shares and averages are floating-point numbers.
    cast(sales.loyalty_discount as double) / nullif(sales.shelf_value, 0) as discount_share,
    cast(coalesce(sales.sales_value, 0) as double) / stores.basket_count as average_basket_value,
    coalesce(staff.employee_count, 0) as employee_count,
    cast(sales.sales_value as double) / staff.employee_count as sales_per_employee
from {{ source('sales', 'stores') }} as stores
left join sales on stores.store_id = sales.store_id
left join staff on stores.store_id = staff.store_id
