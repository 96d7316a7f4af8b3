-- One row is the mean of one drug at one site over one period of the view spanned_days, by one protocol: of a calendar
-- (days_by_calendar), or one of two that are compared (days_of_two).
-- Grain: site_id, period_kind, period, drug, protocol. Sums run in a fixed order, so that the same days give the same last
-- digit.
-- Where a protocol learns what lies below limits from the days themselves, pipeline/periods.py puts its means in place
-- of those that stand here, and beside all their intervals, and the same in doses, as a mass, and per inhabitant aged 15
-- to 64: what these need stands here too.
with

days as (
    select
        *,
        -- Amphetamine without the methamphetamine that would be subtracted from it is as good as not measured.
        reason is distinct from 'methamphetamine_unknown' as is_known
    from spanned_days
),

-- The days of a weekday in their order, once for all that is summed of them. Sorted afterwards: a list that is put together
-- in order takes DuckDB ten times as long.
in_order as (
    select
        site_id, drug, protocol, span, weekday,
        min(sampling_year) as sampling_year,
        any_value(residue) as residue,
        any_value(basis) as basis,
        min(origin) as origin, -- one for all days of a year: loads of our own take the place of reported ones
        list_sort(list(
            {
                'sampled_on': sampled_on,
                'origin': origin,
                'amount': amount_mg_per_day_per_1000,
                -- What is known by the limits alone: a day below its limit holds between nothing and the limit.
                -- One above the range of its method holds at least that.
                'lowest': case
                    when not is_known then null
                    when is_censored then 0
                    when reason = 'above_upper_limit' then coalesce(amount_limit_mg_per_day_per_1000, 0)
                    else amount_mg_per_day_per_1000
                end,
                'highest': case
                    when not is_known then null
                    when is_censored then amount_limit_mg_per_day_per_1000
                    else amount_mg_per_day_per_1000
                end,
                'mass': mass_mg_per_day(amount_mg_per_day_per_1000, population),
                'load': load_mg_per_day_per_1000,
                'others': other_sources_mg_per_day_per_1000,
                'population': population,
                'is_known': is_known
            }
        )) as days,
        count_if(is_known) as n_days,
        count_if(not is_known) as n_methamphetamine_unknown,
        count_if(is_censored and is_known) as n_censored,
        count_if(reason = 'limit_unknown') as n_limit_unknown,
        count_if(reason = 'above_upper_limit') as n_above_range,
        min(reason) filter (
            where reason in ('amphetamine_from_methamphetamine', 'methamphetamine_above_range')
        ) as reason_not_net,
        max(population_rsd) filter (where is_known) as population_rsd,
        max(flow_rsd) as flow_rsd,
        any_value(correction_factor_log_sd) as correction_factor_log_sd,
        joined_flags(string_agg(flags, ' ') filter (where is_known)) as flags,
        bool_or(is_provisional) as is_provisional,
        bool_or(is_simulated) as is_simulated
    from days
    group by site_id, drug, protocol, span, weekday
),

by_weekday as (
    select
        * exclude (days),
        [day.amount for day in days] as amounts,
        [day.lowest for day in days] as lowest,
        [day.highest for day in days] as highest,
        [day.mass for day in days] as masses,
        [day for day in days if day.others is not null] as net_days,
        -- Of net figures, by their amounts: how much was subtracted, and how errors grow by that.
        [day.amount * day.others / (day.load - day.others) for day in net_days] as others,
        [day.amount * net_error_scale(day.load, day.others) for day in net_days] as scaled_amounts,
        [day.population for day in days if day.is_known] as populations
    from in_order
),

-- Of which laboratories and batches the days are. Where nobody says it is one and the same laboratory, so that nothing is
-- taken to cancel out, and a batch a month. A day of several is in equal parts theirs.
as_stated as (
    select
        site_id, drug, protocol, span,
        coalesce(laboratory, 'not stated') as laboratory,
        coalesce(batch, strftime(sampled_on, '%Y-%m'), sampling_year::varchar) as batch,
        coalesce(contains(flags, 'several_laboratories'), false) as is_of_several,
        min(coalesce(strftime(sampled_on, '%Y-%m'), sampling_year::varchar)) as instead_of_batch,
        count(*) as n_days
    from days
    where is_known
    group by all
),

by_laboratory as (
    select
        * exclude (laboratory, batch, n_days),
        if(is_of_several, string_split(laboratory, ' + '), [laboratory]) as laboratories,
        string_split(batch, ' + ') as batches,
        -- Of several each beside its own batch; one may have several.
        greatest(len(laboratories), len(batches)) as n_pairs,
        [
            {'laboratory': laboratories[if(is_of_several, i, 1)], 'batch': batches[i]} for i in range(1, n_pairs + 1)
        ] as pairs,
        n_days / n_pairs as n_days_of_each
    from as_stated
),

by_batch as (
    select
        site_id, drug, protocol, span, pair.laboratory as laboratory,
        coalesce(nullif(pair.batch, ''), instead_of_batch) as batch,
        sum_in_order(n_days_of_each, n_days_of_each) as n_days
    from (select *, unnest(pairs) as pair from by_laboratory)
    group by all
),

all_batches as (
    select site_id, drug, protocol, span, sum_in_order(n_days, row(laboratory, batch)) as n_in_period from by_batch group by all
),

batches as (
    select
        site_id, drug, protocol, span,
        list_sort(list({'laboratory': laboratory, 'batch': batch, 'share': n_days / n_in_period})) as shares,
        [each.laboratory for each in shares] as laboratories,
        [each.batch for each in shares] as batches,
        [each.share for each in shares] as batch_shares
    from by_batch join all_batches using (site_id, drug, protocol, span)
    group by site_id, drug, protocol, span
),

weeks as (
    select
        site_id, drug, protocol, span,
        min(sampling_year) as sampling_year,
        any_value(residue) as residue,
        any_value(basis) as basis,
        min(origin) as origin,
        sum(n_days)::bigint as n_days,
        sum(n_censored)::bigint as n_censored,
        sum(n_limit_unknown)::bigint as n_limit_unknown,
        sum(n_above_range)::bigint as n_above_range,
        sum(n_methamphetamine_unknown)::bigint as n_methamphetamine_unknown,
        min(reason_not_net) as reason_not_net,
        count_if(n_days > 0) as n_weekdays,
        list_sort(list(
            {
                'weekday': weekday, 'n_days': n_days, 'n_censored': n_censored, 'amounts': amounts, 'lowest': lowest,
                'highest': highest, 'masses': masses, 'others': others, 'scaled_amounts': scaled_amounts,
                'populations': populations
            }
        )) as week,
        max(population_rsd) as population_rsd,
        max(flow_rsd) as flow_rsd,
        any_value(correction_factor_log_sd) as correction_factor_log_sd,
        joined_flags(string_agg(flags, ' ')) as flags,
        bool_or(is_provisional) as is_provisional,
        bool_or(is_simulated) as is_simulated
    from by_weekday
    group by site_id, drug, protocol, span
),

means as (
    select
        * exclude (week),
        [day.weekday for day in week] as weekdays,
        [day.n_days for day in week] as weekday_n_days,
        [day.n_censored for day in week] as weekday_n_censored,
        [list_avg(day.amounts) for day in week] as weekday_means,
        [list_avg(day.masses) for day in week] as weekday_masses,
        [list_avg(day.lowest) for day in week] as weekday_lowest,
        [list_avg(day.highest) for day in week] as weekday_highest,
        flatten([day.amounts for day in week]) as amounts,
        list_avg(amounts) as plain_mean,
        list_avg(flatten([day.masses for day in week])) as plain_mass,
        list_avg(flatten([day.lowest for day in week])) as plain_lowest,
        list_avg(flatten([day.highest for day in week])) as plain_highest,
        list_avg(flatten([day.amounts for day in week if day.weekday in (2, 3, 4)])) as midweek_mean,
        list_avg(flatten([day.amounts for day in week if day.weekday in (5, 6, 7, 1)])) as weekend_mean,
        list_aggregate(amounts, 'stddev_samp') as sd,
        list_sum(amounts) as amount_sum,
        list_sum(flatten([day.others for day in week])) as other_sum,
        list_sum(flatten([day.scaled_amounts for day in week])) as scaled_sum,
        flatten([day.populations for day in week]) as populations,
        list_avg(populations) as population,
        list_min(populations) = list_max(populations) as is_population_steady
    from weeks
),

judged as (
    select
        m.*,
        weekday_rule = 'weekday_means' and n_weekdays < 7 as is_week_incomplete,
        -- Periods that are compared hold the same weekdays, also where these are few.
        weekday_rule = 'weekday_means' and (n_weekdays = 7 or span.kind = 'matched') as is_by_weekday,
        coalesce(scaled_sum / nullif(amount_sum, 0), 1) as error_scale,
        case
            when n_above_range > 0 then 'above_upper_limit' -- without its highest days a mean is too low
            when n_limit_unknown > 0 then 'limit_unknown'
            when reason_not_net is not null then reason_not_net -- the days left out are those with least of the drug
            when n_days = 0 then 'methamphetamine_unknown'
            when p.below_limit = 'likelihood' then null -- judged by the whole year: pipeline/periods.py
            when n_censored > p.max_censored_share * n_days then 'mostly_below_limit'
            when n_days - n_censored < p.min_detects then 'too_few_detects'
        end as reason_not
    from means m join protocols p using (protocol)
)

select
    site_id,
    sampling_year,
    span.kind as period_kind,
    span.period as period,
    drug,
    residue,
    protocol,
    basis,
    origin,
    n_days,
    n_censored,
    n_weekdays,
    if(reason_not is not null, null, if(is_by_weekday, list_avg(weekday_means), plain_mean)) as mean_mg_per_day_per_1000,
    if(reason_not_net is not null, null, if(is_by_weekday, list_avg(weekday_lowest), plain_lowest))
        as at_least_mg_per_day_per_1000,
    if(
        reason_not_net is not null or n_limit_unknown > 0 or n_above_range > 0, null,
        if(is_by_weekday, list_avg(weekday_highest), plain_highest)
    ) as at_most_mg_per_day_per_1000,
    sd as sd_mg_per_day_per_1000,
    coalesce(laboratories, []) as laboratories,
    coalesce(batches, []) as batches,
    coalesce(batch_shares, []) as batch_shares,
    error_scale,
    coalesce(other_sum / nullif(amount_sum, 0), 0) as other_sources_share, -- what was subtracted, of what is left
    error_scale ^ 2 * (select rsd from uncertainties where component = 'batch') ^ 2
        * list_sum([share ^ 2 for share in batch_shares]) as batch_log_variance,
    error_scale ^ 2 * (select rsd from uncertainties where component = 'laboratory') ^ 2
        * list_sum([
            share_of_laboratory(laboratory, laboratories, batch_shares) ^ 2 for laboratory in list_distinct(laboratories)
        ]) as laboratory_log_variance,
    flow_rsd ^ 2 as flow_log_variance,
    population_rsd ^ 2 as population_log_variance,
    -- With the ratio by which other sources were subtracted: a drug's own as well.
    correction_factor_log_sd ^ 2
        + (other_sources_share * (select rsd from uncertainties where component = 'other sources')) ^ 2
        as factor_log_variance,
    [weekday_means[list_position(weekdays, day)] for day in [1, 2, 3, 4, 5, 6, 7]] as by_weekday_mg_per_day_per_1000,
    [coalesce(weekday_n_days[list_position(weekdays, day)], 0) for day in [1, 2, 3, 4, 5, 6, 7]] as by_weekday_n_days,
    [coalesce(weekday_n_censored[list_position(weekdays, day)], 0) for day in [1, 2, 3, 4, 5, 6, 7]]
        as by_weekday_n_censored,
    if(reason_not is null, midweek_mean, null) as weekday_mean_mg_per_day_per_1000,
    if(reason_not is null, weekend_mean, null) as weekend_mean_mg_per_day_per_1000,
    population,
    -- What all inhabitants made of it: the mean of the days' masses, as the inhabitants may differ from day to day.
    if(reason_not is not null, null, if(is_by_weekday, list_avg(weekday_masses), plain_mass)) as mass_mg_per_day,
    is_population_steady,
    dose_mg,
    dose_status,
    share_aged_15_to_64,
    -- The flow's error is in a mass also where a marker of the sample counts the inhabitants, and it cancels in the mean. A
    -- reported load was divided by the inhabitants of whoever reported it: times ours, their error does not cancel.
    if(origin = 'measured', (select rsd from uncertainties where component = 'flow') ^ 2, null) as mass_flow_log_variance,
    if(reason_not is null, 'estimated', 'not estimable') as state,
    coalesce(reason_not, if(is_week_incomplete, 'weekdays_incomplete', null)) as reason,
    joined_flags(concat_ws(' ', flags, if(n_methamphetamine_unknown > 0 and n_days > 0, 'methamphetamine_unknown', null)))
        as flags,
    is_provisional,
    is_simulated
from judged
left join batches using (site_id, drug, protocol, span) -- none where no day is known
left join (select site_id, share_aged_15_to_64 from current_sites) using (site_id)
left join (
    select protocol, drug, dose_mg, dose_status from protocols join doses using (factor_set) where basis = 'consumption'
) using (protocol, drug)
