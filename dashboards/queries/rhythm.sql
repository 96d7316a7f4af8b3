-- One row is a weekday of one drug, by protocol $protocol: how far the mean of that day lies from the mean of its week [%], in
-- the middle of all years of sites in which all seven weekdays were measured, and the ends of their middle half.
-- Grain: drug, weekday.
with

weeks as (
    select drug, site_id, period, by_weekday_mg_per_day_per_1000 as days, list_avg(by_weekday_mg_per_day_per_1000) as mean
    from site_periods
    where protocol = $protocol and period_kind = 'year' and state = 'estimated' and n_weekdays = 7
        -- Of days below limits an amount is assumed, which tells of no weekday.
        and 5 * n_censored <= n_days
),

differences as (
    select drug, site_id, period, unnest(range(1, 8)) as weekday, 100 * (unnest(days) / mean - 1) as difference_percent
    from weeks
    where mean > 0
)

select
    drug, weekday, count(*) as n_years, count(distinct site_id) as n_sites,
    quantile_cont(difference_percent, 0.25) as low_percent,
    quantile_cont(difference_percent, 0.5) as middle_percent,
    quantile_cont(difference_percent, 0.75) as high_percent
from differences
where difference_percent is not null
group by drug, weekday
order by drug, weekday
