-- One row is how far one drug has fallen or risen at a site, in an area or in the network, from $baseline to $current, by
-- one protocol, over the same sites with weights fixed at the baseline, weekday matched to weekday.
-- Grain: level, unit_id, drug, protocol.
with

-- Each site with what it had in the two periods; sites seen in one of them only are kept, to be counted.
pairs as (
    select
        coalesce(b.site_id, c.site_id) as site_id,
        coalesce(b.drug, c.drug) as drug,
        coalesce(b.residue, c.residue) as residue,
        coalesce(b.protocol, c.protocol) as protocol,
        coalesce(b.basis, c.basis) as basis,
        b.population as baseline_population,
        c.population as current_population,
        b.n_days as baseline_days,
        c.n_days as current_days,
        b.n_censored as baseline_censored,
        c.n_censored as current_censored,
        b.by_weekday_n_days as baseline_days_by_weekday,
        c.by_weekday_n_days as current_days_by_weekday,
        b.by_weekday_n_censored as baseline_censored_by_weekday,
        c.by_weekday_n_censored as current_censored_by_weekday,
        coalesce(b.state = 'estimated', false) as has_baseline,
        coalesce(c.state = 'estimated', false) as has_current,
        if(b.state is null, 'no_baseline', if(b.state = 'estimated', null, b.reason)) as reason_baseline,
        if(c.state is null, 'no_current', if(c.state = 'estimated', null, c.reason)) as reason_current,
        b.mean_mg_per_day_per_1000 as baseline_mean,
        c.mean_mg_per_day_per_1000 as current_mean,
        b.by_weekday_mg_per_day_per_1000 as baseline_by_weekday,
        c.by_weekday_mg_per_day_per_1000 as current_by_weekday,
        joined_flags(concat_ws(' ', b.flags, c.flags)) as flags,
        coalesce(b.is_provisional, false) or coalesce(c.is_provisional, false) as is_provisional,
        coalesce(b.is_simulated, false) or coalesce(c.is_simulated, false) as is_simulated
    from (select * from site_periods where period = $baseline) b
    full join (select * from site_periods where period = $current) c
        on c.site_id = b.site_id and c.drug = b.drug and c.protocol = b.protocol
),

matched as (
    select
        x.*, p.weekday_rule, p.area_weights, p.stable_band_percent, p.max_censored_share, p.min_detects,
        p.weekday_rule = 'plain' as is_plain,
        -- The weekdays that occur in both periods.
        [
            day for day in [1, 2, 3, 4, 5, 6, 7]
            if baseline_by_weekday[day] is not null and current_by_weekday[day] is not null
        ] as common_weekdays,
        if(is_plain, baseline_mean, list_avg([baseline_by_weekday[day] for day in common_weekdays])) as baseline,
        if(is_plain, current_mean, list_avg([current_by_weekday[day] for day in common_weekdays])) as present,
        coalesce(if(is_plain, baseline_days, list_sum([baseline_days_by_weekday[day] for day in common_weekdays])), 0)
            as n_days_baseline,
        coalesce(if(is_plain, current_days, list_sum([current_days_by_weekday[day] for day in common_weekdays])), 0)
            as n_days_current,
        coalesce(
            if(is_plain, baseline_censored, list_sum([baseline_censored_by_weekday[day] for day in common_weekdays])), 0
        ) as n_censored_baseline,
        coalesce(
            if(is_plain, current_censored, list_sum([current_censored_by_weekday[day] for day in common_weekdays])), 0
        ) as n_censored_current,
        not is_plain and len(common_weekdays) < 7 as has_few_weekdays
    from pairs x join protocols p using (protocol)
),

-- What the protocol asks of a period it asks of the days that are compared as well: they may be fewer.
chosen as (
    select
        *,
        coalesce(
            reason_baseline,
            reason_current,
            case
                when not is_plain and len(common_weekdays) = 0 then 'no_common_weekday'
                when n_censored_baseline > max_censored_share * n_days_baseline
                    or n_censored_current > max_censored_share * n_days_current then 'mostly_below_limit'
                when n_days_baseline - n_censored_baseline < min_detects
                    or n_days_current - n_censored_current < min_detects then 'too_few_detects'
            end
        ) as reason_left_out,
        reason_left_out is null as is_in_panel,
        -- Seen in both periods, and not compared because one of them says no more than "below the limit" or "above it":
        -- such sites may be just those that changed most.
        coalesce(
            reason_left_out in ('mostly_below_limit', 'too_few_detects', 'limit_unknown', 'above_upper_limit')
            and baseline_days is not null and current_days is not null and (has_baseline or has_current),
            false
        ) as is_lost_to_limits
    from matched
),

places as (
    select 'site' as level, m.site_id as unit_id, coalesce(s.site_name, m.site_id) as unit_name, m.*
    from chosen m left join current_sites s using (site_id)
    union all by name
    select a.level, a.unit_id, a.unit_name, m.*
    from chosen m join area_of_site a using (site_id)
),

compared as (
    select
        level, unit_id, drug, protocol,
        any_value(unit_name) as unit_name,
        any_value(residue) as residue,
        any_value(basis) as basis,
        any_value(area_weights) as area_weights,
        any_value(stable_band_percent) as stable_band_percent,
        count_if(is_in_panel) as n_sites,
        count_if(not is_in_panel) as n_sites_left_out,
        coalesce(string_agg(site_id, ';' order by site_id) filter (where is_in_panel), '') as panel,
        -- One site needs no weight; a panel weighted by population needs all of them.
        if(level = 'site' or any_value(area_weights) = 'none', 1, null) as same_weight,
        count_if(is_in_panel and baseline_population is null) as n_without_population,
        sum(baseline * coalesce(same_weight_of_row, baseline_population) order by site_id) filter (where is_in_panel)
            as baseline_sum,
        sum(present * coalesce(same_weight_of_row, baseline_population) order by site_id) filter (where is_in_panel)
            as current_sum,
        sum(coalesce(same_weight_of_row, baseline_population) order by site_id) filter (where is_in_panel) as weight_sum,
        -- The naive figure: whoever is there, weighed as they are then.
        sum(baseline_mean * coalesce(same_weight_of_row, baseline_population) order by site_id) filter (where has_baseline)
            / sum(coalesce(same_weight_of_row, baseline_population) order by site_id) filter (where has_baseline)
            as naive_baseline,
        sum(current_mean * coalesce(same_weight_of_row, current_population) order by site_id) filter (where has_current)
            / sum(coalesce(same_weight_of_row, current_population) order by site_id) filter (where has_current)
            as naive_current,
        coalesce(sum(n_days_baseline) filter (where is_in_panel), 0)::bigint as n_days_baseline,
        coalesce(sum(n_days_current) filter (where is_in_panel), 0)::bigint as n_days_current,
        coalesce(sum(n_censored_baseline) filter (where is_in_panel), 0)::bigint as n_censored_baseline,
        coalesce(sum(n_censored_current) filter (where is_in_panel), 0)::bigint as n_censored_current,
        bool_or(is_in_panel and has_few_weekdays) as has_few_weekdays,
        bool_or(is_lost_to_limits) as has_lost_sites,
        string_agg(distinct reason_left_out, ' ' order by reason_left_out) as reasons_left_out,
        joined_flags(string_agg(flags, ' ') filter (where is_in_panel)) as flags,
        bool_or(is_provisional) as is_provisional,
        bool_or(is_simulated) as is_simulated
    from (
        select *, if(level = 'site' or area_weights = 'none', 1.0, null) as same_weight_of_row
        from places
    )
    group by level, unit_id, drug, protocol
),

judged as (
    select
        *,
        baseline_sum / weight_sum as baseline,
        current_sum / weight_sum as present,
        case
            when n_sites = 0 then reasons_left_out
            when same_weight is null and n_without_population > 0 then 'no_population'
            -- As good as zero: a number no computer can hold is no change either.
            when baseline_sum = 0 or not isfinite(change_percent(baseline_sum, current_sum)) then 'baseline_zero'
        end as reason_not
    from compared
)

select
    j.level,
    j.unit_id,
    j.unit_name,
    j.drug,
    f.drug_name,
    j.residue,
    j.protocol,
    j.basis,
    $baseline as baseline_period,
    $current as current_period,
    if(j.reason_not is null or j.reason_not = 'baseline_zero', j.baseline, null) as baseline_mg_per_day_per_1000,
    if(j.reason_not is null or j.reason_not = 'baseline_zero', j.present, null) as current_mg_per_day_per_1000,
    if(j.reason_not is null, change_percent(j.baseline, j.present), null) as change_percent,
    null::double as ci_low_percent,
    null::double as ci_high_percent,
    if(j.reason_not is null, null, 'not estimable') as verdict,
    null::double as smallest_detectable_fall_percent,
    if(isfinite(change_percent(j.naive_baseline, j.naive_current)), change_percent(j.naive_baseline, j.naive_current), null)
        as naive_change_percent,
    case
        when j.reason_not is not null then null
        when change_percent(j.baseline, j.present) > j.stable_band_percent then 'increase'
        when change_percent(j.baseline, j.present) < -j.stable_band_percent then 'decrease'
        when j.stable_band_percent is not null then 'stable'
    end as published_class,
    null::varchar as credibility,
    j.n_sites,
    j.n_sites_left_out,
    j.panel,
    j.area_weights,
    j.n_days_baseline,
    j.n_days_current,
    j.n_censored_baseline,
    j.n_censored_current,
    if(j.reason_not is null, 'estimated', 'not estimable') as state,
    coalesce(
        j.reason_not,
        nullif(
            concat_ws(
                ' ',
                if(j.has_few_weekdays, 'weekdays_incomplete', null),
                if(j.has_lost_sites, 'sites_lost_to_limits', null)
            ),
            ''
        )
    ) as reason,
    j.flags,
    j.is_provisional,
    j.is_simulated
from judged j
join protocols p on p.protocol = j.protocol
join factors f on f.factor_set = p.factor_set and f.drug = j.drug and f.residue = j.residue
