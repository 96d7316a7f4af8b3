-- One row is the load of one residue at one site on one day of $year (null: of all years): measured, below its limit, or not
-- estimable with the reason. Inhabitants are those by the site's primary method: see site_population_methods.
-- Grain: site_id, sampled_on, residue.
with

population_of_day as (
    select
        site_id, sampling_year, sampled_on, population, population_method, population_basis, population_rsd, flags,
        is_provisional, is_simulated
    from counted_populations
    where is_primary and ($year is null or sampling_year = $year) and sampled_on is not null
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
    m.flow_m3_per_day,
    m.flow_basis,
    p.population,
    p.population_method,
    p.population_basis,
    p.population_rsd,
    m.laboratory,
    m.batch,
    load_mg_per_day(m.concentration_ng_per_l, m.flow_m3_per_day) as load_mg_per_day,
    load_mg_per_day_per_1000(load_mg_per_day(m.concentration_ng_per_l, m.flow_m3_per_day), p.population)
        as load_mg_per_day_per_1000,
    load_mg_per_day_per_1000(load_mg_per_day(m.limit_ng_per_l, m.flow_m3_per_day), p.population)
        as load_limit_mg_per_day_per_1000,
    -- All that is missing, not only the first.
    nullif(
        concat_ws(
            ' ',
            case when m.qualifier = 'not measured' then 'not_measured' end,
            case when m.qualifier = '>ULOQ' then 'above_upper_limit' end,
            case when m.flow_m3_per_day is null then 'no_flow' end,
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
    joined_flags(concat_ws(
        ' ', m.flags, m.flow_flags, if(m.flow_basis = 'filled', 'flow_filled', null), p.flags
    )) as flags,
    coalesce(p.is_provisional, false) as is_provisional,
    m.is_simulated or coalesce(m.is_flow_simulated, false) or coalesce(p.is_simulated, false) as is_simulated
from results_with_flow($year, $flow_fill, false) m
left join population_of_day p
    on p.site_id = m.site_id and p.sampling_year = m.sampling_year and p.sampled_on = m.sampled_on
