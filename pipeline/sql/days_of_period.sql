-- One row is a day of $period at $site with its amount of $drug by $protocol, and all cells it comes from as they were
-- written: of replicates, or of several samples of the day, each. Grain: sampled_on, weekday, origin.
with

days as (
    select
        sampled_on, weekday, origin, residue, amount_mg_per_day_per_1000, amount_limit_mg_per_day_per_1000, is_censored,
        flags, delivery_id, sheet, row_number, source_column
    from consumption
    where site_id = $site and drug = $drug and protocol = $protocol and sampling_year = left($period, 4)::integer
        and $period in (
            sampling_year::varchar, strftime(sampled_on, '%Y') || '-Q' || quarter(sampled_on), strftime(sampled_on, '%Y-%m')
        )
),

cells as (
    select d.sampled_on, d.weekday, d.origin, r.delivery_id, r.sheet, r.row_number, r.source_column, r.source_cell,
        r.value_as_written
    from days d
    join current_results_of(null, 'all') r
        on r.site_id = $site and r.sampling_year = left($period, 4)::integer and r.sampled_on = d.sampled_on
        and r.residue = d.residue and r.qualifier <> 'not measured'
    where d.origin = 'measured'
    union all
    select d.sampled_on, d.weekday, d.origin, r.delivery_id, r.sheet, r.row_number, r.source_column, r.source_cell,
        r.value_as_written
    from days d
    join reported_loads r using (delivery_id, sheet, row_number, source_column, residue)
    where d.origin = 'reported'
),

cells_of_day as (
    select
        c.sampled_on, c.weekday, c.origin,
        list(
            {
                'file_name': o.file_name, 'sheet': c.sheet, 'cell': c.source_cell, 'row_number': c.row_number, 'text': c.value_as_written,
                'delivery_id': c.delivery_id, 'profile': o.profile
            }
            order by o.place, c.sheet, c.row_number, c.source_column
        ) as cells
    from cells c join ordered_deliveries o using (delivery_id)
    group by c.sampled_on, c.weekday, c.origin
)

select
    d.sampled_on, d.weekday, d.amount_mg_per_day_per_1000, d.amount_limit_mg_per_day_per_1000, d.is_censored, d.flags,
    array_to_string(list_sort(list_distinct([cell.file_name for cell in c.cells])), ', ') as file_name,
    array_to_string(
        list_distinct([cell.sheet for cell in c.cells if cell.sheet <> '']), ', '
    ) as sheet,
    array_to_string([coalesce(nullif(cell.cell, ''), 'row ' || cell.row_number) for cell in c.cells], ', ') as source_cell,
    array_to_string([cell.text for cell in c.cells], ', ') as text,
    c.cells
from days d
left join cells_of_day c
    on c.sampled_on is not distinct from d.sampled_on and c.weekday = d.weekday and c.origin = d.origin
order by d.sampled_on, d.weekday, d.origin
