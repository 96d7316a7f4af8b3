-- One row is the load of one residue at one site on one day of $year: measured, below its limit, or not estimable with
-- the reason. Grain: site_id, sampled_on, residue.
with

-- Inhabitants of each sampled day: of the figures valid that day the best method's, and of those the newest.
population_of_day as (
    select s.site_id, s.sampled_on, p.population, p.population_method, p.is_simulated
    from (select distinct site_id, sampled_on from current_results where sampling_year = $year) s
    join current_populations p
        on p.site_id = s.site_id
        and coalesce(p.valid_from <= s.sampled_on, true)
        and coalesce(p.valid_to >= s.sampled_on, true)
    qualify row_number() over (
        partition by s.site_id, s.sampled_on
        order by population_rank(p.population_method), p.valid_from desc nulls last
    ) = 1
),

measured as (
    select
        *,
        qualifier in ('<LOD', '<LOQ') as is_censored,
        to_steady > from_steady as has_window,
        hours_between(from_steady, to_steady) as composite_hours,
        -- The day itself: of 23 or 25 hours where the clocks are changed on it.
        steady_of(sampled_on::timestamp, time_zone) as day_from_steady,
        steady_of(sampled_on::timestamp + interval 1 day, time_zone) as day_to_steady
    from day_results
    where sampling_year = $year
),

-- What is looked for in the readings of flow meters: the window of the composite, and the day itself.
windows as (
    select distinct site_id, from_steady, to_steady from measured where has_window
    union
    select distinct site_id, day_from_steady, day_to_steady from measured
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
        select g.from_steady, g.seconds, g.flow_before_m3_per_day, g.flow_after_m3_per_day, g.is_simulated,
            greatest(g.from_steady, w.from_steady) as begins, least(g.to_steady, w.to_steady) as ends
    ) s
    group by w.site_id, w.from_steady, w.to_steady
    having sum(epoch(s.ends - s.begins)) >= 0.999 * epoch(w.to_steady - w.from_steady) and flow_m3_per_day > 0
),

-- A composite of several days has the mean flow of the days it covers at least half of, if all of them have one.
flow_of_days as (
    select
        w.site_id, w.from_at, w.to_at, avg(f.flow_m3_per_day order by f.sampled_on) as flow_m3_per_day,
        bool_or(f.is_corrected) as is_corrected, bool_or(f.is_simulated) as is_simulated
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
        bool_or(f.is_corrected) as is_corrected, bool_or(f.is_simulated) as is_simulated
    from (select distinct site_id, sampled_on from measured) d
    join current_flows f
        on f.site_id = d.site_id and isodow(f.sampled_on) = isodow(d.sampled_on)
        and date_trunc('month', f.sampled_on) = date_trunc('month', d.sampled_on)
    where $flow_fill = 'weekday-median'
    group by d.site_id, d.sampled_on
    having count(*) >= 2
),

flow_of_sample as (
    select
        m.site_id, m.sampled_on, m.residue,
        case
            when w.flow_m3_per_day is not null then 'window'
            when m.is_multi_day and s.flow_m3_per_day is not null then 'days'
            when not m.is_multi_day and d.flow_m3_per_day is not null then 'day'
            when not m.is_multi_day and r.flow_m3_per_day is not null then 'readings of the day'
            when not m.is_multi_day and i.flow_m3_per_day is not null then 'filled'
        end as flow_basis,
        case flow_basis
            when 'window' then {'flow': w.flow_m3_per_day, 'is_corrected': false, 'is_simulated': w.is_simulated}
            when 'days' then {'flow': s.flow_m3_per_day, 'is_corrected': s.is_corrected, 'is_simulated': s.is_simulated}
            when 'day' then {'flow': d.flow_m3_per_day, 'is_corrected': d.is_corrected, 'is_simulated': d.is_simulated}
            when 'readings of the day'
                then {'flow': r.flow_m3_per_day, 'is_corrected': false, 'is_simulated': r.is_simulated}
            when 'filled' then {'flow': i.flow_m3_per_day, 'is_corrected': i.is_corrected, 'is_simulated': i.is_simulated}
        end as chosen
    from measured m
    left join flow_of_window w
        on w.site_id = m.site_id and w.from_steady = m.from_steady and w.to_steady = m.to_steady
    left join flow_of_days s on s.site_id = m.site_id and s.from_at = m.from_at and s.to_at = m.to_at
    left join current_flows d on d.site_id = m.site_id and d.sampled_on = m.sampled_on
    left join flow_of_window r
        on r.site_id = m.site_id and r.from_steady = m.day_from_steady and r.to_steady = m.day_to_steady
    left join flow_filled i on i.site_id = m.site_id and i.sampled_on = m.sampled_on
),

flow as (
    select
        site_id, sampled_on, residue, flow_basis, chosen.flow as flow_m3_per_day, chosen.is_corrected as is_corrected,
        chosen.is_simulated as is_simulated
    from flow_of_sample
)

select
    m.site_id,
    m.sampled_on,
    m.sampling_year,
    m.residue,
    m.concentration_ng_per_l,
    m.qualifier,
    m.is_censored,
    m.limit_ng_per_l,
    m.n_measurements,
    m.replicate_rsd,
    m.composite_hours,
    f.flow_m3_per_day,
    f.flow_basis,
    p.population,
    p.population_method,
    load_mg_per_day(m.concentration_ng_per_l, f.flow_m3_per_day) as load_mg_per_day,
    load_mg_per_day_per_1000(load_mg_per_day(m.concentration_ng_per_l, f.flow_m3_per_day), p.population)
        as load_mg_per_day_per_1000,
    load_mg_per_day_per_1000(load_mg_per_day(m.limit_ng_per_l, f.flow_m3_per_day), p.population)
        as load_limit_mg_per_day_per_1000,
    -- All that is missing, not only the first.
    nullif(
        concat_ws(
            ' ',
            case when m.qualifier = 'not measured' then 'not_measured' end,
            case when m.qualifier = '>ULOQ' then 'above_upper_limit' end,
            case when f.flow_m3_per_day is null then 'no_flow' end,
            case when p.population is null then 'no_population' end
        ),
        ''
    ) as reason,
    if(reason is null, 'estimated', 'not estimable') as state,
    m.delivery_id,
    m.sheet,
    m.row_number,
    m.source_column,
    m.source_cell,
    joined_flags([
        m.flags, if(f.is_corrected, 'corrected', null), if(f.flow_basis = 'filled', 'flow_filled', null)
    ]) as flags,
    m.is_simulated or coalesce(f.is_simulated, false) or coalesce(p.is_simulated, false) as is_simulated
from measured m
left join flow f on f.site_id = m.site_id and f.sampled_on = m.sampled_on and f.residue = m.residue
left join population_of_day p on p.site_id = m.site_id and p.sampled_on = m.sampled_on
