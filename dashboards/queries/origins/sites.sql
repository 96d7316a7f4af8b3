-- One row is a site with its mean of one drug in one period that is drawn, by protocol $protocol, and what it gives to the mean
-- of an area or of the network. Grain: level, unit_id, drug, period, site_id.
with

available as (
    select
        a.level, a.unit_id, s.drug, s.period, s.period_kind, s.site_id, s.mean_mg_per_day_per_1000, s.n_days, s.state, s.reason,
        if(p.area_weights = 'population', s.population, 1) as weight,
        s.state = 'estimated' and weight is not null as is_in
    from site_periods s
    join area_of_site a using (site_id)
    join protocols p using (protocol)
    where s.protocol = $protocol and s.period_kind in ('quarter', 'year')
)

select
    level, unit_id, drug, period_kind, period, site_id, mean_mg_per_day_per_1000, n_days, state, reason,
    if(
        is_in,
        weight / sum(if(is_in, weight, 0)) over (partition by level, unit_id, drug, period),
        null
    ) as weight_share
from available
order by level, unit_id, drug, period, site_id
