-- One row is a day with its amount of one drug at one site, by protocol $protocol, in the years $years, and where it comes from:
-- all cells as they were written, each with the place of its file among the deliveries, the numbers of each step, the cells of
-- flow and inhabitants where these are single ones.
-- Grain: site_id, drug, sampling_year, sampled_on, weekday, origin.
with

days as (
    select * from consumption where protocol = $protocol and list_contains($years, sampling_year)
),

cells as (
    select
        d.site_id, d.drug, d.sampling_year, d.sampled_on, d.weekday, d.origin, r.delivery_id, r.sheet, r.row_number,
        r.source_column, r.source_cell, r.value_as_written, r.unit_as_written
    from days d
    join current_results_of(null, 'all') r
        on r.site_id = d.site_id and r.sampling_year = d.sampling_year and r.sampled_on = d.sampled_on
        and r.residue = d.residue and r.qualifier <> 'not measured'
    where d.origin = 'measured'

    union all

    select
        d.site_id, d.drug, d.sampling_year, d.sampled_on, d.weekday, d.origin, r.delivery_id, r.sheet, r.row_number,
        r.source_column, r.source_cell, r.value_as_written, r.unit_as_written
    from days d join reported_loads r using (delivery_id, sheet, row_number, source_column, residue)
    where d.origin = 'reported'
),

cells_of_day as (
    select
        c.site_id, c.drug, c.sampling_year, c.sampled_on, c.weekday, c.origin,
        [
            [cell.place::varchar, cell.sheet, cell.cell, cell.text, cell.unit]
            for cell in list_sort(list({
                'place': o.place, 'sheet': c.sheet, 'row_number': c.row_number,
                'cell': coalesce(nullif(c.source_cell, ''), 'row ' || c.row_number), 'text': c.value_as_written,
                'unit': coalesce(c.unit_as_written, '')
            }))
        ] as cells
    from cells c join ordered_deliveries o using (delivery_id)
    group by c.site_id, c.drug, c.sampling_year, c.sampled_on, c.weekday, c.origin
),

-- Of flows that are means over windows, or medians that stand in, the cells are many: 'permille explain' lists them.
flow_cells as (
    select
        f.site_id, f.sampled_on, any_value(o.place)::varchar as place, any_value(f.sheet) as sheet,
        any_value(coalesce(nullif(f.source_cell, ''), 'row ' || f.row_number)) as cell,
        any_value(f.value_as_written) as text
    from current_flows f join ordered_deliveries o using (delivery_id)
    group by f.site_id, f.sampled_on
    having count(*) = 1
),

population_cells as (
    select
        p.site_id, p.sampled_on, p.population_method, p.population, any_value(o.place)::varchar as place,
        any_value(p.sheet) as sheet, any_value(coalesce(nullif(p.source_cell, ''), 'row ' || p.row_number)) as cell
    from population_estimates p join ordered_deliveries o using (delivery_id)
    group by p.site_id, p.sampled_on, p.population_method, p.population
)

select
    d.site_id, d.drug, d.sampling_year, d.sampled_on, d.weekday, d.origin, d.is_censored,
    d.amount_mg_per_day_per_1000, d.amount_limit_mg_per_day_per_1000, l.concentration_ng_per_l, l.limit_ng_per_l,
    l.flow_m3_per_day, l.flow_basis, d.population, d.population_method, l.load_mg_per_day, d.load_mg_per_day_per_1000,
    d.load_limit_mg_per_day_per_1000, d.correction_factor, d.in_sewer_loss, d.other_sources_mg_per_day_per_1000,
    coalesce(c.cells, []) as cells,
    if(l.flow_basis = 'day', [f.place, f.sheet, f.cell, f.text], null) as flow_cell,
    if(p.cell is null, null, [p.place, p.sheet, p.cell]) as population_cell
from days d
-- All conditions are equalities of both sides: one of the days alone makes DuckDB compare every day with every load.
left join loads l
    on l.site_id = if(d.origin = 'measured', d.site_id, null) and l.sampling_year = d.sampling_year
    and l.sampled_on = d.sampled_on and l.residue = d.residue
left join cells_of_day c
    on c.site_id = d.site_id and c.drug = d.drug and c.sampling_year = d.sampling_year
    and c.sampled_on is not distinct from d.sampled_on and c.weekday = d.weekday and c.origin = d.origin
left join flow_cells f on f.site_id = d.site_id and f.sampled_on = d.sampled_on
left join population_cells p
    on p.site_id = d.site_id and p.sampled_on = d.sampled_on and p.population_method = d.population_method
    and p.population = d.population
order by d.site_id, d.drug, d.sampling_year, d.sampled_on, d.weekday, d.origin
