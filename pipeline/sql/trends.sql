-- One row is a point of a series whose trend is asked for: the mean of a drug over one of the periods of $kind, by one
-- protocol, at a site, or in an area over the sites that have a mean in all of its periods (the frame `panel_means`).
-- A period of a site that is known by its limits alone lies below the most that these allow.
-- Grain: level, unit_id, drug, protocol, period.
select
    'site' as level,
    s.site_id as unit_id,
    coalesce(c.site_name, s.site_id) as unit_name,
    s.drug,
    s.residue,
    s.protocol,
    s.basis,
    s.period,
    s.state <> 'estimated' as is_censored,
    if(s.state = 'estimated', s.mean_mg_per_day_per_1000, s.at_most_mg_per_day_per_1000) as value,
    1 as n_sites,
    s.is_provisional,
    s.is_simulated
from site_periods s
left join current_sites c using (site_id)
where s.period_kind = $kind
    and (
        s.state = 'estimated'
        or (s.at_most_mg_per_day_per_1000 > 0 and s.reason in ('mostly_below_limit', 'too_few_detects'))
    )
union all by name
select
    level, unit_id, unit_name, drug, residue, protocol, basis, period, false as is_censored,
    mean_mg_per_day_per_1000 as value, n_sites, is_provisional, is_simulated
from panel_means
where state = 'estimated'
