-- One row is a site with days in $period, of one area or the network ($level, $unit), with what it gives to the mean of $drug
-- by $protocol. Grain: site_id.
select
    s.site_id,
    c.site_name,
    s.mean_mg_per_day_per_1000,
    s.population,
    if(p.area_weights = 'population', s.population, 1) as weight,
    s.state = 'estimated' and weight is not null as is_in,
    if(is_in, weight / sum(weight) filter (where is_in) over (), null) as weight_share,
    if(
        is_in,
        weight * s.mean_mg_per_day_per_1000
        / nullif(sum(weight * s.mean_mg_per_day_per_1000) filter (where is_in) over (), 0),
        null
    ) as amount_share,
    s.n_days,
    s.n_censored,
    s.at_least_mg_per_day_per_1000,
    s.at_most_mg_per_day_per_1000,
    s.state,
    s.reason
from site_periods s
join area_of_site a on a.site_id = s.site_id and a.level = $level and a.unit_id = $unit
join protocols p using (protocol)
left join current_sites c on c.site_id = s.site_id
where s.period = $period and s.drug = $drug and s.protocol = $protocol
order by s.site_id
