-- One row is a day from which on another laboratory measured a drug's residue at a site, by protocol $protocol.
-- Grain: drug, site_id, changed_on.
with

days as (
    select drug, site_id, sampled_on, laboratory,
        lag(laboratory) over (partition by drug, site_id order by sampled_on) as laboratory_before
    from consumption
    where protocol = $protocol and sampled_on is not null and laboratory is not null
)

select drug, site_id, sampled_on as changed_on, laboratory_before, laboratory
from days
where laboratory != laboratory_before
order by drug, site_id, changed_on
