-- One row is an area that holds every site, by protocol $protocol: the network under another name. Grain: unit_id.
with

means as (
    select level, unit_id, drug, period, n_sites, n_days, mean_mg_per_day_per_1000 as mean
    from area_periods
    where protocol = $protocol
)

select a.unit_id
from means a join means n on n.level = 'network' and n.drug = a.drug and n.period = a.period
where a.level = 'area'
group by a.unit_id
having
    bool_and(a.n_sites = n.n_sites and a.n_days = n.n_days and a.mean is not distinct from n.mean)
    and count(*) = (select count(*) from means where level = 'network')
order by a.unit_id
