-- One row is what one site's inhabitants used of one drug on one day of $year, by one protocol. From loads we computed;
-- where we have none of a site, residue and year, from the loads another programme reported of it.
-- Grain: site_id, day, drug, protocol.
with

residue_loads as (
    select
        'measured' as origin,
        site_id, sampled_on, isodow(sampled_on)::integer as weekday, sampling_year, residue, is_censored,
        coalesce(reason = 'above_upper_limit', false) as is_above_range,
        if(is_censored or is_above_range, null, load_mg_per_day_per_1000) as load_mg_per_day_per_1000,
        load_limit_mg_per_day_per_1000, population,
        delivery_id, sheet, row_number, source_column, source_cell, flags, is_simulated
    from loads
    -- A value above the range of its method is no missing day: it is kept, so that a mean without it is not taken for one.
    where sampling_year = $year and (state = 'estimated' or reason = 'above_upper_limit')
    union all by name
    select
        'reported' as origin,
        r.site_id, r.sampled_on, r.weekday, r.sampling_year, r.residue,
        r.qualifier in ('<LOD', '<LOQ') as is_censored,
        r.qualifier = '>ULOQ' as is_above_range,
        if(is_above_range, null, r.reported_load_mg_per_day_per_1000) as load_mg_per_day_per_1000,
        r.reported_load_limit_mg_per_day_per_1000 as load_limit_mg_per_day_per_1000,
        p.population,
        r.delivery_id, r.sheet, r.row_number, r.source_column, r.source_cell, r.flags, r.is_simulated
    from current_reported_loads r
    left join (
        -- As for loads, but of the figures valid on any day of the year: a reported load may have no date.
        select site_id, population
        from current_populations
        where coalesce(year(valid_from) <= $year, true) and coalesce(year(valid_to) >= $year, true)
        qualify row_number() over (
            partition by site_id order by population_rank(population_method), valid_from desc nulls last
        ) = 1
    ) p on p.site_id = r.site_id
    where r.sampling_year = $year and r.qualifier <> 'not measured'
        and not exists (
            select 1 from loads l
            where l.sampling_year = $year and l.state = 'estimated' and l.site_id = r.site_id and l.residue = r.residue
        )
),

-- The ways from a residue to a drug: for consumption by the factor, for residue loads as they are.
ways as (
    select
        p.protocol, p.basis, p.below_limit, f.drug, f.residue, d.dose_mg,
        if(p.basis = 'consumption',
            correction_factor(
                f.molar_mass_parent_g_per_mol, f.molar_mass_residue_g_per_mol, f.excreted_fraction, f.excretion_basis
            ),
            1.0) as correction_factor,
        if(p.basis = 'consumption', f.factor_status, null) as factor_status
    from protocols p
    join factors f on f.factor_set = p.factor_set and f.is_default
    left join doses d on d.factor_set = p.factor_set and d.drug = f.drug
),

corrected as (
    select
        w.protocol, w.basis, w.drug, w.dose_mg, w.correction_factor, w.factor_status, l.*,
        consumption_mg_per_day_per_1000(l.load_mg_per_day_per_1000, w.correction_factor, 0) as measured_amount,
        consumption_mg_per_day_per_1000(l.load_limit_mg_per_day_per_1000, w.correction_factor, 0) as amount_limit,
        case
            when l.is_above_range then null
            when not l.is_censored then measured_amount
            else amount_below_limit(amount_limit, w.below_limit)
        end as amount
    from residue_loads l join ways w on w.residue = l.residue
    where w.correction_factor is not null
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
    factor_status,
    coalesce(factor_status <> 'approved', false) as is_provisional,
    amount as amount_mg_per_day_per_1000,
    if(is_censored, amount_limit, null) as amount_limit_mg_per_day_per_1000,
    null::double as ci_low_mg_per_day_per_1000,
    null::double as ci_high_mg_per_day_per_1000,
    if(basis = 'consumption', doses_per_day_per_1000(amount, dose_mg), null) as doses_per_day_per_1000,
    population,
    if(amount is null, 'not estimable', 'estimated') as state,
    case when is_above_range then 'above_upper_limit' when amount is null then 'limit_unknown' end as reason,
    delivery_id,
    sheet,
    row_number,
    source_column,
    source_cell,
    flags,
    is_simulated
from corrected
