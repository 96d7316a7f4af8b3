-- One row is the mean of one drug at one place over $period, by one protocol: sites, areas or the network, as $level says.
-- Grain: unit_id, drug, protocol.
with

sites as (
    select
        'site' as level, s.site_id as unit_id, c.site_name as unit_name, s.*,
        (s.state = 'estimated')::bigint as n_sites, (s.state <> 'estimated')::bigint as n_sites_left_out,
        0::bigint as n_sites_without_days
    from site_periods s left join current_sites c using (site_id)
)

select
    m.level, m.unit_id, m.unit_name, m.period, m.drug, m.residue, m.protocol, m.basis, m.n_sites, m.n_sites_left_out,
    m.n_sites_without_days, m.n_days, m.n_censored,
    m.mean_mg_per_day_per_1000, m.ci_low_mg_per_day_per_1000, m.ci_high_mg_per_day_per_1000,
    m.at_least_mg_per_day_per_1000, m.at_most_mg_per_day_per_1000,
    m.dose_status, m.doses_per_day_per_1000, m.ci_low_doses_per_day_per_1000, m.ci_high_doses_per_day_per_1000,
    m.population, m.mass_mg_per_day, m.ci_low_mg_per_day, m.ci_high_mg_per_day,
    m.state, m.reason, m.flags, m.is_provisional,
    -- A residue load rests on no factor.
    if(m.basis = 'consumption', f.factor_status, null) as factor_status,
    m.is_simulated
from (select * from sites union all by name select * from area_periods) m
left join protocols p on p.protocol = m.protocol
left join factors f on f.factor_set = p.factor_set and f.drug = m.drug and f.residue = m.residue
where m.level = $level and m.period = $period
order by m.unit_name, m.unit_id, m.drug, m.basis, m.protocol
