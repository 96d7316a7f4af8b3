-- One row is the mean of one drug at one place over $period, by one protocol: sites, areas or the network, as $level says.
-- Grain: unit_id, drug, protocol.
with

sites as (
    select
        'site' as level, s.site_id as unit_id, c.site_name as unit_name, s.*,
        (s.state = 'estimated')::bigint as n_sites, (s.state <> 'estimated')::bigint as n_sites_left_out
    from site_periods s left join current_sites c using (site_id)
)

select
    level, unit_id, unit_name, period, drug, residue, protocol, basis, n_sites, n_sites_left_out, n_days, n_censored,
    mean_mg_per_day_per_1000, ci_low_mg_per_day_per_1000, ci_high_mg_per_day_per_1000,
    at_least_mg_per_day_per_1000, at_most_mg_per_day_per_1000,
    doses_per_day_per_1000, ci_low_doses_per_day_per_1000, ci_high_doses_per_day_per_1000,
    population, mass_mg_per_day, ci_low_mg_per_day, ci_high_mg_per_day,
    state, reason, flags, is_provisional, is_simulated
from (select * from sites union all by name select * from area_periods)
where level = $level and period = $period
order by unit_name, unit_id, drug, basis, protocol
