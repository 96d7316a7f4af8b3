-- What is believed now: of each record the one from the latest delivery. Nothing is deleted, so what was believed
-- before can be had again. Deliveries received at the same moment are ordered by their content, never by their names.

create or replace temp view current_areas as
select
    a.area_id,
    last(a.area_name order by d.received_at, d.delivery_id) filter (where a.area_name is not null) as area_name,
    last(a.parent_area_id order by d.received_at, d.delivery_id) filter (where a.parent_area_id is not null)
        as parent_area_id
from areas a join deliveries d using (delivery_id)
group by a.area_id;

create or replace temp view current_sites as
select
    s.site_id,
    last(s.site_name order by d.received_at, d.delivery_id) filter (where s.site_name is not null) as site_name,
    last(s.area_id order by d.received_at, d.delivery_id) filter (where s.area_id is not null) as area_id,
    last(s.latitude order by d.received_at, d.delivery_id) filter (where s.latitude is not null) as latitude,
    last(s.longitude order by d.received_at, d.delivery_id) filter (where s.longitude is not null) as longitude,
    bool_or(s.is_simulated) as is_simulated
from sites s join deliveries d using (delivery_id)
group by s.site_id;

create or replace temp view current_populations as
select p.*
from populations p join deliveries d using (delivery_id)
qualify row_number() over (
    partition by p.site_id, p.population_method, p.valid_from order by d.received_at desc, d.delivery_id desc
) = 1;

create or replace temp view current_flows as
select f.*
from flows f join deliveries d using (delivery_id)
qualify row_number() over (
    partition by f.sampling_year, f.site_id, f.sampled_on order by d.received_at desc, d.delivery_id desc
) = 1;

create or replace temp view current_results as
select r.*
from results r join deliveries d using (delivery_id)
qualify row_number() over (
    -- That somebody did not measure it takes nothing away from somebody who did.
    partition by r.sampling_year, r.site_id, r.sampled_on, r.residue
    order by r.qualifier = 'not measured', d.received_at desc, d.delivery_id desc
) = 1;

create or replace temp view current_reported_loads as
select r.*
from reported_loads r join deliveries d using (delivery_id)
qualify row_number() over (
    partition by r.sampling_year, r.site_id, r.sampled_on, r.weekday, r.residue
    order by r.qualifier = 'not measured', d.received_at desc, d.delivery_id desc
) = 1;
-- One row is a site in a place: in its area, in each area above that one, and in the network of all sites.
create or replace temp view area_of_site as
with recursive above as (
    select site_id, area_id, 1 as depth from current_sites where area_id is not null
    union -- not union all: a tree that runs in a circle ends
    select b.site_id, a.parent_area_id, b.depth + 1
    from above b join current_areas a on a.area_id = b.area_id
    where a.parent_area_id is not null and b.depth < 20
)
select distinct 'area' as level, b.area_id as unit_id, coalesce(a.area_name, b.area_id) as unit_name, b.site_id
from above b left join current_areas a on a.area_id = b.area_id
union all
select 'network' as level, 'network' as unit_id, 'All sites' as unit_name, site_id from current_sites;
