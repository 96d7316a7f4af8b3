-- One row is a site with days whose results cannot become loads, for want of its flow or its population.
-- Runs of consecutive days are folded: 2024-03-01..2024-03-07.
with

lacking as (
    select site_id, sampled_on, unnest(['flow', 'population']) as missing, reason
    from loads
    -- What was not measured would be no load with them either.
    where state = 'not estimable' and qualifier <> 'not measured'
),

days as (
    select site_id, missing, sampled_on, count(*) as n_results
    from lacking
    where contains(reason, 'no_' || missing)
    group by site_id, missing, sampled_on
),

runs as (
    select *, sampled_on - row_number() over (partition by site_id, missing order by sampled_on)::integer as run
    from days
),

folded as (
    select
        site_id, missing, min(sampled_on) as first_day, max(sampled_on) as last_day,
        count(*) as n_days, sum(n_results)::bigint as n_results
    from runs
    group by site_id, missing, run
)

select
    site_id,
    missing,
    sum(n_days)::bigint as n_days,
    sum(n_results)::bigint as n_results,
    min(first_day) as first_day,
    max(last_day) as last_day,
    string_agg(
        if(first_day = last_day, first_day::varchar, first_day::varchar || '..' || last_day::varchar), ' '
        order by first_day
    ) as days
from folded
group by site_id, missing
order by site_id, missing
