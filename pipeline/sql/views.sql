-- The current version of each record: that of the delivery whose place in the order is the highest. Nothing is deleted, so
-- earlier versions can be had again. How the order comes about says pipeline/precedence.py.

-- Deliveries that count; those a person withdrew do not.
create or replace temp view ordered_deliveries as
from deliveries where not is_withdrawn;

-- The values that are current only because of two deliveries that came in together one had to be: no person has decided.
create or replace temp view undecided_rows as
select distinct table_name, delivery_id, sheet, row_number, source_column
from contradictions
where order_basis = 'undecided';

create or replace temp view current_areas as
select
    a.area_id,
    last(a.area_name order by d.place) filter (where a.area_name is not null) as area_name,
    last(a.parent_area_id order by d.place) filter (where a.parent_area_id is not null)
        as parent_area_id
from areas a join ordered_deliveries d using (delivery_id)
group by a.area_id;

create or replace temp view current_sites as
select
    s.site_id,
    last(s.site_name order by d.place) filter (where s.site_name is not null) as site_name,
    last(s.area_id order by d.place) filter (where s.area_id is not null) as area_id,
    last(s.latitude order by d.place) filter (where s.latitude is not null) as latitude,
    last(s.longitude order by d.place) filter (where s.longitude is not null) as longitude,
    last(s.time_zone order by d.place) filter (where s.time_zone is not null) as time_zone,
    last(s.population_method order by d.place) filter (where s.population_method is not null) as population_method,
    last(s.cigarettes_per_person_per_day order by d.place) filter (where s.cigarettes_per_person_per_day is not null)
        as cigarettes_per_person_per_day,
    last(s.domestic_share order by d.place) filter (where s.domestic_share is not null) as domestic_share,
    last(s.share_aged_15_to_64 order by d.place) filter (where s.share_aged_15_to_64 is not null) as share_aged_15_to_64,
    last(s.sewer_residence_h order by d.place) filter (where s.sewer_residence_h is not null) as sewer_residence_h,
    last(s.sewage_temperature_celsius order by d.place) filter (where s.sewage_temperature_celsius is not null)
        as sewage_temperature_celsius,
    bool_or(s.is_simulated) as is_simulated
from sites s join ordered_deliveries d using (delivery_id)
group by s.site_id;

create or replace temp view current_populations as
select p.*, if(u.delivery_id is not null, 'order_undecided', null) as flags
from populations p
join ordered_deliveries d using (delivery_id)
left join (from undecided_rows where table_name = 'populations') u
    on u.delivery_id = p.delivery_id and u.sheet = p.sheet and u.row_number = p.row_number
    and u.source_column = p.source_column
qualify row_number() over (
    partition by p.site_id, p.population_method, p.valid_from order by d.place desc
) = 1;

-- Who is who, as persons decided it: of the same number, name and time the latest.
create or replace temp view current_site_decisions as
select s.*, d.place
from site_decisions s join ordered_deliveries d using (delivery_id)
qualify row_number() over (
    partition by s.numbering, s.release, s.site_code, s.site_label, s.valid_from
    order by s.decided_on desc, d.place desc
) = 1;

-- Decisions by which nothing was decided: perhaps they are mistyped, or another one says the same more exactly.
create or replace temp view idle_site_decisions as
select s.* exclude (place)
from current_site_decisions s
where not exists (
    select 1 from site_aliases a
    where a.alias_basis = 'decided' and a.site_code = s.site_code and a.site_id = s.site_id
        and a.numbering is not distinct from s.numbering and a.decided_on = s.decided_on
        and a.valid_from is not distinct from s.valid_from
);

-- What happened or was done, as the latest delivery that names it says it.
create or replace temp view current_events as
select e.*
from events e join ordered_deliveries d using (delivery_id)
qualify d.place = max(d.place) over (partition by e.event_id);

-- An analyst's corrections: of the same value the latest.
create or replace temp view current_corrections as
with made as (
    select
        c.*, row_number() over (order by c.corrected_on, d.place, c.sheet, c.row_number) as turn
    from corrections c join ordered_deliveries d using (delivery_id)
)
select c.* exclude (turn)
from made c
where not exists (
    select 1
    from made later
    where later.turn > c.turn and later.site_id = c.site_id and later.sampled_on = c.sampled_on
        and later.residue is not distinct from c.residue and (later.corrected = 'flow') = (c.corrected = 'flow')
        and is_same_value(later.value_from, c.value_from)
);

create or replace temp view delivered_flows as
select f.*
from flows f join ordered_deliveries d using (delivery_id)
qualify row_number() over (
    partition by f.sampling_year, f.site_id, f.sampled_on order by d.place desc
) = 1;

-- One row is a site, a day and a residue (null: the flow) with all its corrections. Rows are joined to it by equality and then
-- find their value in the list: a left join with a condition on the value compares every row with every correction.
create or replace temp view corrections_of_days as
select
    site_id, sampled_on, residue,
    list({'corrected': corrected, 'value_from': value_from, 'value_to': value_to}) as corrections
from current_corrections
group by site_id, sampled_on, residue;

-- A correction holds for the value it names and for no other: a later delivery that says something else ends it.
create or replace temp view current_flows as
select
    * exclude (c, is_undecided) replace (coalesce(c.value_to, flow_m3_per_day) as flow_m3_per_day),
    joined_flags(concat_ws(
        ' ', if(c.value_to is not null, 'corrected', null), if(is_undecided, 'order_undecided', null)
    )) as flags
from (
    select
        f.*, [each for each in d.corrections if is_same_value(each.value_from, f.flow_m3_per_day)][1] as c,
        u.delivery_id is not null as is_undecided
    from delivered_flows f
    left join (from corrections_of_days where residue is null) d on d.site_id = f.site_id and d.sampled_on = f.sampled_on
    left join (from undecided_rows where table_name = 'flows') u
        on u.delivery_id = f.delivery_id and u.sheet = f.sheet and u.row_number = f.row_number
        and u.source_column = f.source_column
);

-- Of readings of the same moment those of the latest delivery; and where a later delivery has readings that follow each
-- other, what earlier ones have between these is superseded, or two states of one series would be mixed.
create or replace temp view current_flow_readings as
with read as (
    select f.*, steady_clock(f.read_utc, f.read_at) as read_steady, read_steady::date as day, d.place
    from flow_readings f join ordered_deliveries d using (delivery_id)
),
repeated as (
    select site_id, day from read group by site_id, day having min(delivery_id) <> max(delivery_id)
),
spans as (
    select
        r.site_id, r.place, r.read_steady as from_steady,
        lead(r.read_steady) over (partition by r.site_id, r.place order by r.read_steady) as to_steady
    from read r
    where r.site_id in (select site_id from repeated)
),
later as (
    select distinct s.site_id, s.place, s.from_steady, s.to_steady, unnest([s.from_steady::date, s.to_steady::date]) as day
    from spans s
    where follows_within_an_hour(s.from_steady, s.to_steady)
)
select r.* exclude (day, place), if(u.delivery_id is not null, 'order_undecided', null) as flags
from read r
left join (from undecided_rows where table_name = 'flow_readings') u
    on u.delivery_id = r.delivery_id and u.sheet = r.sheet and u.row_number = r.row_number
    and u.source_column = r.source_column
where not exists (
    select 1
    from later s
    where s.site_id = r.site_id and s.day = r.day and s.place > r.place
        and s.from_steady < r.read_steady and r.read_steady < s.to_steady
)
qualify row_number() over (partition by r.sampling_year, r.site_id, r.read_steady order by r.place desc) = 1;

-- One row is what lies between two readings of a meter that follow each other within an hour: over a longer gap nobody
-- knows what flowed.
create or replace temp view flow_segments as
select
    site_id,
    lag(read_steady) over before as from_steady,
    read_steady as to_steady,
    lag(flow_m3_per_day) over before as flow_before_m3_per_day,
    flow_m3_per_day as flow_after_m3_per_day,
    coalesce(flags, lag(flags) over before) as flags,
    is_simulated
from current_flow_readings
window before as (partition by site_id order by read_steady)
qualify from_steady is not null and follows_within_an_hour(from_steady, to_steady);

-- Results of deliveries that count.
create or replace temp view standing_results as
from results where delivery_id not in (select delivery_id from deliveries where is_withdrawn);

-- Nearly all days have one measurement of a residue, of which there is nothing to compare or to sum up: those are told apart
-- first. By a number for the day in place of its texts: where two days share a number both are taken to have several, which
-- changes nothing but the way they are computed. Parameter: the year, null for all.
create or replace temp macro days_with_several(of_year) as table
select hash(sampling_year, site_id, sampled_on, residue) as day_number
from standing_results
where of_year is null or sampling_year = of_year
group by day_number
having count(*) > 1;

-- Several samples of a day and several measurements of a sample stand beside each other. A later delivery supersedes what
-- has the same start, laboratory and replicate; where one of the two does not say, it is taken to be the same.
-- Parameters: the year, null for all; of the days 'all', those with 'one' measurement or those with 'several'.
create or replace temp macro delivered_results_of(of_year, part) as table
with asked as (
    select r.*
    from standing_results r
    where part <> 'one' and (of_year is null or r.sampling_year = of_year)
        and hash(r.sampling_year, r.site_id, r.sampled_on, r.residue) in (select day_number from days_with_several(of_year))
),
delivered as (
    select
        r.*, d.place,
        min(r.delivery_id) over same_day <> max(r.delivery_id) over same_day as is_repeated
    from asked r join ordered_deliveries d using (delivery_id)
    window same_day as (partition by r.sampling_year, r.site_id, r.sampled_on, r.residue)
)
select a.* exclude (place, is_repeated)
from delivered a
where not a.is_repeated or not exists (
    select 1
    from delivered b
    where b.is_repeated
        and b.sampling_year = a.sampling_year and b.site_id = a.site_id and b.sampled_on = a.sampled_on
        and b.residue = a.residue and b.delivery_id <> a.delivery_id
        and is_same_measurement(
            steady_clock(b.composite_start_utc, b.composite_start_at),
            steady_clock(a.composite_start_utc, a.composite_start_at),
            b.laboratory, a.laboratory, b.replicate, a.replicate
        )
        -- That somebody did not measure it takes nothing away from somebody who did.
        and (b.qualifier <> 'not measured') >= (a.qualifier <> 'not measured')
        and (
            (b.qualifier <> 'not measured') > (a.qualifier <> 'not measured')
            or b.place > a.place
        )
)
union all
select r.*
from standing_results r
where part <> 'several' and (of_year is null or r.sampling_year = of_year)
    and hash(r.sampling_year, r.site_id, r.sampled_on, r.residue) not in (select day_number from days_with_several(of_year));

-- What the control samples of a batch say of its results. Of several deliveries all count: a bad blank stays a bad blank.
create or replace temp view batch_flags as
select
    laboratory, batch, residue,
    joined_flags(string_agg(distinct case
        when control = 'blank' and control_value > control_limit then 'blank_above_loq'
        when control = 'spike' and (control_value < 70 or control_value > 120) then 'spike_recovery'
        when control = 'proficiency' and abs(control_value) >= 3 then 'z_unsatisfactory'
        when control = 'proficiency' and abs(control_value) > 2 then 'z_questionable'
    end, ' ')) as flags
from quality_controls join ordered_deliveries using (delivery_id)
group by laboratory, batch, residue;

-- Parameters as of delivered_results_of.
create or replace temp macro current_results_of(of_year, part) as table
with corrected as (
    select
        r.*,
        [
            each for each in d.corrections
            if is_same_value(each.value_from, r.concentration_ng_per_l)
            and (each.value_from is not null or r.qualifier <> 'not measured')
        ][1] as c
    from delivered_results_of(of_year, part) r
    left join corrections_of_days d on d.site_id = r.site_id and d.sampled_on = r.sampled_on and d.residue = r.residue
)
select
    r.* exclude (c) replace (
        case
            when c.corrected = 'concentration' then c.value_to
            when c.corrected = 'withdrawn' then null
            else r.concentration_ng_per_l
        end as concentration_ng_per_l,
        case
            when c.corrected = 'concentration' then '='
            when c.corrected = 'withdrawn' then 'not measured'
            else r.qualifier
        end as qualifier,
        joined_flags(concat_ws(
            ' ', r.flags, q.flags, a.flags, if(c.corrected is not null, 'corrected', null),
            if(u.delivery_id is not null, 'order_undecided', null)
        )) as flags
    )
from corrected r
-- Of batches with a flag only: there are few.
left join (from batch_flags where flags is not null and residue is not null) q
    on q.laboratory = r.laboratory and q.batch = r.batch and q.residue = r.residue
left join (from batch_flags where flags is not null and residue is null) a
    on a.laboratory = r.laboratory and a.batch = r.batch
left join (from undecided_rows where table_name = 'results') u
    on u.delivery_id = r.delivery_id and u.sheet = r.sheet and u.row_number = r.row_number
    and u.source_column = r.source_column;

-- Corrections of values that nobody believes any more, or that were never delivered: they change nothing.
create or replace temp macro stale_corrections() as table
select c.*
from current_corrections c
where c.residue is not null and not exists (
    select 1
    from delivered_results_of(null, 'all') r
    where r.site_id = c.site_id and r.sampled_on = c.sampled_on and r.residue = c.residue
        and is_same_value(c.value_from, r.concentration_ng_per_l)
        and (c.value_from is not null or r.qualifier <> 'not measured')
)
union all
select c.*
from current_corrections c
where c.residue is null and not exists (
    select 1
    from delivered_flows f
    where f.site_id = c.site_id and f.sampled_on = c.sampled_on and is_same_value(c.value_from, f.flow_m3_per_day)
);

-- One row is one residue at one site on one day: all its measurements, of which each counts alike. Where at least half
-- were measured it is their mean, those below a limit with half of it; else it lies below the largest of the figures.
-- Parameters as of delivered_results_of. Who asks for one day takes (null, 'all'): only the rows of that day are read then.
create or replace temp macro summed_up_days(of_year, part) as table
with measured as (
    select
        *,
        lies_below(qualifier, lod_ng_per_l, loq_ng_per_l) as limit_ng_per_l,
        -- Nothing of what was not measured, or lies above a range.
        if(qualifier = '=', concentration_ng_per_l, limit_ng_per_l / 2) as counted_ng_per_l,
        steady_clock(composite_start_utc, composite_start_at) as start_steady,
        steady_clock(composite_end_utc, composite_end_at) as end_steady,
        hours_between(start_steady, end_steady) as hours
    from current_results_of(of_year, part)
),
together as (
    select
        sampling_year, site_id, sampled_on, residue,
        count(*) as n_all,
        count_if(qualifier <> 'not measured') as n_measurements,
        count_if(qualifier = '=') as n_measured,
        count_if(qualifier = '>ULOQ') as n_above,
        count_if(qualifier in ('<LOD', '<LOQ')) as n_below,
        count_if(qualifier = '<LOD') as n_below_lod,
        count_if(qualifier in ('<LOD', '<LOQ') and limit_ng_per_l is null) as n_without_limit,
        avg(counted_ng_per_l order by counted_ng_per_l) as mean_ng_per_l,
        max(concentration_ng_per_l) filter (where qualifier in ('=', '>ULOQ')) as highest_ng_per_l,
        max(limit_ng_per_l) as highest_limit_ng_per_l,
        stddev_samp(concentration_ng_per_l order by concentration_ng_per_l) filter (where qualifier = '=')
            / nullif(avg(concentration_ng_per_l order by concentration_ng_per_l) filter (where qualifier = '='), 0)
            as replicate_rsd,
        -- Of several samples of a day no window is that of their mean.
        count(distinct (start_steady, end_steady)) filter (where qualifier <> 'not measured') = 1 as is_one,
        if(is_one, min(composite_start_at) filter (where qualifier <> 'not measured'), null) as from_at,
        if(is_one, max(composite_end_at) filter (where qualifier <> 'not measured'), null) as to_at,
        if(is_one, min(start_steady) filter (where qualifier <> 'not measured'), null) as from_steady,
        if(is_one, max(end_steady) filter (where qualifier <> 'not measured'), null) as to_steady,
        min(time_zone) as time_zone,
        -- Of several laboratories each beside its batch.
        list_sort(list(distinct {'laboratory': laboratory, 'batch': batch}) filter (
            where qualifier <> 'not measured' and laboratory is not null
        )) as pairs,
        count(distinct laboratory) filter (where qualifier <> 'not measured') > 1 as is_of_several,
        string_agg(distinct batch, ' + ' order by batch) filter (where qualifier <> 'not measured') as batches,
        -- Also where several samples do not cover the same hours: no single day's flow is that of theirs.
        coalesce(bool_or(hours > 30 and qualifier <> 'not measured'), false) as is_multi_day,
        string_agg(flags, ' ') as all_flags,
        concat_ws(
            ' ',
            if(bool_or(sample_type = 'grab'), 'grab_sample', null),
            if(bool_or(hours < 20), 'short_composite', null),
            if(bool_or(hours > 30), 'multi_day_composite', null),
            if(count(distinct start_steady) > 1, 'several_samples', null),
            if(count(distinct laboratory) > 1, 'several_laboratories', null)
        ) as day_flags,
        -- The first of the rows it comes from; all of them are in current_results_of.
        min_by(
            {'delivery_id': delivery_id, 'sheet': sheet, 'row_number': row_number, 'source_column': source_column,
             'source_cell': source_cell},
            (qualifier = 'not measured', coalesce(start_steady, sampled_on), delivery_id, sheet, row_number,
             source_column)
        ) as origin,
        bool_or(is_simulated) as is_simulated
    from measured
    group by sampling_year, site_id, sampled_on, residue
)
select
    sampling_year, site_id, sampled_on, residue,
    case
        when n_measurements = 0 then 'not measured'
        when n_above > 0 then '>ULOQ'
        when n_measured > 0 and 2 * n_measured >= n_measurements and n_without_limit = 0 then '='
        when n_below_lod = n_measurements then '<LOD'
        else '<LOQ'
    end as qualifier,
    case qualifier
        when '=' then mean_ng_per_l
        when '>ULOQ' then highest_ng_per_l
    end as concentration_ng_per_l,
    if(qualifier in ('<LOD', '<LOQ') and n_without_limit = 0, greatest(highest_limit_ng_per_l, highest_ng_per_l), null)
        as limit_ng_per_l,
    n_measurements,
    replicate_rsd,
    from_at,
    to_at,
    from_steady,
    to_steady,
    time_zone,
    is_multi_day,
    if(is_of_several, array_to_string([pair.laboratory for pair in pairs], ' + '), pairs[1].laboratory) as laboratory,
    if(is_of_several, array_to_string([coalesce(pair.batch, '') for pair in pairs], ' + '), batches) as batch,
    joined_flags(concat_ws(' ', all_flags, day_flags, if(qualifier = '=' and n_below > 0, 'partly_below_limit', null)))
        as flags,
    origin.delivery_id, origin.sheet, origin.row_number, origin.source_column, origin.source_cell,
    is_simulated
from together;

-- The same of the days of a year (null: of all), where a day with one measurement is that measurement: see days_with_several.
create or replace temp macro day_results_of(of_year) as table
with measured as (
    select
        *,
        qualifier <> 'not measured' as is_measured,
        steady_clock(composite_start_utc, composite_start_at) as start_steady,
        steady_clock(composite_end_utc, composite_end_at) as end_steady,
        hours_between(start_steady, end_steady) as hours,
        coalesce(hours > 30, false) as is_long
    from current_results_of(of_year, 'one')
)
select
    sampling_year, site_id, sampled_on, residue,
    qualifier,
    if(qualifier in ('=', '>ULOQ'), concentration_ng_per_l, null) as concentration_ng_per_l,
    lies_below(qualifier, lod_ng_per_l, loq_ng_per_l) as limit_ng_per_l,
    is_measured::bigint as n_measurements,
    null as replicate_rsd,
    if(is_measured, composite_start_at, null) as from_at,
    if(is_measured, composite_end_at, null) as to_at,
    if(is_measured, start_steady, null) as from_steady,
    if(is_measured, end_steady, null) as to_steady,
    time_zone,
    is_measured and is_long as is_multi_day,
    if(is_measured, laboratory, null) as laboratory,
    if(is_measured, batch, null) as batch,
    if(
        sample_type = 'grab' or hours < 20 or is_long,
        joined_flags(
            concat_ws(
                ' ',
                flags,
                if(sample_type = 'grab', 'grab_sample', null),
                if(hours < 20, 'short_composite', null),
                if(is_long, 'multi_day_composite', null)
            )
        ),
        flags
    ) as flags,
    delivery_id, sheet, row_number, source_column, source_cell,
    is_simulated
from measured
union all by name
from summed_up_days(of_year, 'several');

create or replace temp view current_reported_loads as
select
    r.* replace (
        joined_flags(concat_ws(' ', r.flags, if(u.delivery_id is not null, 'order_undecided', null))) as flags
    )
from reported_loads r
join ordered_deliveries d using (delivery_id)
left join (from undecided_rows where table_name = 'reported_loads') u
    on u.delivery_id = r.delivery_id and u.sheet = r.sheet and u.row_number = r.row_number
    and u.source_column = r.source_column
qualify row_number() over (
    partition by r.sampling_year, r.site_id, r.sampled_on, r.weekday, r.residue
    order by r.qualifier = 'not measured', d.place desc
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

-- One row is one residue at one site on one day of a year, with the flow of its sample where there is one. For loads, and of
-- markers only for populations: both divide by the same flow. Parameters: the year, the setting flow_fill, markers only.
create or replace temp macro results_with_flow(of_year, fill, is_of_markers) as table
with

-- Not kept: what is looked for beside it needs a few columns of it only, and of most networks no row.
measured as not materialized (
    select
        *,
        qualifier in ('<LOD', '<LOQ') as is_censored,
        to_steady > from_steady as has_window,
        hours_between(from_steady, to_steady) as composite_hours
    from day_results_of(of_year)
    where (not is_of_markers or residue in (select residue from population_markers))
),

-- The day itself: of 23 or 25 hours where the clocks are changed on it. Told only where a meter was read.
days as (
    select
        site_id, sampled_on, time_zone,
        steady_of(sampled_on::timestamp, time_zone) as from_steady,
        steady_of(sampled_on::timestamp + interval 1 day, time_zone) as to_steady
    from (
        select distinct site_id, sampled_on, time_zone
        from measured
        where site_id in (select site_id from flow_readings)
    )
),

-- What is looked for in the readings of flow meters: the window of the composite, and the day itself.
windows as (
    select distinct site_id, from_steady, to_steady
    from measured
    where has_window and site_id in (select site_id from flow_readings)
    union
    select site_id, from_steady, to_steady from days
),

-- The flow of a window by integrating between readings; where readings lack, there is none.
flow_of_window as (
    select
        w.site_id, w.from_steady, w.to_steady,
        sum(
            flowed_m3(
                flow_between(s.flow_before_m3_per_day, s.flow_after_m3_per_day, epoch(s.begins - s.from_steady) / s.seconds),
                flow_between(s.flow_before_m3_per_day, s.flow_after_m3_per_day, epoch(s.ends - s.from_steady) / s.seconds),
                epoch(s.ends - s.begins)
            )
            order by s.from_steady
        ) * 86400 / epoch(w.to_steady - w.from_steady) as flow_m3_per_day,
        max(s.flags) as flags,
        bool_or(s.is_simulated) as is_simulated
    from (
        select
            *,
            unnest(generate_series(from_steady::date, (to_steady + interval 1 hour)::date, interval 1 day))::date as day
        from windows
    ) w
    join (select *, epoch(to_steady - from_steady) as seconds, to_steady::date as day from flow_segments) g
        on g.site_id = w.site_id and g.day = w.day and g.from_steady < w.to_steady and g.to_steady > w.from_steady,
    lateral (
        select g.from_steady, g.seconds, g.flow_before_m3_per_day, g.flow_after_m3_per_day, g.flags, g.is_simulated,
            greatest(g.from_steady, w.from_steady) as begins, least(g.to_steady, w.to_steady) as ends
    ) s
    group by w.site_id, w.from_steady, w.to_steady
    having sum(epoch(s.ends - s.begins)) >= 0.999 * epoch(w.to_steady - w.from_steady) and flow_m3_per_day > 0
),

-- A composite of several days has the mean flow of the days it covers at least half of, if all of them have one.
flow_of_days as (
    select
        w.site_id, w.from_at, w.to_at, avg(f.flow_m3_per_day order by f.sampled_on) as flow_m3_per_day,
        string_agg(f.flags, ' ') as flags, bool_or(f.is_simulated) as is_simulated
    from (select distinct site_id, from_at, to_at from measured where is_multi_day and has_window) w
    join current_flows f
        on f.site_id = w.site_id
        and f.sampled_on between first_day_covered(w.from_at) and last_day_covered(w.to_at)
    group by w.site_id, w.from_at, w.to_at
    having count(*) = last_day_covered(w.to_at) - first_day_covered(w.from_at) + 1
),

-- Where the settings say so, the median of the same weekday in the month, of at least two, stands in.
flow_filled as (
    select
        d.site_id, d.sampled_on, median(f.flow_m3_per_day) as flow_m3_per_day,
        string_agg(f.flags, ' ') as flags, bool_or(f.is_simulated) as is_simulated
    from (select distinct site_id, sampled_on from measured) d
    join current_flows f
        on f.site_id = d.site_id and isodow(f.sampled_on) = isodow(d.sampled_on)
        and date_trunc('month', f.sampled_on) = date_trunc('month', d.sampled_on)
    where fill = 'weekday-median'
    group by d.site_id, d.sampled_on
    having count(*) >= 2
),

flow_of_readings as (
    select d.site_id, d.sampled_on, d.time_zone, w.flow_m3_per_day, w.flags, w.is_simulated
    from days d join flow_of_window w using (site_id, from_steady, to_steady)
)

select
    m.*,
    case
        when w.flow_m3_per_day is not null then 'window'
        when m.is_multi_day and s.flow_m3_per_day is not null then 'days'
        when not m.is_multi_day and d.flow_m3_per_day is not null then 'day'
        when not m.is_multi_day and r.flow_m3_per_day is not null then 'readings of the day'
        when not m.is_multi_day and i.flow_m3_per_day is not null then 'filled'
    end as flow_basis,
    case flow_basis
        when 'window' then w.flow_m3_per_day
        when 'days' then s.flow_m3_per_day
        when 'day' then d.flow_m3_per_day
        when 'readings of the day' then r.flow_m3_per_day
        when 'filled' then i.flow_m3_per_day
    end as flow_m3_per_day,
    case flow_basis
        when 'window' then w.flags
        when 'days' then s.flags
        when 'day' then d.flags
        when 'readings of the day' then r.flags
        when 'filled' then i.flags
    end as flow_flags,
    case flow_basis
        when 'window' then w.is_simulated
        when 'days' then s.is_simulated
        when 'day' then d.is_simulated
        when 'readings of the day' then r.is_simulated
        when 'filled' then i.is_simulated
    end as is_flow_simulated
from measured m
left join flow_of_window w on w.site_id = m.site_id and w.from_steady = m.from_steady and w.to_steady = m.to_steady
left join flow_of_days s on s.site_id = m.site_id and s.from_at = m.from_at and s.to_at = m.to_at
left join current_flows d on d.site_id = m.site_id and d.sampled_on = m.sampled_on
left join flow_of_readings r
    on r.site_id = m.site_id and r.sampled_on = m.sampled_on and r.time_zone is not distinct from m.time_zone
left join flow_filled i on i.site_id = m.site_id and i.sampled_on = m.sampled_on;

-- One row is a site and a method its inhabitants are counted by, with the days of all years on which it has a figure. Where
-- the method has delivered figures and such by a marker, those that there are for more days count, delivered ones first.
-- The primary method of a site, one for all its days: the one its list states; else the best by rank of those that have a
-- figure for more than half of the sampled days; where none has, the one with most days. It never changes from day to day:
-- a day without it has no population. Of reported loads, which may have no date, each year counts as a day.
create or replace temp view site_population_methods as
with sampled as (
    select site_id, count(*) as n_sampled
    from (
        select distinct site_id, sampled_on from standing_results
        union all
        select distinct site_id, make_date(sampling_year, 1, 1) from current_reported_loads
    )
    group by site_id
),
counted as (
    select site_id, population_method, population_basis, count(*) as n_days
    from population_estimates
    group by site_id, population_method, population_basis
    qualify row_number() over (
        partition by site_id, population_method order by n_days desc, population_basis = 'delivered' desc
    ) = 1
)
select
    c.site_id, c.population_method, c.population_basis, c.n_days, d.n_sampled,
    case
        when s.population_method is not null then c.population_method = s.population_method
        else row_number() over (
            partition by c.site_id
            order by
                2 * c.n_days > d.n_sampled desc, if(2 * c.n_days > d.n_sampled, 0, c.n_days) desc,
                population_rank(c.population_method)
        ) = 1
    end as is_primary
from counted c
join sampled d using (site_id)
left join current_sites s using (site_id);

-- The inhabitants of each sampled day by each method, by the one basis the method has at the site.
create or replace temp view counted_populations as
select
    e.* replace (coalesce(e.population_rsd, u.rsd) as population_rsd),
    m.is_primary
from population_estimates e
join site_population_methods m using (site_id, population_method, population_basis)
left join uncertainties u on u.component = 'population' and u.applies_to = e.population_method;

-- One row is a residue at a site whose list states how long and how warm its sewage flows, with the half-life at that
-- temperature. Colder or warmer than any that is known, the nearest stands in.
create or replace temp view site_half_lives as
with around as (
    select
        s.site_id, h.residue, s.sewer_residence_h, s.sewage_temperature_celsius,
        max(h.temperature_celsius) filter (where h.temperature_celsius <= s.sewage_temperature_celsius) as cold_celsius,
        min(h.temperature_celsius) filter (where h.temperature_celsius >= s.sewage_temperature_celsius) as warm_celsius
    from current_sites s, half_lives h
    where s.sewer_residence_h is not null and s.sewage_temperature_celsius is not null
    group by s.site_id, h.residue, s.sewer_residence_h, s.sewage_temperature_celsius
)
select
    a.*, c.half_life_h as half_life_cold_h, w.half_life_h as half_life_warm_h,
    case
        when a.cold_celsius < a.warm_celsius
            then half_life_between(
                c.half_life_h, a.cold_celsius, w.half_life_h, a.warm_celsius, a.sewage_temperature_celsius
            )
        else coalesce(c.half_life_h, w.half_life_h)
    end as half_life_h,
    a.cold_celsius is null or a.warm_celsius is null as is_outside
from around a
left join half_lives c on c.residue = a.residue and c.temperature_celsius = a.cold_celsius
left join half_lives w on w.residue = a.residue and w.temperature_celsius = a.warm_celsius;

-- One row is what an amount would be by another method of counting inhabitants: how far it hangs on that choice.
create or replace temp view amounts_by_population as
select
    c.site_id, c.sampled_on, c.sampling_year, c.drug, c.protocol, p.population_method, p.population_basis, p.population,
    p.is_primary,
    amount_by_other_population(c.amount_mg_per_day_per_1000, c.population, p.population) as amount_mg_per_day_per_1000
from consumption c
join counted_populations p
    on p.site_id = c.site_id and p.sampling_year = c.sampling_year and p.sampled_on = c.sampled_on
    and p.population_method <> c.population_method
where c.origin = 'measured' and c.amount_mg_per_day_per_1000 is not null;

-- One row is a site's mean over a period of a year (null: of all), in each area it lies in, with its weight there.
create or replace temp macro sites_of_areas(of_year) as table
select
    a.level, a.unit_id, a.unit_name, s.*, p.area_weights,
    if(p.area_weights = 'population', s.population, 1) as weight
from site_periods s
join area_of_site a using (site_id)
join protocols p using (protocol)
where of_year is null or s.sampling_year = of_year;

-- The same over all periods of a kind from one to another. Of a complete panel only sites with a mean in all periods in which
-- any site of the area has one, weighed by their inhabitants in the first of them; else all that have one. Parameters: weights
-- 'population' or 'none', null as the protocol has it.
create or replace temp macro sites_of_series(of_drug, of_protocol, of_kind, first_period, last_period, is_complete, weights)
as table
with known as (
    select
        a.level, a.unit_id, a.unit_name, s.* exclude (state, reason),
        coalesce(weights, p.area_weights) as area_weights,
        s.state, s.reason
    from site_periods s
    join area_of_site a using (site_id)
    join protocols p using (protocol)
    where s.drug = of_drug and s.protocol = of_protocol
        and s.period_kind = of_kind and s.period between first_period and last_period
),
asked as (
    select level, unit_id, drug, protocol, count(distinct period) as n_periods
    from known
    where state = 'estimated'
    group by all
),
complete as (
    select level, unit_id, drug, protocol, k.site_id, min_by(k.population, k.period) as first_population
    from known k join asked using (level, unit_id, drug, protocol)
    where k.state = 'estimated'
    group by level, unit_id, drug, protocol, k.site_id
    having count(*) = any_value(n_periods)
)
select
    k.*,
    case
        when k.area_weights = 'none' then 1
        when is_complete then c.first_population
        else k.population
    end as weight
from known k
left join complete c using (level, unit_id, drug, protocol, site_id)
where not is_complete or c.site_id is not null;

-- One row is a day of a year (null: of all) and a calendar period it lies in: the year, its quarter, its month.
create or replace temp macro days_by_calendar(of_year) as table
from (
    select
        c.*,
        unnest([
            {'kind': 'year', 'period': c.sampling_year::varchar},
            {'kind': 'quarter', 'period': strftime(c.sampled_on, '%Y') || '-Q' || quarter(c.sampled_on)},
            {'kind': 'month', 'period': strftime(c.sampled_on, '%Y-%m')}
        ]) as span
    from consumption c
    where of_year is null or c.sampling_year = of_year
)
where span.period is not null; -- a reported load without a date belongs to its year only

-- One row is a day of a year and the week it lies in, by its Monday: of a week at the turn of years a part of it.
create or replace temp macro days_by_week(of_year) as table
select c.*, {'kind': 'week', 'period': strftime(date_trunc('week', c.sampled_on), '%Y-%m-%d')} as span
from consumption c
where c.sampling_year = of_year and c.sampled_on is not null;

-- One row is a day of one of two periods that are compared, as span.period says. Of kind 'all' are all of its days; of kind
-- 'matched' those of weekdays that occur in both periods at the site, or all where a protocol does not ask for weekdays.
-- Parameters: the first and the last day of each period; of a whole year the year as well, else null: a reported load
-- without a date belongs to its year only.
create or replace temp macro days_of_two(
    baseline_first, baseline_last, baseline_year, current_first, current_last, current_year
) as table
with in_one as (
    select
        c.*,
        if(
            coalesce(c.sampling_year = baseline_year, c.sampled_on between baseline_first and baseline_last),
            'baseline', 'current'
        ) as side
    from consumption c
    where coalesce(c.sampling_year = baseline_year, c.sampled_on between baseline_first and baseline_last)
        or coalesce(c.sampling_year = current_year, c.sampled_on between current_first and current_last)
),
common as (
    select protocol, drug, site_id, weekday
    from in_one
    where reason is distinct from 'methamphetamine_unknown'
    group by all
    having count(distinct side) = 2
)
select
    d.*,
    unnest(if(
        p.weekday_rule = 'plain' or w.weekday is not null,
        [{'kind': 'all', 'period': d.side}, {'kind': 'matched', 'period': d.side}],
        [{'kind': 'all', 'period': d.side}]
    )) as span
from in_one d
join protocols p using (protocol)
left join common w using (protocol, drug, site_id, weekday);
