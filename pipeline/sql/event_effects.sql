-- One row is a figure that effects of events are told by: the mean of a drug at a site over a week (the frame
-- site_weeks), a month or a quarter, by each of $protocols; without a logarithm where it is zero, or known to lie below limits.
-- first_day and last_day are those of the period.
-- Grain: period_kind, period, site_id, drug, protocol.
with

parts as (
    select
        site_id, drug, protocol, sampling_year, period_kind, period, state, reason, mean_mg_per_day_per_1000, n_days,
        population, is_provisional, is_simulated
    from site_weeks
    union all by name
    select
        site_id, drug, protocol, sampling_year, period_kind, period, state, reason, mean_mg_per_day_per_1000, n_days,
        population, is_provisional, is_simulated
    from site_periods
    where protocol in (select unnest($protocols::varchar[])) and period_kind in ('month', 'quarter')
),

figures as (
    select
        site_id, drug, protocol, period_kind, period,
        -- Of a week at the turn of years the parts, each by its days.
        sum(mean_mg_per_day_per_1000 * n_days order by sampling_year) filter (where state = 'estimated')
            / sum(n_days) filter (where state = 'estimated') as mean,
        max(population) as population,
        bool_or(is_provisional) as is_provisional,
        bool_or(is_simulated) as is_simulated
    from parts
    where state = 'estimated' or reason in ('mostly_below_limit', 'too_few_detects')
    group by all
)

select
    f.* exclude (mean),
    ln(nullif(f.mean, 0)) as log_mean,
    case f.period_kind
        when 'week' then f.period::date
        when 'month' then (f.period || '-01')::date
        else make_date(left(f.period, 4)::integer, 3 * right(f.period, 1)::integer - 2, 1)
    end as first_day,
    case f.period_kind
        when 'week' then first_day + 6
        when 'month' then last_day(first_day)
        else last_day((first_day + interval 2 months)::date)
    end as last_day,
    -- Periods of a kind, counted from anywhere.
    case f.period_kind
        when 'week' then date_diff('day', date '1990-01-01', first_day) // 7
        when 'month' then 12 * year(first_day) + month(first_day)
        else 4 * year(first_day) + quarter(first_day)
    end as number,
    p.area_weights = 'population' as is_weighed
from figures f join protocols p using (protocol)
order by all
