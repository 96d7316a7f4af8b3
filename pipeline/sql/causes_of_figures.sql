-- One row is a figure that moved and a delivery that can have moved it: one with rows of a site of its place, and of a
-- residue its drug is computed from. Grain: level, unit_id, drug, cause, delivery_id.
-- The frame moved_figures(level, unit_id, drug) holds the figures, causes_now(cause, delivery_id) what differs.
with
-- Where no residue is named all drugs of a site are concerned; where no site is named, those of all sites.
rows_of_deliveries as (
    select delivery_id, site_id, residue from results
    union all select delivery_id, site_id, residue from reported_loads
    union all select delivery_id, site_id, residue from corrections
    union all select delivery_id, site_id, null from flows
    union all select delivery_id, site_id, null from flow_readings
    union all select delivery_id, site_id, null from populations
    union all select delivery_id, site_id, null from sites
    union all select delivery_id, site_id, null from site_decisions
    union all select delivery_id, null, null from areas
),

touched as (
    select distinct
        c.cause, r.delivery_id, r.site_id,
        -- A marker counts the inhabitants that all loads are divided by.
        if(r.residue in (select residue from population_markers), null, r.residue) as residue
    from causes_now c join rows_of_deliveries r using (delivery_id)
),

drugs_behind as (
    select residue, drug from factors
    union
    select r.other_residue, f.drug from residue_ratios r join factors f using (residue)
    union
    select r.residue, f.drug from residue_ratios r join factors f on f.residue = r.other_residue
    union
    select 'methamphetamine', 'amphetamine'  -- what other drugs leave behind is subtracted
),

concerned as (
    select m.level, m.unit_id, m.drug, t.cause, t.delivery_id, t.residue
    from moved_figures m
    join area_of_site a on a.level = m.level and a.unit_id = m.unit_id
    join touched t on t.site_id = a.site_id
    union
    -- Lists of areas name no site: a few deliveries.
    select m.level, m.unit_id, m.drug, t.cause, t.delivery_id, t.residue
    from moved_figures m cross join (from touched where site_id is null) t
)

select distinct level, unit_id, drug, cause, delivery_id
from concerned c
where c.residue is null or exists (from drugs_behind d where d.residue = c.residue and d.drug = c.drug)
order by all
