-- One row is what one site's inhabitants used of one drug on one day of $year (null: of all years), by one protocol. From loads we computed;
-- where we have none of a site, residue and year, from the loads another programme reported of it.
-- Grain: site_id, day, drug, protocol.
with

-- Not kept: what is counted of it needs three columns only.
residue_loads as not materialized (
    select
        'measured' as origin,
        site_id, sampled_on, isodow(sampled_on)::integer as weekday, sampling_year, residue, is_censored,
        coalesce(contains(reason, 'above_upper_limit'), false) as is_above_range,
        if(is_censored or is_above_range, null, load_mg_per_day) as load_mg_per_day,
        -- What it lies below, or above the range of its method what it lies above.
        load_mg_per_day(if(is_above_range, concentration_ng_per_l, limit_ng_per_l), flow_m3_per_day) as load_limit_mg_per_day,
        if(is_censored or is_above_range, null, load_mg_per_day_per_1000) as load_mg_per_day_per_1000,
        if(is_above_range, load_mg_per_day_per_1000, load_limit_mg_per_day_per_1000) as load_limit_mg_per_day_per_1000,
        population, population_method, population_rsd,
        coalesce(population_basis = 'marker', false) as is_flow_cancelled,
        n_measurements, laboratory, batch, false as is_measured_too,
        delivery_id, sheet, row_number, source_column, source_cell, flags, is_provisional, is_simulated
    from loads
    -- A value above the range of its method is no missing day: it is kept, so that a mean without it is not taken for one.
    -- What lacks the primary method's population is kept for protocols that name another one.
    where ($year is null or sampling_year = $year)
        and (state = 'estimated' or reason in ('above_upper_limit', 'no_population', 'above_upper_limit no_population'))
    union all by name
    select
        'reported' as origin,
        r.site_id, r.sampled_on, r.weekday, r.sampling_year, r.residue,
        r.qualifier in ('<LOD', '<LOQ') as is_censored,
        r.qualifier = '>ULOQ' as is_above_range,
        if(is_above_range, null, r.reported_load_mg_per_day_per_1000) as load_mg_per_day_per_1000,
        if(is_above_range, r.reported_load_mg_per_day_per_1000, r.reported_load_limit_mg_per_day_per_1000)
            as load_limit_mg_per_day_per_1000,
        -- It keeps the inhabitants it was divided by; these are its weight among sites, those of the year.
        p.population,
        p.population_method,
        p.population_rsd,
        false as is_flow_cancelled,
        1 as n_measurements,
        null as laboratory,
        null as batch,
        exists (
            select 1 from loads l
            where l.sampling_year = r.sampling_year and l.site_id = r.site_id and l.residue = r.residue
                and (l.state = 'estimated' or l.reason in ('no_population', 'above_upper_limit no_population'))
        ) as is_measured_too,
        r.delivery_id, r.sheet, r.row_number, r.source_column, r.source_cell, r.flags,
        coalesce(p.is_provisional, false) as is_provisional, r.is_simulated
    from current_reported_loads r
    left join counted_populations p
        on p.site_id = r.site_id and p.is_primary and p.sampling_year = r.sampling_year and p.sampled_on is null
    where ($year is null or r.sampling_year = $year) and r.qualifier <> 'not measured'
        and not exists (
            select 1 from loads l
            where l.sampling_year = r.sampling_year and l.site_id = r.site_id and l.residue = r.residue
                and (l.state = 'estimated' or l.reason = 'above_upper_limit')
        )
),

-- Figures whose residue, or the one it is measured beside, does not stand in a ratio of use to the other.
out_of_ratio as (
    select distinct site_id, sampled_on, unnest([of_ratio, other_residue]) as residue
    from (
        select
            l.site_id, l.sampled_on, r.residue as of_ratio, r.other_residue,
            max(l.load_mg_per_day) filter (where l.residue = r.residue) as load,
            max(l.load_mg_per_day) filter (where l.residue = r.other_residue) as other_load,
            any_value(coalesce(r.ratio_low, 0)) as low,
            any_value(coalesce(r.ratio_high, 'infinity'::double)) as high
        from loads l
        join (select *, unnest([residue, other_residue]) as either from residue_ratios) r on r.either = l.residue
        where $year is null or l.sampling_year = $year
        group by l.site_id, l.sampled_on, r.residue, r.other_residue
    )
    where load is not null and other_load > 0 and not load / other_load between low and high
),

-- Where many days of a site lie below their limits, those that are seen are seen because they were measured high: at three
-- in ten by 3 % on average (docs/calibration.md).
shares_seen as (
    select sampling_year, site_id, residue, 10 * count_if(not is_censored) >= 7 * count(*) as is_mostly_seen
    from residue_loads
    group by sampling_year, site_id, residue
),

-- Once for all protocols: what follows has a row for each.
seen as not materialized (
    select
        l.* replace (if(o.residue is null, l.flags, joined_flags(concat_ws(' ', l.flags, 'residue_ratio'))) as flags),
        s.is_mostly_seen
    from residue_loads l
    join shares_seen s using (sampling_year, site_id, residue)
    left join out_of_ratio o
        on o.site_id = if(l.origin = 'measured', l.site_id, null) and o.sampled_on = l.sampled_on and o.residue = l.residue
),

rsds as (
    select
        max(rsd) filter (where component = 'sampling') as sampling_rsd,
        max(rsd) filter (where component = 'analysis') as analysis_rsd,
        max(rsd) filter (where component = 'batch') as batch_rsd,
        max(rsd) filter (where component = 'laboratory') as laboratory_rsd,
        max(rsd) filter (where component = 'flow') as flow_rsd,
        max(rsd) filter (where component = 'other sources') as amphetamine_per_methamphetamine_rsd,
        max(rsd) filter (where component = 'factor' and applies_to = 'least') as least_factor_rsd,
        max(rsd) filter (where component = 'factor' and applies_to = 'without range') as factor_rsd_without_range
    from uncertainties
),

-- The ways from a residue to a drug: for consumption by the factor, for residue loads as they are.
ways as (
    select
        p.protocol, p.basis, p.below_limit, p.interval,
        p.population_method is not null or p.domestic_share_in_population as is_population_chosen,
        f.drug, f.residue, d.dose_mg,
        if(p.basis = 'consumption',
            correction_factor(
                f.molar_mass_parent_g_per_mol, f.molar_mass_residue_g_per_mol, f.excreted_fraction, f.excretion_basis
            ),
            1.0) as correction_factor,
        if(
            p.basis = 'consumption',
            correction_factor_log_sd(
                f.excreted_fraction, f.excreted_fraction_low, f.excreted_fraction_high, u.least_factor_rsd,
                u.factor_rsd_without_range
            ),
            0
        ) as correction_factor_log_sd,
        if(p.basis = 'consumption', f.factor_status, null) as factor_status,
        f.stability_class,
        p.net_of_other_sources and f.drug = 'amphetamine' and f.residue = 'amphetamine' as is_net_asked,
        p.amphetamine_per_methamphetamine,
        p.basis = 'consumption' and p.stability = 'site' as is_loss_asked
    from protocols p
    cross join rsds u
    join factors f on f.factor_set = p.factor_set and f.is_default
    left join doses d on d.factor_set = p.factor_set and d.drug = f.drug
),

-- The inhabitants of each day by a protocol that does not take the primary method's as they are.
chosen_populations as (
    select
        w.protocol, p.site_id, p.sampling_year, p.sampled_on, p.population_method, p.population_rsd,
        p.population_basis = 'marker' as is_flow_cancelled, p.flags, p.is_provisional, p.is_simulated,
        if(w.domestic_share_in_population and p.population_basis = 'marker', p.population_by_domestic_share, p.population)
            as population
    from protocols w
    join counted_populations p
        on p.population_method = w.population_method or (w.population_method is null and p.is_primary)
    where (w.population_method is not null or w.domestic_share_in_population)
        and ($year is null or p.sampling_year = $year) and p.sampled_on is not null
),

-- Not kept for all rows: its second reader wants methamphetamine only.
inhabited as not materialized (
    select
        w.is_population_chosen and l.origin = 'measured' as is_chosen,
        w.* exclude (residue),
        l.* replace (
            if(is_chosen, load_mg_per_day_per_1000(l.load_mg_per_day, c.population), l.load_mg_per_day_per_1000)
                as load_mg_per_day_per_1000,
            if(is_chosen, load_mg_per_day_per_1000(l.load_limit_mg_per_day, c.population), l.load_limit_mg_per_day_per_1000)
                as load_limit_mg_per_day_per_1000,
            if(is_chosen, c.population, l.population) as population,
            if(is_chosen, c.population_method, l.population_method) as population_method,
            if(is_chosen, c.population_rsd, l.population_rsd) as population_rsd,
            if(is_chosen, c.is_flow_cancelled, l.is_flow_cancelled) as is_flow_cancelled,
            case
                when l.origin = 'reported' and w.is_population_chosen
                    then joined_flags(concat_ws(' ', l.flags, 'population_of_reporter'))
                when c.flags is null then l.flags
                else joined_flags(concat_ws(' ', l.flags, c.flags))
            end as flags,
            if(is_chosen, coalesce(c.is_provisional, false), l.is_provisional) as is_provisional,
            l.is_simulated or coalesce(c.is_simulated, false) as is_simulated
        )
    from seen l
    join ways w on w.residue = l.residue
    left join chosen_populations c
        -- What concerns one side only stands in a key: beside the keys it would make every row meet every other.
        on c.protocol = w.protocol and c.site_id = if(l.origin = 'measured', l.site_id, null)
        and c.sampling_year = l.sampling_year and c.sampled_on = l.sampled_on
    where w.correction_factor is not null and not (w.is_population_chosen and l.is_measured_too)
        and (l.origin = 'reported' or if(is_chosen, c.population, l.population) is not null)
),

-- Where a protocol asks for it, methamphetamine beside amphetamine, as the protocol counts what lies below limits.
methamphetamine as (
    select
        protocol, origin, site_id, sampling_year, sampled_on, weekday, is_above_range as is_methamphetamine_above_range,
        case
            when is_above_range then null
            when is_censored then other_source_below_limit(load_limit_mg_per_day_per_1000, below_limit)
            else load_mg_per_day_per_1000
        end as methamphetamine
    from inhabited
    where residue = 'methamphetamine' and drug = 'methamphetamine'
        and protocol in (select protocol from protocols where net_of_other_sources)
),

net as (
    select
        i.*, m.methamphetamine, m.is_methamphetamine_above_range,
        case
            when not i.is_net_asked or i.is_above_range then null
            -- Also of a day below its limit: left out alone, the measured ones would leave a mean of the others too low.
            when m.methamphetamine is null and not coalesce(m.is_methamphetamine_above_range, false)
                then 'methamphetamine_unknown'
            when i.is_censored then null
            when m.is_methamphetamine_above_range then 'methamphetamine_above_range'
            when is_amphetamine_from_methamphetamine(i.load_mg_per_day_per_1000, m.methamphetamine)
                then 'amphetamine_from_methamphetamine'
        end as reason_not_net,
        if(
            i.is_net_asked and not i.is_censored and not i.is_above_range and reason_not_net is null,
            amphetamine_from_methamphetamine_mg_per_day_per_1000(m.methamphetamine, i.amphetamine_per_methamphetamine),
            null
        ) as other_sources
    from inhabited i
    left join methamphetamine m
        on m.protocol = if(i.is_net_asked, i.protocol, null) and m.origin = i.origin and m.site_id = i.site_id
        and m.sampling_year = i.sampling_year and m.sampled_on is not distinct from i.sampled_on
        and m.weekday = i.weekday
),

corrected as (
    select
        i.*,
        in_sewer_loss(h.sewer_residence_h, h.half_life_h) as in_sewer_loss,
        consumption_mg_per_day_per_1000(
            load_net_of_other_sources_mg_per_day_per_1000(load_mg_per_day_per_1000, coalesce(other_sources, 0)),
            correction_factor, coalesce(in_sewer_loss, 0)
        ) as measured_amount,
        consumption_mg_per_day_per_1000(load_limit_mg_per_day_per_1000, correction_factor, coalesce(in_sewer_loss, 0))
            as amount_limit,
        case
            when h.is_outside then concat_ws(' ', 'sewer_loss_corrected', 'half_life_outside_range')
            when h.half_life_h is not null then 'sewer_loss_corrected'
            when stability_class = 'unstable' then 'unstable_residue'
        end as flags_of_stability,
        case
            when is_above_range or reason_not_net is not null then null
            when not is_censored then measured_amount
            else amount_below_limit(amount_limit, below_limit)
        end as amount,
        if(is_flow_cancelled, 0, u.flow_rsd) as flow_rsd,
        if(
            interval = 'pooled_spread' and is_mostly_seen and not is_censored,
            interval_ratio(
                day_log_variance(
                    u.sampling_rsd, u.analysis_rsd, n_measurements, u.batch_rsd, u.laboratory_rsd,
                    if(is_flow_cancelled, 0, u.flow_rsd), population_rsd, correction_factor_log_sd
                )
                + if(
                    other_sources is null, 0,
                    net_log_variance(
                        load_mg_per_day_per_1000, other_sources, u.amphetamine_per_methamphetamine_rsd,
                        u.sampling_rsd ^ 2 + u.analysis_rsd ^ 2 / greatest(n_measurements, 1) + u.batch_rsd ^ 2
                        + u.laboratory_rsd ^ 2
                    )
                )
            ),
            null
        ) as ratio
    from net i
    cross join rsds u
    left join site_half_lives h on h.site_id = if(is_loss_asked, i.site_id, null) and h.residue = i.residue
)

select
    site_id,
    sampled_on,
    weekday,
    sampling_year,
    drug,
    residue,
    protocol,
    basis,
    origin,
    is_censored,
    load_mg_per_day_per_1000,
    load_limit_mg_per_day_per_1000,
    correction_factor,
    correction_factor_log_sd,
    factor_status,
    other_sources as other_sources_mg_per_day_per_1000,
    in_sewer_loss,
    is_provisional or coalesce(factor_status <> 'approved', false) as is_provisional,
    amount as amount_mg_per_day_per_1000,
    if(is_censored or (is_above_range and not is_net_asked), amount_limit, null) as amount_limit_mg_per_day_per_1000,
    amount / ratio as ci_low_mg_per_day_per_1000,
    amount * ratio as ci_high_mg_per_day_per_1000,
    if(basis = 'consumption', doses_per_day_per_1000(amount, dose_mg), null) as doses_per_day_per_1000,
    population,
    population_method,
    population_rsd,
    flow_rsd,
    greatest(n_measurements, 1) as n_measurements,
    laboratory,
    batch,
    if(amount is null, 'not estimable', 'estimated') as state,
    case
        when is_above_range then 'above_upper_limit'
        when reason_not_net is not null then reason_not_net
        when amount is null and is_censored and amount_limit is not null then 'below_limit'
        when amount is null then 'limit_unknown'
    end as reason,
    delivery_id,
    sheet,
    row_number,
    source_column,
    source_cell,
    if(flags_of_stability is null, flags, joined_flags(concat_ws(' ', flags, flags_of_stability))) as flags,
    is_simulated
from corrected
