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
    m.drug, m.level, m.unit_id, m.unit_name, m.period_kind, m.period, m.state, m.reason, m.n_sites,
    m.n_sites + m.n_sites_left_out + m.n_sites_without_days as n_known_sites, m.n_days, m.n_censored,
    m.mean_mg_per_day_per_1000, m.ci_low_mg_per_day_per_1000, m.ci_high_mg_per_day_per_1000, m.basis, m.is_provisional,
    if(m.basis = 'consumption', f.factor_status, null) as factor_status
from periods m
join counted c on c.drug = m.drug
left join protocols p on p.protocol = m.protocol
left join factors f on f.factor_set = p.factor_set and f.drug = m.drug and f.residue = m.residue
where m.period_kind = if(c.n_quarters > c.n_years and c.n_years_with_quarters >= c.n_years, 'quarter', 'year')
order by m.drug, m.level desc, m.unit_name, m.unit_id, m.period
