-- One row is the mean of one drug over sites of an area, or of the network, in one period: of the view averaged_sites, all that
-- are available in a year (sites_of_areas) or those of a series (sites_of_series). Which sites are available differs from
-- period to period: for changes see changes.sql, which compares the same sites.
-- Grain: level, unit_id, period, drug, protocol.
with

available as (from averaged_sites),

-- Sites where the drug was measured at all, in any period and by any protocol.
known_sites as (
    select a.level, a.unit_id, s.drug, s.basis, count(distinct s.site_id) as n_known_sites
    from site_periods s join area_of_site a using (site_id)
    group by all
),

-- What the shares are of. Sums in a stated order: over a window they could differ in their last digit from run to run.
totals as (
    select
        level, unit_id, period_kind, period, drug, protocol,
        sum_in_order(weight, site_id) as weight_of_all,
        sum_in_order(weight * mean_mg_per_day_per_1000, site_id) as amount_of_all
    from available
    where state = 'estimated' and weight is not null
    group by all
),

-- Of each site its share of the area's inhabitants and of its amount, by which its errors count.
estimated as (
    select
        *,
        state = 'estimated' and weight is not null as is_in,
        if(is_in, weight / weight_of_all, null) as inhabitants_share,
        if(is_in, weight * mean_mg_per_day_per_1000 / nullif(amount_of_all, 0), null) as amount_share
    from available
    left join totals using (level, unit_id, period_kind, period, drug, protocol)
),

-- One error for all days of a batch, however many sites have some; likewise for a laboratory.
by_batch as (
    select
        level, unit_id, period_kind, period, drug, protocol, laboratory, batch,
        sum_in_order(amount_share * error_scale * batch_share, site_id) as share
    from (
        select
            *, unnest(laboratories) as laboratory, unnest(batches) as batch, unnest(batch_shares) as batch_share
        from estimated
        where amount_share is not null
    )
    group by all
),

by_laboratory as (
    select level, unit_id, period_kind, period, drug, protocol, laboratory, sum_in_order(share, batch) as share
    from by_batch
    group by all
),

shared_errors as (
    select
        level, unit_id, period_kind, period, drug, protocol,
        (select rsd from uncertainties where component = 'batch') ^ 2 * b.squares as batch_log_variance,
        (select rsd from uncertainties where component = 'laboratory') ^ 2 * l.squares as laboratory_log_variance
    from (
        select level, unit_id, period_kind, period, drug, protocol, sum_in_order(share ^ 2, row(laboratory, batch)) as squares
        from by_batch
        group by all
    ) b
    join (
        select level, unit_id, period_kind, period, drug, protocol, sum_in_order(share ^ 2, laboratory) as squares
        from by_laboratory
        group by all
    ) l using (level, unit_id, period_kind, period, drug, protocol)
),

means as (
    select
        level, unit_id, any_value(unit_name) as unit_name, period_kind, period, drug, protocol,
        any_value(sampling_year) as sampling_year,
        any_value(residue) as residue,
        any_value(basis) as basis,
        any_value(area_weights) as area_weights,
        count_if(is_in) as n_sites,
        count_if(not is_in) as n_sites_left_out,
        count(*) as n_sites_with_days,
        bool_or(is_in and reason = 'weekdays_incomplete') as has_incomplete_weeks,
        bool_or(state = 'estimated') as has_site,
        -- By the limits alone, over all sites with days, also those without an estimate.
        sum_in_order(weight * at_least_mg_per_day_per_1000, site_id) / sum_in_order(weight, site_id) as at_least,
        count_if(weight is null or at_least_mg_per_day_per_1000 is null) = 0 as is_at_least_known,
        sum_in_order(weight * at_most_mg_per_day_per_1000, site_id) / sum_in_order(weight, site_id) as at_most,
        count_if(weight is null or at_most_mg_per_day_per_1000 is null) = 0 as is_at_most_known,
        coalesce(sum(n_days) filter (where is_in), 0)::bigint as n_days,
        coalesce(sum(n_censored) filter (where is_in), 0)::bigint as n_censored,
        -- Missing sites are no zeros: they are left out of both sums.
        sum_in_order(if(is_in, mean_mg_per_day_per_1000 * weight, null), site_id)
            / sum_in_order(if(is_in, weight, null), site_id) as mean,
        -- The mass of an area needs the inhabitants of each of its sites.
        if(
            count_if(state = 'estimated' and population is null) = 0,
            sum_in_order(if(state = 'estimated', population, null), site_id),
            null
        ) as population,
        if(
            count_if(is_in and mass_mg_per_day is null) = 0,
            sum_in_order(if(state = 'estimated', mass_mg_per_day, null), site_id), null
        ) as mass,
        -- Likewise its inhabitants aged 15 to 64 the share of each.
        if(
            count_if(state = 'estimated' and population_aged_15_to_64 is null) = 0,
            sum_in_order(if(state = 'estimated', population_aged_15_to_64, null), site_id),
            null
        ) as population_aged_15_to_64,
        sum_in_order(if(state = 'estimated', mass_mg_per_day(mean_mg_per_day_per_1000, population), null), site_id)
            as mass_of_means,
        if(
            count_if(state = 'estimated' and mean_mg_per_day_per_1000_aged_15_to_64 is null) = 0,
            avg_in_order(if(state = 'estimated', mean_mg_per_day_per_1000_aged_15_to_64, null), site_id),
            null
        ) as plain_mean_aged_15_to_64,
        -- Where a part is not known of one of the sites, it is not known of their mean.
        if(
            count_if(is_in and days_log_variance is null) = 0,
            sum_in_order(amount_share ^ 2 * days_log_variance, site_id), null
        ) as days_log_variance,
        -- Satterthwaite's: many sites whose spread is little known make a sum that is known well.
        sum_in_order(amount_share ^ 2 * days_log_variance, site_id) ^ 2
            / nullif(sum_in_order((amount_share ^ 2 * days_log_variance) ^ 2 / days_df, site_id), 0) as days_df,
        -- The sites share the rhythm of the week, and mostly the weekdays they were sampled on.
        if(
            count_if(is_in and weekdays_log_bias is null) = 0,
            sum_in_order(amount_share * weekdays_log_bias, site_id), null
        ) as weekdays_log_bias,
        -- What is not known of spreads that were learnt together is shared by all sites.
        if(
            count_if(is_in and spread_log_variance is null) = 0,
            sum_in_order(amount_share * sqrt(spread_log_variance), site_id) ^ 2, null
        ) as spread_log_variance,
        if(
            count_if(is_in and flow_log_variance is null) = 0,
            sum_in_order(
                amount_share ^ 2 * flow_log_variance
                -- Where it cancels in a site's amount it is left in its inhabitants, and so in its weight.
                + if(
                    origin = 'measured' and flow_log_variance = 0 and area_weights = 'population',
                    (amount_share - inhabitants_share) ^ 2 * (select rsd from uncertainties where component = 'flow') ^ 2, 0
                ), site_id),
            null
        ) as flow_log_variance,
        -- Weighed by inhabitants, an area's amount is a mass over their number: the number's error is that of their sum. A
        -- reported load was divided by the inhabitants of whoever reported it, and is weighed by ours.
        if(
            count_if(is_in and population_log_variance is null) = 0,
            sum_in_order(
                case
                    when area_weights <> 'population' then amount_share ^ 2
                    when origin = 'measured' then inhabitants_share ^ 2
                    else amount_share ^ 2 + (amount_share - inhabitants_share) ^ 2
                end * population_log_variance, site_id),
            null
        ) as population_log_variance,
        -- In a mass concentration times flow is all there is: the inhabitants it was divided by cancel, the flow does not.
        -- Only where these are the sites' weights are the shares of the amount those of the mass, and only of our own
        -- loads are they the same inhabitants.
        if(
            any_value(area_weights) = 'population' and bool_and(origin = 'measured') filter (where is_in),
            sum_in_order(amount_share ^ 2, site_id) * (select rsd from uncertainties where component = 'flow') ^ 2,
            null
        ) as mass_flow_log_variance,
        -- One error of the factor for all of them.
        if(
            count_if(is_in and factor_log_variance is null) = 0,
            sum_in_order(amount_share * sqrt(factor_log_variance), site_id) ^ 2, null
        ) as factor_log_variance,
        joined_flags(string_agg(flags, ' ') filter (where is_in)) as flags,
        bool_or(is_provisional) as is_provisional,
        bool_or(is_simulated) as is_simulated
    from estimated
    group by level, unit_id, period_kind, period, drug, protocol
)

select
    level,
    unit_id,
    unit_name,
    sampling_year,
    period_kind,
    period,
    drug,
    residue,
    protocol,
    basis,
    n_sites,
    n_sites_left_out,
    area_weights,
    n_known_sites - n_sites_with_days as n_sites_without_days,
    n_days,
    n_censored,
    mean as mean_mg_per_day_per_1000,
    if(is_at_least_known, at_least, null) as at_least_mg_per_day_per_1000,
    if(is_at_most_known, at_most, null) as at_most_mg_per_day_per_1000,
    days_log_variance,
    days_df,
    weekdays_log_bias,
    spread_log_variance,
    batch_log_variance,
    laboratory_log_variance,
    flow_log_variance,
    population_log_variance,
    factor_log_variance,
    population,
    if(population is null, null, mass) as mass_mg_per_day,
    mass_flow_log_variance,
    population_aged_15_to_64,
    if(
        area_weights = 'population',
        load_mg_per_day_per_1000(mass_of_means, population_aged_15_to_64),
        plain_mean_aged_15_to_64
    ) as mean_mg_per_day_per_1000_aged_15_to_64,
    dose_mg,
    dose_status,
    if(mean is null, 'not estimable', 'estimated') as state,
    case
        when mean is null then if(has_site, 'no_population', 'no_site_estimable')
        when has_incomplete_weeks then 'weekdays_incomplete'
    end as reason,
    flags,
    is_provisional,
    is_simulated
from means
join known_sites using (level, unit_id, drug, basis)
left join shared_errors using (level, unit_id, period_kind, period, drug, protocol)
left join (
    select protocol, drug, dose_mg, dose_status from protocols join doses using (factor_set) where protocols.basis = 'consumption'
) using (protocol, drug)
