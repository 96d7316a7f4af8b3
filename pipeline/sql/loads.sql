-- One row is the load of one residue at one site on one day of $year: measured, below its limit, or not estimable with
-- the reason. Grain: site_id, sampled_on, residue.
with

-- Inhabitants of each sampled day: of the figures valid that day the best method's, and of those the newest.
population_of_day as (
    select s.site_id, s.sampled_on, p.population, p.population_method, p.is_simulated
    from (select distinct site_id, sampled_on from current_results where sampling_year = $year) s
    join current_populations p
        on p.site_id = s.site_id
        and coalesce(p.valid_from <= s.sampled_on, true)
        and coalesce(p.valid_to >= s.sampled_on, true)
    qualify row_number() over (
        partition by s.site_id, s.sampled_on
        order by population_rank(p.population_method), p.valid_from desc nulls last
    ) = 1
),

measured as (
    select *, qualifier in ('<LOD', '<LOQ') as is_censored from day_results where sampling_year = $year
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
    f.flow_m3_per_day,
    p.population,
    p.population_method,
    load_mg_per_day(m.concentration_ng_per_l, f.flow_m3_per_day) as load_mg_per_day,
    load_mg_per_day_per_1000(load_mg_per_day(m.concentration_ng_per_l, f.flow_m3_per_day), p.population)
        as load_mg_per_day_per_1000,
    load_mg_per_day_per_1000(load_mg_per_day(m.limit_ng_per_l, f.flow_m3_per_day), p.population)
        as load_limit_mg_per_day_per_1000,
    -- All that is missing, not only the first.
    nullif(
        concat_ws(
            ' ',
            case when m.qualifier = 'not measured' then 'not_measured' end,
            case when m.qualifier = '>ULOQ' then 'above_upper_limit' end,
            case when f.flow_m3_per_day is null then 'no_flow' end,
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
    joined_flags([m.flags, if(f.is_corrected, 'corrected', null)]) as flags,
    m.is_simulated or coalesce(f.is_simulated, false) or coalesce(p.is_simulated, false) as is_simulated
from measured m
left join current_flows f on f.site_id = m.site_id and f.sampled_on = m.sampled_on
left join population_of_day p on p.site_id = m.site_id and p.sampled_on = m.sampled_on
