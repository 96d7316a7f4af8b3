-- One row is a site with days in $period, of one area or the network ($level, $unit), with what it gives to the mean of $drug
-- by $protocol. Grain: site_id.
with

available as (
    select
        s.*,
        if(p.area_weights = 'population', s.population, 1) as weight,
        s.state = 'estimated' and weight is not null as is_in
    from site_periods s
    join area_of_site a on a.site_id = s.site_id and a.level = $level and a.unit_id = $unit
    join protocols p using (protocol)
    where s.period = $period and s.drug = $drug and s.protocol = $protocol
),

totals as (
    select
        sum(weight order by site_id) filter (where is_in) as weight_of_all,
        sum(weight * mean_mg_per_day_per_1000 order by site_id) filter (where is_in) as amount_of_all
    from available
)

select
    s.site_id,
    c.site_name,
    s.mean_mg_per_day_per_1000,
    s.population,
    s.weight,
    s.is_in,
    if(s.is_in, s.weight / t.weight_of_all, null) as weight_share,
    if(s.is_in, s.weight * s.mean_mg_per_day_per_1000 / nullif(t.amount_of_all, 0), null) as amount_share,
    s.n_days,
    s.n_censored,
    s.at_least_mg_per_day_per_1000,
    s.at_most_mg_per_day_per_1000,
    s.state,
    s.reason
from available s
cross join totals t
left join current_sites c on c.site_id = s.site_id
order by s.site_id
