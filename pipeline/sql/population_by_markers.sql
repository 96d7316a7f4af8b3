-- One row is the inhabitants of one site on one sampled day of $year (null: of all years), computed from a marker measured in the
-- day's sample: further rows of the table population_estimates. Grain: as there.
with

-- A marker below its limit, above its range or without a flow gives no number of inhabitants. Neither does cotinine where the
-- number of cigarettes is not stated.
by_marker as (
    select
        m.site_id, m.sampling_year, m.sampled_on, 'marker' as population_basis, k.population_method,
        null as population_rsd, m.residue, m.concentration_ng_per_l, m.flow_m3_per_day, m.flow_basis, s.domestic_share,
        if(k.load_mg_per_cigarette is null, null, s.cigarettes_per_person_per_day) as cigarettes_per_person_per_day,
        if(
            k.load_mg_per_cigarette is null,
            marker_load_mg_per_day_per_1000(k.load_mg_per_person_per_day),
            cotinine_load_mg_per_day_per_1000(s.cigarettes_per_person_per_day, k.load_mg_per_cigarette)
        ) as marker_load_mg_per_day_per_1000,
        population_by_marker(m.concentration_ng_per_l, m.flow_m3_per_day, 1, marker_load_mg_per_day_per_1000) as population,
        population_by_marker(
            m.concentration_ng_per_l, m.flow_m3_per_day, s.domestic_share, marker_load_mg_per_day_per_1000
        ) as population_by_domestic_share,
        m.delivery_id, m.sheet, m.row_number, m.source_column, m.source_cell,
        joined_flags(concat_ws(
            ' ', m.flags, m.flow_flags, if(m.flow_basis = 'filled', 'flow_filled', null)
        )) as flags,
        k.marker_status <> 'approved' as is_provisional,
        m.is_simulated or coalesce(m.is_flow_simulated, false) or s.is_simulated as is_simulated
    from results_with_flow($year, $flow_fill, true) m
    join population_markers k using (residue)
    join current_sites s using (site_id)
    where m.qualifier = '=' and population > 0
)

select
    site_id,
    sampled_on,
    sampling_year,
    population_method,
    population_basis,
    population,
    population_by_domestic_share,
    population_rsd,
    residue,
    concentration_ng_per_l,
    flow_m3_per_day,
    flow_basis,
    domestic_share,
    cigarettes_per_person_per_day,
    marker_load_mg_per_day_per_1000,
    delivery_id,
    sheet,
    row_number,
    source_column,
    source_cell,
    flags,
    is_provisional,
    is_simulated
from by_marker
