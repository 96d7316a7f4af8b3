-- One row is how far one drug has fallen or risen at a site, in an area or in the network, from $baseline to $current, by one
-- protocol, over the same sites with weights fixed at the baseline, weekday matched to weekday. Of the frame
-- `compared_sites` (compared_sites.sql). pipeline/changes.py puts intervals and verdicts beside.
-- Grain: level, unit_id, drug, protocol.
with

shared as (from compared_sites where is_in_panel),

-- What shares an error counts by the difference of its shares in the two periods: the same batch, or the same laboratory,
-- in both cancels. It does not shrink with the number of sites.
by_batch as (
    select
        level, unit_id, drug, protocol, laboratory, batch,
        sum_in_order(share, row(side, site_id)) as shift
    from (
        select
            level, unit_id, drug, protocol, site_id, 'baseline' as side, unnest(baseline_laboratories) as laboratory,
            unnest(baseline_batches) as batch,
            -baseline_share * baseline_scale * unnest(baseline_batch_shares) as share
        from shared
        union all
        select
            level, unit_id, drug, protocol, site_id, 'current', unnest(current_laboratories), unnest(current_batches),
            current_share * current_scale * unnest(current_batch_shares)
        from shared
    )
    group by all
),

by_laboratory as (
    select level, unit_id, drug, protocol, laboratory, sum_in_order(shift, batch) as shift
    from by_batch
    group by all
),

shared_errors as (
    select
        level, unit_id, drug, protocol,
        (select rsd from uncertainties where component = 'batch') ^ 2 * b.squares as batch_log_variance,
        (select rsd from uncertainties where component = 'laboratory') ^ 2 * l.squares as laboratory_log_variance
    from (
        select level, unit_id, drug, protocol, sum_in_order(shift ^ 2, row(laboratory, batch)) as squares
        from by_batch
        group by all
    ) b
    join (
        select level, unit_id, drug, protocol, sum_in_order(shift ^ 2, laboratory) as squares
        from by_laboratory
        group by all
    ) l using (level, unit_id, drug, protocol)
),

in_doubt as (
    select
        level, unit_id, drug, protocol,
        -- Where a part is not known of one of the sites, it is not known of their change.
        if(count(days_part) = count(*), sum_in_order(days_part, site_id), null) as days_log_variance,
        -- Both periods of a site have one spread, which is estimated once; so have all sites where they share one.
        if(
            bool_or(is_common_spread),
            min(least(baseline_df, current_df)),
            sum_in_order(days_part, site_id) ^ 2
            / nullif(
                sum_in_order(
                    if(
                        is_common_spread is null, -- no spread was learnt: each period has that of its own days
                        (baseline_share ^ 2 * baseline_days) ^ 2 / baseline_df
                        + (current_share ^ 2 * current_days) ^ 2 / current_df,
                        days_part ^ 2 / least(baseline_df, current_df)
                    ), site_id),
                0
            )
        ) as days_df,
        -- What is not known of spreads that were learnt together is shared by all sites of a period.
        if(
            count(baseline_spread) = count(*) and count(current_spread) = count(*),
            sum_in_order(baseline_share * sqrt(baseline_spread), site_id) ^ 2
            + sum_in_order(current_share * sqrt(current_spread), site_id) ^ 2,
            null
        ) as spread_log_variance,
        if(
            count(baseline_flow_error) = count(*) and count(current_flow_error) = count(*),
            sum_in_order(
                if(
                    is_same_origin,
                    share_shift ^ 2 * greatest(baseline_flow_error, current_flow_error),
                    baseline_share ^ 2 * baseline_flow_error + current_share ^ 2 * current_flow_error
                ), site_id),
            null
        ) as flow_log_variance,
        -- Weighed by the inhabitants they were divided by, masses are all there is: of our own loads nothing is left.
        if(
            count(baseline_population_error) = count(*) and count(current_population_error) = count(*),
            sum_in_order(
                case
                    when not is_same_origin
                        then baseline_share ^ 2 * baseline_population_error + current_share ^ 2 * current_population_error
                    when is_same_weight then share_shift ^ 2 * baseline_population_error
                    when is_measured then 0
                    else 2 * share_shift ^ 2 * baseline_population_error
                end, site_id),
            null
        ) as population_log_variance,
        -- Of the factor itself nothing: it is the same in both periods. Of the ratio by which another source was
        -- subtracted, what that took more or less of.
        (
            sum_in_order(current_share * current_others - baseline_share * baseline_others, site_id)
            * (select rsd from uncertainties where component = 'other sources')
        ) ^ 2 as factor_log_variance,
        -- The change as parts that add up to it. What changed with the laboratory cannot be told from it.
        count(log_ratio) = count(*) as is_split,
        coalesce(sum_in_order(if(not is_laboratory_changed, of_concentration, null), site_id), 0) as part_concentration,
        coalesce(sum_in_order(if(is_laboratory_changed, of_concentration, null), site_id), 0) as part_laboratory,
        coalesce(sum_in_order(split_percent * log_flow_ratio, site_id), 0) as part_flow,
        coalesce(sum_in_order(-split_percent * log_population_ratio, site_id), 0) as part_population,
        coalesce(sum_in_order(split_percent * log_factor_ratio, site_id), 0) as part_factor,
        -- Loads that somebody else reported: how much of each is flow or inhabitants only they know.
        coalesce(sum_in_order(if(log_flow_ratio is null, percent_by_log * log_ratio, null), site_id), 0) as part_reported
    from shared
    group by all
),

-- Sites that are left out because limits alone tell of them, at both ends of what these allow.
lost as (
    select
        level, unit_id, drug, protocol,
        sum_in_order(weight * baseline_least, site_id) as lost_baseline_least,
        sum_in_order(weight * baseline_most, site_id) as lost_baseline_most,
        sum_in_order(weight * current_least, site_id) as lost_current_least,
        sum_in_order(weight * current_most, site_id) as lost_current_most,
        count(weight) = count(*) as is_bounded
    from compared_sites
    where is_lost_to_limits
    group by all
),

compared as (
    select
        level, unit_id, drug, protocol,
        any_value(unit_name) as unit_name,
        any_value(residue) as residue,
        any_value(basis) as basis,
        any_value(area_weights) as area_weights,
        any_value(stable_band_percent) as stable_band_percent,
        any_value(weight_of_all) as weight_of_all,
        any_value(baseline_of_panel) as baseline_of_panel,
        any_value(current_of_panel) as current_of_panel,
        count_if(is_in_panel) as n_sites,
        count_if(not is_in_panel) as n_sites_left_out,
        coalesce(string_agg(site_id, ';' order by site_id) filter (where is_in_panel), '') as panel,
        count_if(is_in_panel and weight is null) as n_without_weight,
        -- The naive figure: whoever is there, weighed as they are then.
        sum_in_order(if(has_baseline, baseline_of_all * weight, null), site_id)
            / sum_in_order(if(has_baseline, weight, null), site_id) as naive_baseline,
        sum_in_order(if(has_current, current_of_all * current_weight, null), site_id)
            / sum_in_order(if(has_current, current_weight, null), site_id) as naive_current,
        coalesce(sum(n_days_baseline) filter (where is_in_panel), 0)::bigint as n_days_baseline,
        coalesce(sum(n_days_current) filter (where is_in_panel), 0)::bigint as n_days_current,
        coalesce(sum(n_censored_baseline) filter (where is_in_panel), 0)::bigint as n_censored_baseline,
        coalesce(sum(n_censored_current) filter (where is_in_panel), 0)::bigint as n_censored_current,
        bool_or(is_in_panel and has_few_weekdays) as has_few_weekdays,
        string_agg(distinct reason_left_out, ' ' order by reason_left_out) as reasons_left_out,
        joined_flags(string_agg(flags, ' ') filter (where is_in_panel)) as flags,
        bool_or(is_provisional) as is_provisional,
        bool_or(is_simulated) as is_simulated
    from compared_sites
    group by level, unit_id, drug, protocol
),

judged as (
    select
        c.*,
        baseline_of_panel / weight_of_all as baseline,
        current_of_panel / weight_of_all as present,
        is_bounded,
        is_bounded is not null as has_lost_sites,
        -- The change over these sites as well lies between the two.
        change_percent(
            coalesce(baseline_of_panel, 0) + lost_baseline_most, coalesce(current_of_panel, 0) + lost_current_least
        ) as by_limits_low,
        change_percent(
            coalesce(baseline_of_panel, 0) + lost_baseline_least, coalesce(current_of_panel, 0) + lost_current_most
        ) as by_limits_high,
        ln(nullif((1 + by_limits_low / 100) / (nullif(present, 0) / baseline), 0)) as lost_log_low,
        ln(nullif((1 + by_limits_high / 100) / (nullif(present, 0) / baseline), 0)) as lost_log_high,
        has_lost_sites and not coalesce(
            is_bounded and greatest(abs(exp(lost_log_low) - 1), abs(exp(lost_log_high) - 1)) <= $most_by_lost_sites, false
        ) as is_moved_by_lost_sites,
        case
            when n_sites = 0 then reasons_left_out
            when n_without_weight > 0 then 'no_population'
            -- As good as zero: a number no computer can hold is no change either.
            when baseline_of_panel = 0
                or not isfinite(change_percent(baseline_of_panel, current_of_panel)) then 'baseline_zero'
            when is_moved_by_lost_sites then 'sites_lost_to_limits'
        end as reason_not,
        if(reason_not is null, change_percent(baseline, present), null) as change_percent,
        if(isfinite(change_percent(naive_baseline, naive_current)), change_percent(naive_baseline, naive_current), null)
            as naive_change_percent
    from compared c left join lost using (level, unit_id, drug, protocol)
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
    j.change_percent,
    if(j.is_bounded and isfinite(j.by_limits_low), j.by_limits_low, null) as by_limits_low_percent,
    if(j.is_bounded and isfinite(j.by_limits_high), j.by_limits_high, null) as by_limits_high_percent,
    -- How far the sites that limits took out could move the logarithm of the ratio, down and up.
    if(j.reason_not is null, coalesce(least(j.lost_log_low, 0), 0), null) as lost_log_low,
    if(j.reason_not is null, coalesce(greatest(j.lost_log_high, 0), 0), null) as lost_log_high,
    d.days_log_variance,
    d.days_df,
    d.spread_log_variance,
    e.batch_log_variance,
    e.laboratory_log_variance,
    d.flow_log_variance,
    d.population_log_variance,
    d.factor_log_variance,
    j.naive_change_percent,
    if(d.is_split, d.part_concentration, null) as part_concentration_percent,
    if(d.is_split, d.part_flow, null) as part_flow_percent,
    if(d.is_split, d.part_population, null) as part_population_percent,
    if(d.is_split, d.part_factor, null) as part_factor_percent,
    if(d.is_split, d.part_laboratory, null) as part_laboratory_percent,
    if(d.is_split, d.part_reported, null) as part_reported_percent,
    if(d.is_split, j.naive_change_percent - j.change_percent, null) as part_panel_percent,
    case
        when j.reason_not is not null then null
        when j.change_percent > j.stable_band_percent then 'increase'
        when j.change_percent < -j.stable_band_percent then 'decrease'
        when j.stable_band_percent is not null then 'stable'
    end as published_class,
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
left join in_doubt d using (level, unit_id, drug, protocol)
left join shared_errors e using (level, unit_id, drug, protocol)
join protocols p on p.protocol = j.protocol
join factors f on f.factor_set = p.factor_set and f.drug = j.drug and f.residue = j.residue
