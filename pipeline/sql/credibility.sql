-- One row is one explanation of one change other than use: what was found of it, and what the change would be were it wholly
-- true. Of the frames `compared_sites` (compared_sites.sql) and `compared_changes`, the rows of the table changes; days are
-- those of the view spanned_days. What each explanation says and its limits: schemas/credibility.py.
-- Grain: level, unit_id, drug, protocol, explanation.
with

asked as (
    select
        *,
        change_percent < 0 as is_fall,
        -- A change of all there was has no logarithm: as good as a thousandth is left.
        ln(greatest(1 + change_percent / 100, 0.001)) as log_change,
        coalesce(ln((1 + ci_high_percent / 100) / (1 + ci_low_percent / 100)) / 2, 0) as half_width
    from compared_changes
    where state = 'estimated'
),

panel as (
    select s.*, a.is_fall
    from compared_sites s join asked a using (level, unit_id, drug, protocol)
    where s.is_in_panel
),

-- The days that are compared, whether or not their weekdays match; a load by several protocols is one day of its residue.
drug_days as (
    select site_id, drug, protocol, span.period as period, sampled_on, weekday
    from spanned_days
    where span.kind = 'all' and reason is distinct from 'methamphetamine_unknown'
),

residue_days as (
    select distinct site_id, residue, sampled_on, sampling_year, span.period as period
    from spanned_days
    where span.kind = 'all' and origin = 'measured'
),

-- Of the results that are believed: each load names the row it comes from.
limits_of_sites as (
    select
        d.site_id, d.residue,
        median(coalesce(r.loq_ng_per_l, r.lod_ng_per_l)) filter (where d.period = 'baseline') as limit_baseline,
        median(coalesce(r.loq_ng_per_l, r.lod_ng_per_l)) filter (where d.period = 'current') as limit_current
    from residue_days d
    join loads l using (site_id, sampled_on, sampling_year, residue)
    join results r using (site_id, sampled_on, sampling_year, residue, delivery_id, sheet, row_number)
    group by all
),

-- The mass of each marker of people in the very samples that are compared, of several the middle one: not the drug's own
-- residue, nor the marker by which a protocol counts the people. Below its limit half of that counts, where one of the
-- periods measured it.
markers_of_sites as (
    select site_id, drug, protocol, median(log_ratio) as log_ratio
    from (
        select
            d.site_id, d.drug, d.protocol, l.residue,
            ln(
                avg_in_order(if(d.span.period = 'current', marker_mg_per_day, null), marker_mg_per_day)
                / avg_in_order(if(d.span.period = 'baseline', marker_mg_per_day, null), marker_mg_per_day)
            ) as log_ratio
        from spanned_days d
        join (
            select
                site_id, sampled_on, sampling_year, residue, l.load_mg_per_day is not null as is_measured,
                coalesce(
                    l.load_mg_per_day,
                    mass_mg_per_day(amount_below_limit(l.load_limit_mg_per_day_per_1000, 'half_limit'), l.population)
                ) as marker_mg_per_day
            from loads l join residues r using (residue)
            where r.kind = 'marker' and marker_mg_per_day > 0
        ) l on l.site_id = d.site_id and l.sampled_on = d.sampled_on and l.sampling_year = d.sampling_year
        where d.span.kind = 'matched' and d.origin = 'measured' and l.residue <> d.residue
            and not exists (
                select 1 from population_markers c
                where c.residue = l.residue and c.population_method = d.population_method
            )
        group by d.site_id, d.drug, d.protocol, l.residue
        -- Of one that lies below its limits before and after only the limits would be compared.
        having greatest(
            avg(is_measured::integer) filter (where d.span.period = 'baseline'),
            avg(is_measured::integer) filter (where d.span.period = 'current')
        ) >= $least_share_of_markers_measured
    )
    where log_ratio is not null
    group by site_id, drug, protocol
),

rhythms as (
    select drug, max_by(rhythm, {'year': sampling_year, 'protocol': protocol}) as rhythm
    from day_spreads
    where has_rhythm
    group by drug
),

weekdays_of_sites as (
    select
        site_id, drug, protocol,
        ln(
            avg_in_order(if(period = 'current', exp(rhythm[weekday]), null), weekday)
            / avg_in_order(if(period = 'baseline', exp(rhythm[weekday]), null), weekday)
        ) as log_ratio,
        100 * avg((weekday >= 6)::integer) filter (where period = 'baseline') as weekend_baseline,
        100 * avg((weekday >= 6)::integer) filter (where period = 'current') as weekend_current
    from drug_days left join rhythms using (drug)
    group by all
),

-- How much of the two weeks of a site is the same, day by day of the week, and how many weekdays both have.
weeks_of_sites as (
    select
        site_id, drug, protocol,
        sum_in_order(least(share_baseline, share_current), weekday) as in_common,
        count_if(share_baseline > 0 and share_current > 0) as n_common
    from (
        select
            site_id, drug, protocol, weekday,
            count_if(period = 'baseline') / sum(count_if(period = 'baseline')) over of_site as share_baseline,
            count_if(period = 'current') / sum(count_if(period = 'current')) over of_site as share_current
        from drug_days
        group by site_id, drug, protocol, weekday
        window of_site as (partition by site_id, drug, protocol)
    )
    group by all
),

-- Each day counts a third in its own month and in those beside it (from December to January is one month as well), so that
-- campaigns a month apart have two thirds of their season in common.
months_of_sites as (
    select
        site_id, drug, protocol, period, of_year,
        count(*) / sum(count(*)) over (partition by site_id, drug, protocol, period) as share
    from (
        select *, (month(sampled_on) + unnest([-1, 0, 1]) + 11) % 12 as of_year
        from drug_days
        where sampled_on is not null
    )
    group by site_id, drug, protocol, period, of_year
),

seasons_of_sites as (
    select
        c.site_id, c.drug, c.protocol,
        coalesce(sum_in_order(least(coalesce(b.share, 0), c.share), c.of_year), 0) as season_in_common
    from (from months_of_sites where period = 'current') c
    left join (from months_of_sites where period = 'baseline') b using (site_id, drug, protocol, of_year)
    where exists (
        select 1
        from months_of_sites o
        where o.period = 'baseline' and o.site_id = c.site_id and o.drug = c.drug and o.protocol = c.protocol
    )
    group by all
),

evidence as (
    select
        -- Where nothing is left of the current amount, sites count by their shares of the baseline.
        p.* replace (coalesce(p.current_share, p.baseline_share) as current_share),
        1000 * p.baseline_flow_m3_per_day / p.baseline_population as flow_baseline,
        1000 * p.current_flow_m3_per_day / p.current_population as flow_current,
        m.log_ratio - p.log_population_ratio as log_marker_ratio,
        l.limit_baseline,
        l.limit_current,
        coalesce(p.n_censored_baseline > 0 and l.limit_current * $least_limit_ratio < l.limit_baseline, false)
            as had_higher_limits,
        coalesce(p.n_censored_current > 0 and l.limit_current > $least_limit_ratio * l.limit_baseline, false)
            as has_higher_limits,
        not list_contains(p.baseline_laboratories, 'not stated')
            and not list_contains(p.current_laboratories, 'not stated') as is_laboratory_named,
        w.log_ratio as log_weekday_ratio,
        w.weekend_baseline,
        w.weekend_current,
        k.in_common as weekdays_in_common,
        k.n_common as n_weekdays_in_common,
        c.season_in_common
    from panel p
    left join limits_of_sites l on l.site_id = p.site_id and l.residue = p.residue
    left join markers_of_sites m on m.site_id = p.site_id and m.drug = p.drug and m.protocol = p.protocol
    left join weekdays_of_sites w on w.site_id = p.site_id and w.drug = p.drug and w.protocol = p.protocol
    left join weeks_of_sites k on k.site_id = p.site_id and k.drug = p.drug and k.protocol = p.protocol
    left join seasons_of_sites c on c.site_id = p.site_id and c.drug = p.drug and c.protocol = p.protocol
),

-- What each explanation would leave of the two amounts of a site, were it wholly true; and what shows it, by a weight.
by_site as (
    select
        level, unit_id, drug, protocol, site_id, 'laboratory' as explanation,
        baseline as baseline_without,
        if(
            is_laboratory_changed and is_laboratory_named,
            present * exp(-greatest(least(coalesce(log_ratio, 0), ln($most_laboratories_differ)), -ln($most_laboratories_differ))),
            present
        ) as present_without,
        is_laboratory_changed as is_affected,
        is_laboratory_named as is_tested,
        if(is_laboratory_changed, 100.0, 0.0) as value_baseline, weight * baseline as weight_baseline,
        if(is_laboratory_changed, 100.0, 0.0) as value_current, weight * present as weight_current,
        weight, baseline_share, current_share
    from evidence
    union all by name
    select
        level, unit_id, drug, protocol, site_id, 'limits' as explanation,
        case
            when not (had_higher_limits or counts_as_zero and n_censored_baseline > 0) then baseline
            when is_fall then coalesce(baseline_at_least, baseline)
            else coalesce(baseline_at_most, baseline)
        end as baseline_without,
        case
            when not (has_higher_limits or counts_as_zero and n_censored_current > 0) then present
            when is_fall then coalesce(current_at_most, present)
            else coalesce(current_at_least, present)
        end as present_without,
        had_higher_limits or has_higher_limits as is_affected,
        n_censored_baseline + n_censored_current = 0 or (limit_baseline is not null and limit_current is not null)
            as is_tested,
        limit_baseline as value_baseline, 1 as weight_baseline, limit_current as value_current, 1 as weight_current,
        weight, baseline_share, current_share
    from evidence
    union all by name
    select
        level, unit_id, drug, protocol, site_id, 'flow' as explanation,
        baseline as baseline_without,
        present * exp(-coalesce(log_flow_ratio, 0)) as present_without,
        coalesce(
            (flow_baseline between $lowest_flow_l_per_head and $highest_flow_l_per_head)
            <> (flow_current between $lowest_flow_l_per_head and $highest_flow_l_per_head),
            false
        ) as is_affected,
        log_flow_ratio is not null as is_tested,
        flow_baseline as value_baseline, baseline_population as weight_baseline,
        flow_current as value_current, current_population as weight_current,
        weight, baseline_share, current_share
    from evidence
    union all by name
    select
        level, unit_id, drug, protocol, site_id, 'markers' as explanation,
        baseline as baseline_without,
        present * exp(-coalesce(log_marker_ratio, 0)) as present_without,
        coalesce(abs(log_marker_ratio) >= $least_log_of_markers, false) as is_affected,
        log_marker_ratio is not null as is_tested,
        if(log_marker_ratio is null, null, 100) as value_baseline, weight * baseline as weight_baseline,
        100 * exp(log_marker_ratio) as value_current, weight * baseline as weight_current,
        weight, baseline_share, current_share
    from evidence
    union all by name
    select
        level, unit_id, drug, protocol, site_id, 'population' as explanation,
        baseline as baseline_without,
        present * exp(coalesce(log_population_ratio, 0)) as present_without,
        coalesce(abs(log_population_ratio) >= $least_log_effect, false) or baseline_origin <> current_origin as is_affected,
        -- By how many inhabitants a reported load was divided only its reporter knows.
        log_population_ratio is not null and baseline_origin = 'measured' and current_origin = 'measured' as is_tested,
        baseline_population as value_baseline, 1 as weight_baseline,
        current_population as value_current, 1 as weight_current,
        weight, baseline_share, current_share
    from evidence
    union all by name
    select
        level, unit_id, drug, protocol, site_id, 'factor' as explanation,
        baseline as baseline_without,
        present * exp(-coalesce(log_factor_ratio, 0)) as present_without,
        coalesce(abs(log_factor_ratio) >= $least_log_effect, false) as is_affected,
        true as is_tested,
        baseline_factor as value_baseline, 1 as weight_baseline, current_factor as value_current, 1 as weight_current,
        weight, baseline_share, current_share
    from evidence
    union all by name
    select
        level, unit_id, drug, protocol, site_id, 'weekdays' as explanation,
        baseline as baseline_without,
        -- Weekday matched to weekday, other weekdays do not matter.
        if(is_weekday_matched, present, present * exp(-coalesce(log_weekday_ratio, 0))) as present_without,
        weekdays_in_common < $least_week_in_common as is_affected,
        is_weekday_matched or log_weekday_ratio is not null or weekdays_in_common > 0.99 as is_tested,
        weekend_baseline as value_baseline, 1 as weight_baseline, weekend_current as value_current, 1 as weight_current,
        weight, baseline_share, current_share
    from evidence
    union all by name
    select
        level, unit_id, drug, protocol, site_id, 'months' as explanation,
        baseline as baseline_without,
        present as present_without,
        coalesce(season_in_common < $least_season_in_common, false) as is_affected,
        season_in_common is not null as is_tested,
        100 * season_in_common as value_baseline, 1 as weight_baseline,
        100 * season_in_common as value_current, 1 as weight_current,
        weight, baseline_share, current_share
    from evidence
),

of_sites as (
    select
        level, unit_id, drug, protocol, explanation,
        sum_in_order(weight * baseline_without, site_id) as baseline_without,
        sum_in_order(weight * present_without, site_id) as present_without,
        count_if(is_affected and is_tested) as n_affected,
        count_if(is_tested) as n_tested,
        -- Of both periods' amounts: the site that makes a rise has little of the baseline.
        greatest(
            coalesce(sum_in_order(if(is_affected and is_tested, baseline_share, null), site_id), 0),
            coalesce(sum_in_order(if(is_affected and is_tested, current_share, null), site_id), 0)
        ) > 0.5 as is_affected,
        least(
            coalesce(sum_in_order(if(is_tested, baseline_share, null), site_id), 0),
            coalesce(sum_in_order(if(is_tested, current_share, null), site_id), 0)
        ) >= 0.5 as is_tested,
        sum_in_order(value_baseline * weight_baseline, site_id)
            / nullif(sum_in_order(if(value_baseline is not null, weight_baseline, null), site_id), 0) as value_baseline,
        sum_in_order(value_current * weight_current, site_id)
            / nullif(sum_in_order(if(value_current is not null, weight_current, null), site_id), 0) as value_current
    from by_site
    group by level, unit_id, drug, protocol, explanation
),

-- The panel as a whole: how many weekdays its sites have in common, and how much of the inhabitants it holds.
of_panels as (
    select level, unit_id, drug, protocol, median(n_weekdays_in_common) as n_weekdays, bool_and(is_weekday_matched) as is_matched
    from evidence
    group by all
),

inhabitants as (
    select
        level, unit_id, drug, protocol,
        -- Of either period, whose sites left are as much missing as those that joined. Of sites that limits took out it is
        -- known how little they could move: the interval holds that.
        least(
            sum_in_order(if(is_in_panel or is_lost_to_limits, baseline_population, null), site_id)
            / sum_in_order(baseline_population, site_id),
            sum_in_order(if(is_in_panel or is_lost_to_limits, current_population, null), site_id)
            / sum_in_order(current_population, site_id)
        ) as share_in_panel,
        count_if(has_baseline) as n_baseline,
        count_if(has_current) as n_current
    from compared_sites
    group by all
),

-- --- one day left out: of each site and period the two days that move its change furthest up and down ------------------
matched_days as (
    select
        d.site_id, d.drug, d.protocol, d.span.period as period, d.sampled_on,
        p.weekday_rule = 'weekday_means' as is_matched,
        -- Where weekdays are not matched all days are as one.
        if(is_matched, d.weekday, 0) as weekday,
        case
            when not d.is_censored then d.amount_mg_per_day_per_1000
            else coalesce(
                amount_below_limit(d.amount_limit_mg_per_day_per_1000, if(p.below_limit = 'zero', 'zero', 'half_limit')), 0
            )
        end as amount
    from spanned_days d join protocols p using (protocol)
    where d.span.kind = 'matched' and d.reason is distinct from 'methamphetamine_unknown'
),

weekdays_of_periods as (
    select
        site_id, drug, protocol, period, weekday,
        count(amount) as n, sum_in_order(amount, amount) as total, total / n as mean
    from matched_days
    where amount is not null
    group by site_id, drug, protocol, period, weekday
),

periods_of_sites as (
    select site_id, drug, protocol, period, count(*) as n_weekdays, sum_in_order(mean, weekday) as of_weekdays,
        of_weekdays / n_weekdays as of_period
    from weekdays_of_periods
    group by all
),

-- What is left of the mean of each period, if a day is left out; with the only one of its weekday goes the weekday of both.
without_day as (
    select
        d.site_id, d.drug, d.protocol, d.period, d.sampled_on,
        case
            when w.n > 1 then (p.of_weekdays - w.mean + (w.total - d.amount) / (w.n - 1)) / p.n_weekdays
            when p.n_weekdays > 1 and d.is_matched then (p.of_weekdays - w.mean) / (p.n_weekdays - 1)
        end / nullif(p.of_period, 0) as own_ratio,
        case
            when w.n > 1 then 1
            when q.n_weekdays > 1 and d.is_matched then (q.of_weekdays - v.mean) / (q.n_weekdays - 1) / nullif(q.of_period, 0)
        end as other_ratio
    from matched_days d
    join weekdays_of_periods w using (site_id, drug, protocol, period, weekday)
    join periods_of_sites p using (site_id, drug, protocol, period)
    join weekdays_of_periods v
        on v.site_id = d.site_id and v.drug = d.drug and v.protocol = d.protocol and v.period <> d.period
        and v.weekday = d.weekday
    join periods_of_sites q
        on q.site_id = d.site_id and q.drug = d.drug and q.protocol = d.protocol and q.period <> d.period
    where d.amount is not null
),

furthest_days as (
    select
        site_id, drug, protocol, period,
        unnest([
            min_by(moved, {'by': moved.baseline_ratio - moved.current_ratio, 'on': moved.sampled_on}),
            max_by(moved, {'by': moved.baseline_ratio - moved.current_ratio, 'on': moved.sampled_on})
        ]) as moved
    from (
        select
            site_id, drug, protocol, period,
            {
                'sampled_on': sampled_on, 'baseline_ratio': if(period = 'baseline', own_ratio, other_ratio),
                'current_ratio': if(period = 'current', own_ratio, other_ratio)
            } as moved
        from without_day
        where own_ratio >= 0 and other_ratio >= 0
    )
    group by site_id, drug, protocol, period
),

changes_without_day as (
    select
        p.level, p.unit_id, p.drug, p.protocol, p.site_id, d.period, d.moved.sampled_on as sampled_on, p.is_fall,
        -- Where nothing is left of the baseline, nothing is left to compare.
        coalesce(
            change_percent(
                p.baseline_of_panel + p.weight * p.baseline * (d.moved.baseline_ratio - 1),
                p.current_of_panel + p.weight * p.present * (d.moved.current_ratio - 1)
            ),
            0
        ) as change_without_percent
    from panel p
    join furthest_days d using (site_id, drug, protocol)
),

of_single_days as (
    select
        level, unit_id, drug, protocol,
        min(change_without_percent) as lowest,
        max(change_without_percent) as highest,
        if(any_value(is_fall), highest, lowest) as change_without_percent,
        if(
            any_value(is_fall),
            max_by(day, {'by': rounded, 'is_baseline': period = 'baseline', 'day': day}),
            min_by(day, {'by': rounded, 'is_current': period = 'current', 'day': day})
        ) as subject,
        count(distinct site_id) as n_tested
    from (
        -- To the digits that say something: of a weekday that goes from both periods it is the baseline's day.
        select *, concat_ws(' ', site_id, sampled_on) as day, round(change_without_percent, 6) as rounded
        from changes_without_day
    )
    group by level, unit_id, drug, protocol
),

-- --- one month left out of all sites, of both periods where both have it: so no season is taken for a spike -------------
months_of_weekdays as (
    select
        site_id, drug, protocol, period, month(sampled_on) as of_year, weekday,
        count(*) as n, sum_in_order(amount, amount) as total
    from matched_days
    where amount is not null and sampled_on is not null
    group by all
),

months_to_leave as (
    select site_id, drug, protocol, period, of_year
    from months_of_weekdays
    group by site_id, drug, protocol, period, of_year
    qualify count(*) over (partition by site_id, drug, protocol, period) >= $fewest_months
),

weekdays_without_month as (
    select
        o.site_id, o.drug, o.protocol, o.of_year, w.weekday,
        -- Of a weekday that only this month has nothing is left, and it goes from both periods.
        any_value(greatest(w.total - coalesce(m.total, 0), 0) / nullif(w.n - coalesce(m.n, 0), 0))
            filter (where w.period = 'baseline') as baseline,
        any_value(greatest(w.total - coalesce(m.total, 0), 0) / nullif(w.n - coalesce(m.n, 0), 0))
            filter (where w.period = 'current') as present
    from (select distinct site_id, drug, protocol, of_year from months_to_leave) o
    join weekdays_of_periods w using (site_id, drug, protocol)
    left join (from months_of_weekdays semi join months_to_leave using (site_id, drug, protocol, period, of_year)) m
        on m.site_id = o.site_id and m.drug = o.drug and m.protocol = o.protocol and m.of_year = o.of_year
        and m.period = w.period and m.weekday = w.weekday
    group by o.site_id, o.drug, o.protocol, o.of_year, w.weekday
),

without_month as (
    select
        x.site_id, x.drug, x.protocol, x.of_year,
        avg_in_order(x.baseline, x.weekday) / any_value(b.of_period) as baseline_ratio,
        -- Of a period with nothing in it nothing goes.
        coalesce(avg_in_order(x.present, x.weekday) / nullif(any_value(c.of_period), 0), 1) as current_ratio
    from weekdays_without_month x
    join (from periods_of_sites where period = 'baseline' and of_period > 0) b using (site_id, drug, protocol)
    join (from periods_of_sites where period = 'current') c using (site_id, drug, protocol)
    where x.baseline is not null and x.present is not null
    group by x.site_id, x.drug, x.protocol, x.of_year
),

-- Sites with fewer months, or none but this one, keep their figures.
changes_without_month as (
    select
        p.level, p.unit_id, p.drug, p.protocol, p.is_fall, m.of_year,
        coalesce(
            change_percent(
                p.baseline_of_panel + sum_in_order(p.weight * p.baseline * (m.baseline_ratio - 1), p.site_id),
                p.current_of_panel + sum_in_order(p.weight * p.present * (m.current_ratio - 1), p.site_id)
            ),
            0
        ) as change_without_percent,
        round(change_without_percent, 6) as rounded
    from panel p join without_month m using (site_id, drug, protocol)
    group by p.level, p.unit_id, p.drug, p.protocol, p.is_fall, m.of_year, p.baseline_of_panel, p.current_of_panel
),

of_single_months as (
    select
        level, unit_id, drug, protocol,
        min(change_without_percent) as lowest,
        max(change_without_percent) as highest,
        if(is_fall, highest, lowest) as change_without_percent,
        if(
            is_fall,
            max_by(of_year, {'by': rounded, 'of_year': -of_year}),
            min_by(of_year, {'by': rounded, 'of_year': of_year})
        ) as of_year
    from changes_without_month
    group by level, unit_id, drug, protocol, is_fall
),

-- Which months those are, by the calendar, and at how many sites they could be left out.
single_months as (
    select
        p.level, p.unit_id, p.drug, p.protocol,
        string_agg(distinct strftime(d.sampled_on, '%Y-%m'), ' ' order by strftime(d.sampled_on, '%Y-%m')) as subject,
        count(distinct p.site_id) as n_tested
    from of_single_months o
    join panel p using (level, unit_id, drug, protocol)
    join months_to_leave t on t.site_id = p.site_id and t.drug = p.drug and t.protocol = p.protocol and t.of_year = o.of_year
    join matched_days d
        on d.site_id = t.site_id and d.drug = t.drug and d.protocol = t.protocol and d.period = t.period
        and month(d.sampled_on) = t.of_year
    group by p.level, p.unit_id, p.drug, p.protocol
),

tests as (
    select
        level, unit_id, drug, protocol, 'chance' as explanation,
        verdict is not null as is_tested,
        if(verdict = 'no change detected', 0, change_percent) as change_without_percent,
        verdict = 'no change detected' as is_found_anyway,
        false as is_set_aside,
        null as value_baseline, smallest_detectable_fall_percent as value_current,
        if(verdict = 'no change detected', n_sites, 0) as n_affected, n_sites as n_tested, null as subject
    from asked
    union all by name
    select
        s.level, s.unit_id, s.drug, s.protocol, s.explanation,
        s.is_tested,
        change_percent(s.baseline_without, s.present_without) as change_without_percent,
        case s.explanation
            when 'months' then is_affected
            when 'weekdays' then p.is_matched and is_affected and p.n_weekdays < $fewest_weekdays
            else false
        end as is_found_anyway,
        is_affected as is_set_aside,
        s.value_baseline, s.value_current, s.n_affected, s.n_tested, null as subject
    from of_sites s join of_panels p using (level, unit_id, drug, protocol)
    union all by name
    select
        a.level, a.unit_id, a.drug, a.protocol, 'panel' as explanation,
        a.naive_change_percent is not null as is_tested,
        a.change_percent as change_without_percent,
        coalesce(i.share_in_panel < $least_share_of_inhabitants, false) as is_found_anyway,
        coalesce(abs(a.naive_change_percent - a.change_percent) >= $least_points_of_panel, false) as is_set_aside,
        i.n_baseline as value_baseline, i.n_current as value_current,
        a.n_sites_left_out as n_affected, a.n_sites + a.n_sites_left_out as n_tested, null as subject
    from asked a join inhabitants i using (level, unit_id, drug, protocol)
    union all by name
    select
        a.level, a.unit_id, a.drug, a.protocol, 'single_day' as explanation,
        d.change_without_percent is not null as is_tested,
        d.change_without_percent,
        false as is_found_anyway, false as is_set_aside,
        d.lowest as value_baseline, d.highest as value_current,
        0 as n_affected, coalesce(d.n_tested, 0) as n_tested, d.subject
    from asked a left join of_single_days d using (level, unit_id, drug, protocol)
    union all by name
    select
        a.level, a.unit_id, a.drug, a.protocol, 'single_month' as explanation,
        -- A period of one campaign has no month to leave out: it is told as what it is. Days without a date have none.
        o.is_tested,
        coalesce(m.change_without_percent, a.change_percent) as change_without_percent,
        false as is_found_anyway, false as is_set_aside,
        m.lowest as value_baseline, m.highest as value_current,
        0 as n_affected, coalesce(s.n_tested, 0) as n_tested, s.subject
    from asked a
    join (from of_sites where explanation = 'months') o using (level, unit_id, drug, protocol)
    left join of_single_months m using (level, unit_id, drug, protocol)
    left join single_months s using (level, unit_id, drug, protocol)
),

judged as (
    select
        t.*,
        a.baseline_period, a.current_period, a.change_percent, a.log_change, a.half_width, a.is_simulated,
        ln(greatest(1 + t.change_without_percent / 100, 0.001)) as log_without,
        -- How much of the change it makes: below nothing where without it the change would be larger still.
        (a.log_change - log_without) * sign(a.log_change) as log_effect,
        -- Where the days tell it from none a change is looked at however small; else one below 10 % is little to explain.
        a.verdict in ('fall', 'rise') as is_told_from_none,
        if(coalesce(is_told_from_none, false), 0, $least_log_effect) as least,
        case t.explanation
            when 'single_day' then $least_share_of_one_day * abs(a.log_change)
            -- The error of a month's batches alone moves the mean of a few months by some percent.
            when 'single_month' then greatest($least_share_of_one_month * abs(a.log_change), $least_log_effect)
            else $least_share * abs(a.log_change)
        end as least_part,
        abs(a.log_change) >= least
        -- What is seen at most of the sites counts from 10 % on, though that be a small part.
        and log_effect >= greatest(if(t.is_set_aside, least($least_log_effect, least_part), least_part), least) as is_found,
        -- What is left is not told from no change.
        log_without * sign(a.log_change) <= greatest(a.half_width, least) as is_all,
        -- By how much another season, or sites nobody compared, could have moved it is not known.
        t.is_tested and isfinite(t.change_without_percent)
            and (is_found or not t.is_found_anyway or t.explanation = 'chance') as is_known
    from tests t join asked a using (level, unit_id, drug, protocol)
)

select
    level, unit_id, drug, protocol, baseline_period, current_period, explanation,
    case
        when not is_tested then 'not tested'
        when explanation = 'chance' then if(is_found_anyway, 'all of it', 'nothing found')
        when is_found and is_all then 'all of it'
        when is_found or is_found_anyway then 'part of it'
        when is_set_aside then 'set aside'
        else 'nothing found'
    end as outcome,
    if(is_known, change_without_percent, null) as change_without_percent,
    if(is_known, change_percent - change_without_percent, null) as could_explain_percent,
    value_baseline, value_current, n_affected, n_tested, if(is_tested, subject, null) as subject, is_simulated
from judged
