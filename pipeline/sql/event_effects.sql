-- One row is a figure that effects of events are told by: the mean of a drug at a site over a week (the frame
-- site_weeks), a month or a quarter, by one protocol, above zero. first_day and last_day are those of the period.
-- Grain: period_kind, period, site_id, drug, protocol.
with

weeks as (
    select
        site_id, drug, protocol, period_kind, period,
        -- Of a week at the turn of years the parts, each by its days.
        sum(mean_mg_per_day_per_1000 * n_days order by sampling_year) / sum(n_days) as mean,
        max(population) as population,
        bool_or(is_provisional) as is_provisional,
        bool_or(is_simulated) as is_simulated
    from site_weeks
    where state = 'estimated'
    group by all
),

figures as (
    select * from weeks
    union all by name
    select
        site_id, drug, protocol, period_kind, period, mean_mg_per_day_per_1000 as mean, population, is_provisional,
        is_simulated
    from site_periods
    where state = 'estimated' and period_kind in ('month', 'quarter')
)

select
    f.* exclude (mean),
    ln(f.mean) as log_mean,
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
where f.mean > 0
order by all
