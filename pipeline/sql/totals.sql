-- One row is the total in doses of one place over $period by $protocol, with the doses of each drug in it: in the order of
-- its list of drugs. Grain: unit_id.
with

figures as (
    select 'site' as level, site_id as unit_id, drug, doses_per_day_per_1000
    from site_periods
    where period = $period and protocol = $protocol
    union all by name
    select level, unit_id, drug, doses_per_day_per_1000
    from area_periods
    where period = $period and protocol = $protocol
),

of_drugs as (
    select t.unit_id, list(f.doses_per_day_per_1000 order by f.drug) as doses_of_drugs_per_day_per_1000
    from dose_totals t
    join figures f on f.level = t.level and f.unit_id = t.unit_id and list_contains(t.drugs, f.drug)
    where t.level = $level and t.period = $period and t.protocol = $protocol
    group by t.unit_id
)

select t.*, coalesce(o.doses_of_drugs_per_day_per_1000, []) as doses_of_drugs_per_day_per_1000
from dose_totals t left join of_drugs o using (unit_id)
where t.level = $level and t.period = $period and t.protocol = $protocol
order by t.doses_per_day_per_1000 desc nulls last, t.unit_id
