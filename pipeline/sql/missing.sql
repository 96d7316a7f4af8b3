-- One row is a site with days whose results cannot become loads, for want of its flow or its population.
-- Runs of consecutive days are folded: 2024-03-01..2024-03-07.
with

lacking as (
    select l.site_id, unnest(['flow', 'population']) as missing, l.reason, r.first_day, r.last_day, l.sampled_on
    from loads l
    left join (
        select site_id, sampled_on, residue, first_day_covered(from_at) as first_day, last_day_covered(to_at) as last_day
        from day_results_of(null)
        where is_multi_day and from_at is not null and to_at is not null
    ) r using (site_id, sampled_on, residue)
    -- What was not measured would be no load with them either.
    where l.state = 'not estimable' and l.qualifier <> 'not measured'
),

days_covered as (
    -- Of a composite of several days the days of which the flow lacks.
    select
        site_id, missing,
        unnest(
            if(
                missing = 'flow' and first_day is not null,
                generate_series(first_day, last_day, interval 1 day), [sampled_on::timestamp]
            )
        )::date as sampled_on
    from lacking
    where contains(reason, 'no_' || missing)
),

days as (
    select d.site_id, d.missing, d.sampled_on, count(*) as n_results
    from days_covered d
    where d.missing <> 'flow'
        or not exists (select 1 from current_flows f where f.site_id = d.site_id and f.sampled_on = d.sampled_on)
    group by d.site_id, d.missing, d.sampled_on
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
