-- One row is a site within an area, at any depth. Grain: unit_id, site_id.
select unit_id, unit_name, site_id
from area_of_site
where level = 'area'
order by unit_name, unit_id, site_id
