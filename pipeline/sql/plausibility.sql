-- One row is a finding: something about a site's day, or about its year, that is hardly possible. It takes nothing out
-- of the estimates. The rules with their limits, bound here as parameters, and their sources: schemas/plausibility.py.
-- Of loads another programme reported, which may have no date, the weekday stands for the day.
-- All years at once: the days nearest to a day of a campaign may lie in any other year.
-- Grain: rule, site_id, sampling_year, sampled_on, weekday, residue. Of what concerns a whole year no day is named.
with

-- Measured loads, or where a year has none those reported by another programme. `placed_on` is the day, of undated ones
-- one in summer.
day_loads as (
    select
        site_id, sampled_on, isodow(sampled_on)::integer as weekday, sampled_on as placed_on, sampling_year, residue,
        load_mg_per_day_per_1000, ln(load_mg_per_day_per_1000) as log_load, is_simulated
    from loads
    where load_mg_per_day_per_1000 > 0 and qualifier = '='
    union all by name
    select
        r.site_id, r.sampled_on, r.weekday,
        coalesce(r.sampled_on, make_date(r.sampling_year, 7, 1) + r.weekday) as placed_on, r.sampling_year, r.residue,
        r.reported_load_mg_per_day_per_1000 as load_mg_per_day_per_1000,
        ln(load_mg_per_day_per_1000) as log_load, r.is_simulated
    from current_reported_loads r
    where r.reported_load_mg_per_day_per_1000 > 0 and r.qualifier = '='
        and not exists (
            select 1 from loads l
            where l.sampling_year = r.sampling_year and l.site_id = r.site_id and l.residue = r.residue
                and l.state = 'estimated'
        )
),

-- No day is known better than sampling and analysis leave it: where days happen to agree, that is their spread.
least as (
    select sqrt(sum(rsd ^ 2)) as log_sd
    from (select max(rsd) as rsd from uncertainties where component in ('sampling', 'analysis') group by component)
),

-- The rhythm of the week of a residue, by all sites: how far each weekday lies off the middle of seven days in which
-- each weekday stands once. Without it a drug of weekends would have days so different that nothing is far off.
rhythms as (
    select residue, weekday, median(off_the_week) as rhythm
    from (
        select
            residue, weekday, log_load - median(log_load) over week as off_the_week,
            bit_or(1 << weekday) over week as weekdays
        from day_loads
        window week as (
            partition by site_id, residue order by placed_on, weekday, sampled_on
            rows between 3 preceding and 3 following
        )
    )
    where weekdays = 254 -- bits 1 to 7
    group by residue, weekday
    having count(*) >= $fewest_days_of_rhythm
),

-- Each day among those of its series. Its week are the seven measured days nearest in time, itself among them: in a
-- campaign the others of the campaign, with daily samples three to either side. Of the k-th day before it and the (7-k)-th
-- after it one is of the seven: the nearer, of two as near the earlier. For one that does not exist stands one too far away.
placed as (
    select
        d.*, log_load - coalesce(r.rhythm, 0) as level, placed_on - date '2000-01-01' as day,
        list_sum([
            day - lag(day, 1, -20000000) over series <= lead(day, 6, 10000000) over series - day,
            day - lag(day, 2, -20000000) over series <= lead(day, 5, 10000000) over series - day,
            day - lag(day, 3, -20000000) over series <= lead(day, 4, 10000000) over series - day,
            day - lag(day, 4, -20000000) over series <= lead(day, 3, 10000000) over series - day,
            day - lag(day, 5, -20000000) over series <= lead(day, 2, 10000000) over series - day,
            day - lag(day, 6, -20000000) over series <= lead(day, 1, 10000000) over series - day
        ]::integer[])::integer as n_of_week_before,
        -- Of this day and the three measured after it; of fewer than four days nothing is told.
        if(count(*) over four = 4, min(level) over four, null) as lowest_of_four,
        if(count(*) over four = 4, max(level) over four, null) as highest_of_four
    from day_loads d
    left join rhythms r using (residue, weekday)
    window
        series as (partition by site_id, residue order by placed_on, weekday, sampled_on),
        four as (series rows between current row and 3 following)
),

-- The identifier of Hampel: a day against the median of its week. With itself in it the seven are an odd number, of
-- which four decide: where a level changes and stays, days at either side of the step have most of their week with them.
-- Not so where it changes within a campaign. Hence also, of the four times four measured days in a row that hold the day,
-- those that lie highest and those that lie lowest: where all four are on the day's side, it is no day by itself.
local as (
    select
        * exclude (n_of_week_before, lowest_of_four, highest_of_four),
        level - median(level) over (
            partition by site_id, residue order by placed_on, weekday, sampled_on
            rows between n_of_week_before preceding and 6 - n_of_week_before following
        ) as log_ratio,
        max(lowest_of_four) over fours_with_it as lowest_of_highest_four,
        min(highest_of_four) over fours_with_it as highest_of_lowest_four,
        lag(level) over series as level_day_before,
        median(level) over before as level_before,
        count(*) over before as n_before,
        median(level) over from_here as level_from,
        count(*) over from_here as n_from,
        count(*) over (partition by site_id, residue) as n_days,
        row_number() over series as place
    from placed
    window
        series as (partition by site_id, residue order by placed_on, weekday, sampled_on),
        fours_with_it as (series rows between 3 preceding and current row),
        before as (series rows between 7 preceding and 1 preceding),
        from_here as (series rows between current row and 6 following)
),

-- How far days of a series commonly are off: 1.4826 makes of the median deviation the standard deviation of a normal
-- distribution. A day in seven is its week's median, and deviates by nothing: the middle of the others is at 4/7 of all.
deviations as (
    select
        site_id, residue,
        greatest(1.4826 * quantile_cont(abs(log_ratio), 4 / 7), any_value(l.log_sd)) as log_sd
    from local cross join least l
    group by site_id, residue
),

days_off as (
    select
        d.*, s.log_sd, d.log_ratio / s.log_sd as z, d.log_load - d.log_ratio as usual,
        -- Four days in a row beyond half the way from what is usual to this day: a level, of which it is one day.
        coalesce(
            if(
                log_ratio > 0, lowest_of_highest_four > level - log_ratio / 2,
                highest_of_lowest_four < level - log_ratio / 2
            ),
            false
        ) as is_of_a_level
    from local d
    join deviations s using (site_id, residue)
),

off_its_history as (
    select
        *,
        -- The deviation of a short series is not known, but no day is a hundred times what those beside it are.
        least(if(n_days >= $fewest_days, $most_deviations * log_sd, null), ln($hardly_possible_ratio)) as most_off,
        exp(usual - most_off) as expected_low,
        exp(usual + most_off) as expected_high
    from days_off
    where n_days >= $fewest_days_in_all and abs(log_ratio) > most_off and not is_of_a_level
),

-- A lasting change is what is looked for, but for one of a hundredfold: a whole campaign or batch in another unit. Around
-- a step several days have such weeks before and after them: of these the one that itself steps furthest is the finding.
jumps as (
    select
        site_id, residue, unnest(max_by(day, (direction * day.step_from_day_before, -day.place))),
        bool_or(is_simulated) as is_simulated
    from (
        select
            site_id, residue, is_simulated,
            {'sampled_on': sampled_on, 'weekday': weekday, 'sampling_year': sampling_year, 'place': place,
             'level_before': level_before, 'level_from': level_from, 'log_step': level_from - level_before,
             'step_from_day_before': level - level_day_before, 'n_before': n_before, 'n_from': n_from} as day,
            sign(level_from - level_before) as direction,
            place - row_number() over (partition by site_id, residue, direction order by place) as step
        from local
        where n_before >= $fewest_days_of_level and n_from >= $fewest_days_of_level
            and abs(level_from - level_before) > ln($hardly_possible_ratio)
    )
    group by site_id, residue, direction, step
),

moved_together as (
    select
        site_id, sampled_on, weekday, sampling_year,
        count(*) as n_residues, median(z) as middle_z, median(log_ratio) as middle_log_ratio,
        1.4826 * mad(log_ratio) as spread, bool_or(is_simulated) as is_simulated
    from days_off
    where n_days >= $fewest_days
    group by site_id, sampled_on, weekday, sampling_year
    having n_residues >= $fewest_residues and abs(middle_z) > $most_deviations_together
        and spread < abs(middle_log_ratio) / 2 and 2 * count_if(is_of_a_level) <= n_residues
),

-- Of a day whose residues come from several samples the flow that is furthest off.
flows_per_head as (
    select
        site_id, sampled_on, sampling_year,
        max_by(
            {'l_per_head': flow_m3_per_day * 1000 / population, 'flow': flow_m3_per_day, 'population': population,
             'method': population_method},
            abs(ln(flow_m3_per_day * 1000 / population) - ln($lowest_flow_l_per_head * $highest_flow_l_per_head) / 2)
        ) as f,
        bool_or(is_simulated) as is_simulated
    from loads
    where flow_m3_per_day is not null and population is not null
    group by site_id, sampled_on, sampling_year
),

-- A site whose year is off as a whole is one finding, not one for each of its days.
flows_of_years as (
    select
        site_id, sampling_year, count(*) as n_days, median(f.l_per_head) as l_per_head, median(f.flow) as flow,
        median(f.population) as population, bool_or(is_simulated) as is_simulated
    from flows_per_head
    group by site_id, sampling_year
    having n_days >= $fewest_days_of_flow
        and l_per_head not between $lowest_flow_l_per_head and $highest_flow_l_per_head
),

-- Methods are compared by the middle of their days: a marker of one sample scatters, and one finding a year says it all.
counts_of_people as (
    select
        site_id, sampling_year,
        min_by({'method': population_method, 'people': people}, (people, population_method)) as fewest,
        max_by({'method': population_method, 'people': people}, (people, population_method)) as most,
        bool_or(is_simulated) as is_simulated
    from (
        select
            site_id, sampling_year, population_method, median(population) as people,
            bool_or(is_simulated) as is_simulated
        from counted_populations
        group by site_id, sampling_year, population_method
    )
    group by site_id, sampling_year
),

series as (
    select
        site_id, residue, sampling_year, count(*) as n_days, count_if(is_below) as n_below,
        bool_or(is_simulated) as is_simulated
    from (
        select site_id, residue, sampling_year, is_censored as is_below, is_simulated
        from loads
        where qualifier <> 'not measured'
        union all by name
        select site_id, residue, sampling_year, qualifier in ('<LOD', '<LOQ') as is_below, is_simulated
        from current_reported_loads r
        where r.qualifier <> 'not measured'
            and not exists (
                select 1 from loads l
                where l.sampling_year = r.sampling_year and l.site_id = r.site_id and l.residue = r.residue
                    and l.qualifier <> 'not measured'
            )
    )
    group by site_id, residue, sampling_year
    having n_days >= $fewest_days_of_series and n_below > $highest_censored_share * n_days
)

select
    'flow_per_head' as rule, site_id, sampled_on, isodow(sampled_on)::integer as weekday, sampling_year,
    null::varchar as residue,
    f.l_per_head as value,
    $lowest_flow_l_per_head::double as expected_low, $highest_flow_l_per_head::double as expected_high,
    format(
        '{:.0f} L per inhabitant: {:.0f} m3/day for {:.0f} inhabitants ({})',
        f.l_per_head, f.flow, f.population, f.method
    ) as finding,
    is_simulated
from flows_per_head
where value not between expected_low and expected_high
    and (site_id, sampling_year) not in (select (site_id, sampling_year) from flows_of_years)
union all by name
select
    'flow_per_head' as rule, site_id, sampling_year,
    l_per_head as value,
    $lowest_flow_l_per_head::double as expected_low, $highest_flow_l_per_head::double as expected_high,
    format(
        '{:.0f} L per inhabitant in the middle of {} days of the year: {:.0f} m3/day for {:.0f} inhabitants',
        l_per_head, n_days, flow, population
    ) as finding,
    is_simulated
from flows_of_years
union all by name
select
    'off_its_history' as rule, site_id, sampled_on, weekday, sampling_year, residue,
    load_mg_per_day_per_1000 as value, expected_low, expected_high,
    format(
        'a load of {} mg/day/1000 is {} times the {} that is usual in the {} measured days around it{}',
        in_words(load_mg_per_day_per_1000), in_words(exp(log_ratio)), in_words(exp(usual)), least(n_days, 7),
        if(n_days >= $fewest_days, format(' ({:+.1f} deviations)', z), '')
    ) as finding,
    is_simulated
from off_its_history
union all by name
select
    'jump_of_level' as rule, site_id, sampled_on, weekday, sampling_year, residue,
    exp(log_step) as value, 1 / $hardly_possible_ratio as expected_low,
    $hardly_possible_ratio::double as expected_high,
    format(
        'from here on {} days with a load of {} mg/day/1000 are {} times the {} of the {} before',
        n_from, in_words(exp(level_from)), in_words(exp(log_step)), in_words(exp(level_before)), n_before
    ) as finding,
    is_simulated
from jumps
union all by name
select
    'populations_disagree' as rule, site_id, sampling_year,
    most.people / fewest.people as value, 1 as expected_low, $highest_population_ratio::double as expected_high,
    format(
        '{:.0f} inhabitants by {} are {} times the {:.0f} by {}', most.people, most.method, in_words(value),
        fewest.people, fewest.method
    ) as finding,
    is_simulated
from counts_of_people
where value > expected_high
union all by name
select
    'residues_move_together' as rule, site_id, sampled_on, weekday, sampling_year,
    middle_z as value,
    -$most_deviations_together::double as expected_low, $most_deviations_together::double as expected_high,
    format(
        'all {} residues together are at {} times what is usual ({:+.1f} deviations in the middle)',
        n_residues, in_words(exp(middle_log_ratio)), middle_z
    ) as finding,
    is_simulated
from moved_together
union all by name
select
    'mostly_below_limits' as rule, site_id, sampling_year, residue,
    n_below / n_days as value, 0 as expected_low, $highest_censored_share::double as expected_high,
    format('{} of {} measurements of the year lie below their limits', n_below, n_days) as finding,
    is_simulated
from series
union all by name
select
    'concentration_too_high' as rule, l.site_id, l.sampled_on, isodow(l.sampled_on)::integer as weekday,
    l.sampling_year, l.residue,
    l.concentration_ng_per_l as value, 0 as expected_low, $highest_concentration_ng_per_l::double as expected_high,
    format('{:.0f} ng/L', l.concentration_ng_per_l) as finding,
    l.is_simulated
from loads l
join residues r using (residue)
-- Alcohol is taken by the gram, and ethyl sulfate is what is left of it.
where r.kind = 'drug' and l.residue <> 'ethyl-sulfate'
    and l.concentration_ng_per_l > $highest_concentration_ng_per_l
union all by name
select
    'measurements_disagree' as rule, site_id, sampled_on, isodow(sampled_on)::integer as weekday, sampling_year,
    residue,
    replicate_rsd as value, 0 as expected_low, $highest_replicate_rsd::double as expected_high,
    format(
        '{} measurements about {} ng/L lie apart by a relative standard deviation of {:.2f}',
        n_measurements, in_words(concentration_ng_per_l), replicate_rsd
    ) as finding,
    is_simulated
from loads
where replicate_rsd > $highest_replicate_rsd
