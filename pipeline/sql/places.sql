-- One row is a place figures are of: a site, an area, or the network of all sites. Grain: level, unit_id.
select level, unit_id, unit_name
from (
    select 'site' as level, site_id as unit_id, site_name as unit_name
    from current_sites
    union all by name
    select distinct level, unit_id, unit_name
    from area_of_site
)
order by list_position(['site', 'area', 'network'], level), unit_id
