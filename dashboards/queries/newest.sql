-- One row is the newest sample of one drug behind the figures of one place, by protocol $protocol. Days that are not known are
-- told by their year. Grain: level, unit_id, drug.
with

of_sites as (
    select site_id, drug, max(sampled_on) as newest_sample, max(sampling_year) as newest_year
    from consumption
    where protocol = $protocol
    group by site_id, drug
),

of_places as (
    select 'site' as level, site_id as unit_id, drug, newest_sample, newest_year from of_sites
    union all
    select a.level, a.unit_id, s.drug, s.newest_sample, s.newest_year
    from of_sites s join area_of_site a using (site_id)
)

select level, unit_id, drug, max(newest_sample) as newest_sample, max(newest_year) as newest_year
from of_places
group by level, unit_id, drug
order by level, unit_id, drug
