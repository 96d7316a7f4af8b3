-- One row is the mean of one drug in one place in one period, by protocol $protocol: in quarters where those of the network say
-- more than its years and reach as far back, else in years. Grain: drug, level, unit_id, period.
with

means as (
    select
        level, unit_id, unit_name, sampling_year, period_kind, period, drug, residue, protocol, basis, state, reason, flags,
        n_sites, n_sites + n_sites_left_out + n_sites_without_days as n_known_sites, n_days, n_censored,
        mean_mg_per_day_per_1000, ci_low_mg_per_day_per_1000, ci_high_mg_per_day_per_1000, at_least_mg_per_day_per_1000,
        at_most_mg_per_day_per_1000, is_provisional
    from area_periods
    where protocol = $protocol and period_kind in ('quarter', 'year')

    union all by name

    select
        'site' as level, site_id as unit_id, null as unit_name, sampling_year, period_kind, period, drug, residue, protocol, basis,
        state, reason, flags, if(state = 'estimated', 1, 0) as n_sites, 1 as n_known_sites, n_days, n_censored,
        mean_mg_per_day_per_1000, ci_low_mg_per_day_per_1000, ci_high_mg_per_day_per_1000, at_least_mg_per_day_per_1000,
        at_most_mg_per_day_per_1000, is_provisional
    from site_periods
    where protocol = $protocol and period_kind in ('quarter', 'year')
),

counted as (
    select
        drug,
        count_if(period_kind = 'quarter') as n_quarters,
        count_if(period_kind = 'year') as n_years,
        count(distinct if(period_kind = 'quarter', sampling_year, null)) as n_years_with_quarters
    from means
    where level = 'network' and state = 'estimated'
    group by drug
)

select m.* exclude (sampling_year, protocol), if(m.basis = 'consumption', f.factor_status, null) as factor_status
from means m
join counted c on c.drug = m.drug
left join protocols p on p.protocol = m.protocol
left join factors f on f.factor_set = p.factor_set and f.drug = m.drug and f.residue = m.residue
where m.period_kind = if(c.n_quarters > c.n_years and c.n_years_with_quarters >= c.n_years, 'quarter', 'year')
order by m.drug, list_position(['network', 'area', 'site'], m.level), m.unit_name, m.unit_id, m.period
