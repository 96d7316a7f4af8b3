-- One row is a value that two deliveries state for the same site, day and residue: an earlier one and the next later.
-- That it is the same site is our finding, so what was restated is also how a wrong join would show.
with stated as (
    select
        'reported_loads' as table_name, r.site_id, r.residue,
        coalesce(r.sampled_on::varchar, r.sampling_year || ', weekday ' || r.weekday) as occasion,
        r.reported_load_mg_per_day_per_1000 as value, r.qualifier, r.delivery_id
    from reported_loads r
    where r.qualifier <> 'not measured'
    union all
    select
        'results', r.site_id, r.residue,
        concat_ws(' ', r.sampled_on, r.composite_start_at::time, r.laboratory, r.replicate),
        r.concentration_ng_per_l, r.qualifier, r.delivery_id
    from results r
    where r.qualifier <> 'not measured'
    union all
    select 'flows', f.site_id, null, f.sampled_on::varchar, f.flow_m3_per_day, '=', f.delivery_id from flows f
    union all
    select
        'populations', p.site_id, null, concat_ws(' ', p.population_method, 'from', p.valid_from),
        p.population, '=', p.delivery_id
    from populations p
),

ordered as (
    select
        s.*, d.file_name,
        lag(s.value) over before as earlier_value,
        lag(s.qualifier) over before as earlier_qualifier,
        lag(d.file_name) over before as earlier_file
    from stated s join ordered_deliveries d using (delivery_id)
    window before as (
        partition by s.table_name, s.site_id, s.residue, s.occasion order by d.place
    )
)

select
    table_name, site_id, residue, occasion, earlier_value, earlier_qualifier, value, qualifier, earlier_file, file_name,
    not (is_same_value(value, earlier_value) and qualifier = earlier_qualifier) as is_restated
from ordered
where earlier_qualifier is not null
order by table_name, site_id, residue, occasion, file_name
