-- One row is the mean of one drug in the network or an area in one period, by protocol $protocol: in quarters where they
-- say more than the years and reach as far back, else in years. Grain: drug, level, unit_id, period.
with

periods as (
    select *
    from area_periods
    where protocol = $protocol and period_kind in ('quarter', 'year')
),

counted as (
    select
        drug,
        count_if(period_kind = 'quarter') as n_quarters,
        count_if(period_kind = 'year') as n_years,
        count(distinct if(period_kind = 'quarter', sampling_year, null)) as n_years_with_quarters
    from periods
    where level = 'network' and state = 'estimated'
    group by drug
)

select
    p.drug, p.level, p.unit_id, p.unit_name, p.period_kind, p.period, p.state, p.reason, p.n_sites, p.n_days,
    p.n_censored, p.mean_mg_per_day_per_1000, p.basis, p.is_provisional
from periods p join counted c on c.drug = p.drug
where p.period_kind = if(c.n_quarters > c.n_years and c.n_years_with_quarters >= c.n_years, 'quarter', 'year')
order by p.drug, p.level desc, p.unit_name, p.unit_id, p.period
