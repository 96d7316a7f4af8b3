-- One row is the inhabitants of one site on one sampled day of $year (null: of all years) by one method: a delivered figure
-- that holds that day. Those computed from a marker are added by population_by_markers. All methods stand side by side; which of
-- them counts says the view site_population_methods. Of loads another programme reported, which may have no date, the year
-- stands for the day.
-- Grain: site_id, sampling_year, sampled_on, population_method, population_basis.
with

sampled as (
    select distinct site_id, sampling_year, sampled_on, sampled_on as first_day, sampled_on as last_day
    from standing_results
    where $year is null or sampling_year = $year
    union all
    select distinct site_id, sampling_year, null, make_date(sampling_year, 1, 1), make_date(sampling_year, 12, 31)
    from current_reported_loads
    where $year is null or sampling_year = $year
)

-- Of the figures of a method that hold that day the newest.
select
    s.site_id, s.sampling_year, s.sampled_on, 'delivered' as population_basis, p.population_method, p.population,
    p.population_rsd, p.delivery_id, p.sheet, p.row_number, p.source_column, p.source_cell, p.flags,
    false as is_provisional, p.is_simulated
from sampled s
join current_populations p
    on p.site_id = s.site_id
    and coalesce(p.valid_from <= s.last_day, true)
    and coalesce(p.valid_to >= s.first_day, true)
qualify row_number() over (
    partition by s.site_id, s.sampling_year, s.sampled_on, p.population_method
    -- By two keys: ordered by one alone, over a view that picks rows in the same way, duckdb 1.5.5 picks a wrong row.
    order by p.valid_from is not null desc, p.valid_from desc
) = 1
