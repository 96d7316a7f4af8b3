-- One row is a value that a superseded delivery states differently from the current one: of a result, a flow, a reading of
-- a meter, a number of inhabitants, a reported load, or an attribute of a site or an area.
-- Reads tables only, no views, so that a delivery that is not stored yet can be held against those that are.
-- The frame decided_pairs(one, other) holds the pairs of deliveries whose order a person decided, both ways round.
with standing as (
    select delivery_id, place, received_at, numbering, release from deliveries where not is_withdrawn
),

-- Results.
repeated_results as (
    select site_id, sampled_on, residue
    from results join standing using (delivery_id)
    where qualifier <> 'not measured'
    group by site_id, sampled_on, residue
    having min(delivery_id) <> max(delivery_id)
),
measured as (
    select
        r.delivery_id, r.sheet, r.row_number, r.source_column, r.site_id, r.sampled_on, r.residue, r.laboratory,
        r.replicate, steady_clock(r.composite_start_utc, r.composite_start_at) as start_steady,
        r.concentration_ng_per_l, r.qualifier, lies_below(r.qualifier, r.lod_ng_per_l, r.loq_ng_per_l) as limit_ng_per_l,
        concat_ws(' ', r.sampled_on, r.composite_start_at::time, r.laboratory, r.replicate) as occasion, d.place
    from results r
    join repeated_results using (site_id, sampled_on, residue)
    join standing d using (delivery_id)
    where r.qualifier <> 'not measured'
),
followed as (
    select a as earlier, b as later
    from measured a join measured b using (site_id, sampled_on, residue)
    where b.place > a.place
        and is_same_measurement(
            a.start_steady, b.start_steady, a.laboratory, b.laboratory, a.replicate, b.replicate
        )
),
superseded as (
    select distinct
        earlier.delivery_id as delivery_id, earlier.sheet as sheet, earlier.row_number as row_number,
        earlier.source_column as source_column
    from followed
),
of_results as (
    select
        'results' as table_name, later.site_id as site_id, later.residue as residue, later.occasion as occasion,
        later.delivery_id as delivery_id, later.sheet as sheet, later.row_number as row_number,
        later.source_column as source_column,
        later.qualifier as qualifier, later.concentration_ng_per_l as stated_value, later.limit_ng_per_l as stated_limit,
        earlier.delivery_id as superseded_delivery_id, earlier.qualifier as superseded_qualifier,
        earlier.concentration_ng_per_l as superseded_value, earlier.limit_ng_per_l as superseded_limit
    from followed
    anti join superseded s
        on s.delivery_id = later.delivery_id and s.sheet = later.sheet and s.row_number = later.row_number
        and s.source_column = later.source_column
),

-- All else has a key that every delivery states in full.
readings_of_several as (
    select site_id, read_at
    from flow_readings join standing using (delivery_id)
    group by site_id, read_at
    having min(delivery_id) <> max(delivery_id)
),
attributes_of_sites as (
    unpivot (
        select
            delivery_id, sheet, row_number, source_column, site_id, area_id, time_zone, population_method,
            cigarettes_per_person_per_day::varchar as cigarettes_per_person_per_day, domestic_share::varchar as domestic_share,
            share_aged_15_to_64::varchar as share_aged_15_to_64, sewer_residence_h::varchar as sewer_residence_h,
            sewage_temperature_celsius::varchar as sewage_temperature_celsius
        from sites
    )
    on
        area_id, time_zone, population_method, cigarettes_per_person_per_day, domestic_share, share_aged_15_to_64,
        sewer_residence_h, sewage_temperature_celsius
    into name attribute value stated
),
stated as (
    select
        'flows' as table_name, site_id, null as residue, sampled_on::varchar as occasion, delivery_id, sheet, row_number,
        source_column, '=' as qualifier, flow_m3_per_day as stated_value, null::double as stated_limit, null as stated_text
    from flows
    union all
    select
        'flow_readings', site_id, null, coalesce(read_utc || ' UTC', read_at::varchar), delivery_id, sheet, row_number,
        source_column, '=', flow_m3_per_day, null, null
    from flow_readings join readings_of_several using (site_id, read_at)
    union all
    select
        'populations', site_id, null, concat_ws(' ', population_method, 'from ' || valid_from), delivery_id, sheet,
        row_number, source_column, '=', population, population_rsd, valid_to::varchar
    from populations
    union all
    select
        'reported_loads', site_id, residue, coalesce(sampled_on::varchar, sampling_year || ', weekday ' || weekday),
        delivery_id, sheet, row_number, source_column, qualifier, reported_load_mg_per_day_per_1000,
        reported_load_limit_mg_per_day_per_1000, null
    from reported_loads
    where qualifier <> 'not measured'
    union all
    select 'sites', site_id, null, attribute, delivery_id, sheet, row_number, source_column, '=', null, null, stated
    from attributes_of_sites
    union all
    select
        'areas', area_id, null, 'parent_area_id', delivery_id, sheet, row_number, source_column, '=', null, null,
        parent_area_id
    from areas
    where parent_area_id is not null
),
placed as (
    select s.*, d.place, max(d.place) over same_thing as last_place
    from stated s join standing d using (delivery_id)
    window same_thing as (partition by s.table_name, s.site_id, s.residue, s.occasion)
    qualify min(s.delivery_id) over same_thing <> max(s.delivery_id) over same_thing
),
of_others as (
    select
        n.table_name, n.site_id, n.residue, n.occasion, n.delivery_id, n.sheet, n.row_number, n.source_column,
        n.qualifier, n.stated_value, n.stated_limit,
        s.delivery_id as superseded_delivery_id, s.qualifier as superseded_qualifier, s.stated_value as superseded_value,
        s.stated_limit as superseded_limit, n.stated_text, s.stated_text as superseded_text
    from placed n
    join placed s
        on s.table_name = n.table_name and s.site_id = n.site_id and s.residue is not distinct from n.residue
        and s.occasion = n.occasion
    where n.place = n.last_place and s.place < s.last_place
),

different as (
    select *, null as stated_text, null as superseded_text from of_results
    union all by name
    from of_others
)

select
    c.table_name, c.site_id, c.residue, c.occasion, c.delivery_id, c.sheet, c.row_number, c.source_column,
    c.qualifier, c.stated_value, c.stated_limit, c.stated_text, c.superseded_delivery_id, c.superseded_qualifier,
    c.superseded_value, c.superseded_limit, c.superseded_text,
    case
        when p.one is not null then 'decision'
        when n.numbering = o.numbering and n.release <> o.release then 'edition'
        when n.received_at = o.received_at then 'undecided'
        else 'receipt'
    end as order_basis
from different c
join standing n on n.delivery_id = c.delivery_id
join standing o on o.delivery_id = c.superseded_delivery_id
left join decided_pairs p on p.one = c.delivery_id and p.other = c.superseded_delivery_id
where c.qualifier <> c.superseded_qualifier
    or not is_same_value(c.stated_value, c.superseded_value)
    -- Of what was measured the limit moves no figure.
    or (c.qualifier <> '=' or c.table_name = 'populations') and not is_same_value(c.stated_limit, c.superseded_limit)
    or c.stated_text is distinct from c.superseded_text
