-- One row is one site of one place (itself, an area, the network) of which two periods are compared, by one drug and
-- protocol: what it had in each of them, whether it is in the panel, and by which weight and share it counts there.
-- Of the frame `sides`: the means of each site over the two periods, of all days and of those that match.
-- Grain: level, unit_id, site_id, drug, protocol.
with

of_all as (select * from sides where period_kind = 'all'),
of_matched as (select * from sides where period_kind = 'matched'),

-- Each site with what it had in the two periods; sites seen in one of them only are kept, to be counted.
beside as (
    select
        k.site_id, k.drug, k.protocol,
        coalesce(ab.residue, ac.residue) as residue,
        coalesce(ab.basis, ac.basis) as basis,
        p.area_weights, p.stable_band_percent, p.weekday_rule = 'weekday_means' as is_weekday_matched, p.below_limit = 'zero' as counts_as_zero,
        ab.population as baseline_population,
        ac.population as current_population,
        coalesce(ab.state = 'estimated', false) as has_baseline,
        coalesce(ac.state = 'estimated', false) as has_current,
        ab.mean_mg_per_day_per_1000 as baseline_of_all,
        ac.mean_mg_per_day_per_1000 as current_of_all,
        b.mean_mg_per_day_per_1000 as baseline,
        c.mean_mg_per_day_per_1000 as present,
        coalesce(b.n_days, 0) as n_days_baseline,
        coalesce(c.n_days, 0) as n_days_current,
        coalesce(b.n_censored, 0) as n_censored_baseline,
        coalesce(c.n_censored, 0) as n_censored_current,
        c.n_weekdays as n_weekdays_current,
        case
            when ab.state is null then 'no_baseline'
            when ac.state is null then 'no_current'
            when b.state is null or c.state is null then 'no_common_weekday'
            when b.state <> 'estimated' then b.reason
            when c.state <> 'estimated' then c.reason
        end as reason_left_out,
        -- What limits alone say of the means.
        b.at_least_mg_per_day_per_1000 as baseline_at_least, b.at_most_mg_per_day_per_1000 as baseline_at_most,
        c.at_least_mg_per_day_per_1000 as current_at_least, c.at_most_mg_per_day_per_1000 as current_at_most,
        -- Of the two periods, what leaves each in doubt.
        b.days_log_variance as baseline_days, b.days_df as baseline_df, b.spread_log_variance as baseline_spread,
        c.days_log_variance as current_days, c.days_df as current_df, c.spread_log_variance as current_spread,
        b.is_common as is_common_spread,
        b.error_scale as baseline_scale, c.error_scale as current_scale,
        b.other_sources_share as baseline_others, c.other_sources_share as current_others,
        b.flow_log_variance as baseline_flow_error, c.flow_log_variance as current_flow_error,
        b.population_log_variance as baseline_population_error, c.population_log_variance as current_population_error,
        -- Errors of a meter or a count cancel between two periods that rest on the same one.
        b.origin = c.origin as is_same_origin,
        b.origin = 'measured' and c.origin = 'measured' as is_measured,
        b.laboratories as baseline_laboratories, c.laboratories as current_laboratories,
        b.batches as baseline_batches, c.batches as current_batches,
        b.batch_shares as baseline_batch_shares, c.batch_shares as current_batch_shares,
        b.origin as baseline_origin, c.origin as current_origin,
        b.mean_flow_m3_per_day as baseline_flow_m3_per_day, c.mean_flow_m3_per_day as current_flow_m3_per_day,
        b.mean_factor as baseline_factor, c.mean_factor as current_factor,
        ln(nullif(c.population, 0) / nullif(b.population, 0)) as log_population_ratio,
        joined_flags(concat_ws(' ', ab.flags, ac.flags)) as flags,
        coalesce(ab.is_provisional, false) or coalesce(ac.is_provisional, false) as is_provisional,
        coalesce(ab.is_simulated, false) or coalesce(ac.is_simulated, false) as is_simulated
    from (select distinct site_id, drug, protocol from of_all) k
    join protocols p using (protocol)
    left join (from of_all where period = 'baseline') ab using (site_id, drug, protocol)
    left join (from of_all where period = 'current') ac using (site_id, drug, protocol)
    left join (from of_matched where period = 'baseline') b using (site_id, drug, protocol)
    left join (from of_matched where period = 'current') c using (site_id, drug, protocol)
),

-- A separate step, to save planning time: DuckDB 1.5 resolves an alias used within its own select slowly where many tables
-- are joined.
pairs as (
    select
        *,
        is_weekday_matched and n_weekdays_current < 7 as has_few_weekdays,
        reason_left_out is null as is_in_panel,
        -- What it had at both ends of what limits say. Where no limit is stated, no more than the other period had.
        coalesce(baseline, baseline_at_least) as baseline_least,
        coalesce(present, current_at_least) as current_least,
        coalesce(
            baseline, baseline_at_most, nullif(greatest(baseline_at_least, present), 0), current_at_most,
            nullif(current_at_least, 0)
        ) as baseline_most,
        coalesce(
            present, current_at_most, nullif(greatest(current_at_least, baseline), 0), baseline_at_most,
            nullif(baseline_at_least, 0)
        ) as current_most,
        -- Measured in both periods, and not compared because one of them says no more than "below the limit" or "above it":
        -- such sites may be just those that changed most. Where neither states a limit nothing is known of them.
        coalesce(reason_left_out in ('mostly_below_limit', 'too_few_detects', 'limit_unknown', 'above_upper_limit'), false)
            and baseline_most is not null and current_most is not null as is_lost_to_limits,
        -- How much of the days went from one laboratory to another.
        list_sum([
            abs(
                share_of_laboratory(laboratory, current_laboratories, current_batch_shares)
                - share_of_laboratory(laboratory, baseline_laboratories, baseline_batch_shares)
            ) for laboratory in list_distinct(baseline_laboratories || current_laboratories)
        ]) / 2 as laboratory_shift,
        laboratory_shift >= $least_laboratory_shift - 1e-9 as is_laboratory_changed,
        -- The two means as concentration times flow times factor over inhabitants.
        logarithmic_mean(present, baseline) as between_means,
        if(baseline > 0 and present > 0, ln(present / baseline), null) as log_ratio,
        ln(nullif(current_flow_m3_per_day, 0) / nullif(baseline_flow_m3_per_day, 0)) as log_flow_ratio,
        if(is_same_value(current_factor, baseline_factor), 0, ln(nullif(current_factor, 0) / nullif(baseline_factor, 0)))
            as log_factor_ratio
    from beside
),

places as (
    select 'site' as level, x.site_id as unit_id, coalesce(s.site_name, x.site_id) as unit_name, x.*
    from pairs x left join current_sites s using (site_id)
    union all by name
    select a.level, a.unit_id, a.unit_name, x.*
    from pairs x join area_of_site a using (site_id)
),

-- One site needs no weight; a panel weighted by population needs all of them.
weighed as (
    select
        *,
        level = 'site' or area_weights = 'none' as is_same_weight,
        if(is_same_weight, 1.0, baseline_population) as weight,
        if(is_same_weight, 1.0, current_population) as current_weight
    from places
),

totals as (
    select
        level, unit_id, drug, protocol,
        sum_in_order(weight, site_id) as weight_of_all,
        sum_in_order(weight * baseline, site_id) as baseline_of_panel,
        sum_in_order(weight * present, site_id) as current_of_panel
    from weighed
    where is_in_panel
    group by all
)

-- Of each site of the panel its share of the two amounts, by which its errors count.
select
    w.*,
    t.weight_of_all,
    t.baseline_of_panel,
    t.current_of_panel,
    if(w.is_in_panel, w.weight * w.baseline / nullif(t.baseline_of_panel, 0), null) as baseline_share,
    if(w.is_in_panel, w.weight * w.present / nullif(t.current_of_panel, 0), null) as current_share,
    current_share - baseline_share as share_shift,
    baseline_share ^ 2 * w.baseline_days + current_share ^ 2 * w.current_days as days_part,
    -- In points of percent of the baseline, over the whole panel.
    if(w.is_in_panel, 100 * w.weight * w.between_means / nullif(t.baseline_of_panel, 0), null) as percent_by_log,
    if(w.log_flow_ratio is null, null, percent_by_log) as split_percent,
    split_percent * (w.log_ratio + w.log_population_ratio - w.log_flow_ratio - w.log_factor_ratio) as of_concentration
from weighed w left join totals t using (level, unit_id, drug, protocol)
