-- One row is a marker nobody has verified, by which inhabitants behind figures of $period are counted: of $drug (null: of
-- any), by $protocol (null: by any), at the place $unit of $level (a null unit: at any). $period may also be a day.
-- Grain: population_method.
select distinct k.population_method, k.marker_status
from consumption c
join population_markers k using (population_method)
where c.is_provisional and k.marker_status <> 'approved'
    and c.sampling_year = left($period, 4)::integer
    and $period in (
        c.sampling_year::varchar, strftime(c.sampled_on, '%Y') || '-Q' || quarter(c.sampled_on),
        strftime(c.sampled_on, '%Y-%m'), c.sampled_on::varchar
    )
    and ($drug is null or c.drug = $drug)
    and ($protocol is null or c.protocol = $protocol)
    and (
        $unit is null
        or ($level = 'site' and c.site_id = $unit)
        or c.site_id in (select site_id from area_of_site where level = $level and unit_id = $unit)
    )
    -- The method's figure at a site is by the marker, or was delivered.
    and exists (
        select 1 from site_population_methods m
        where m.site_id = c.site_id and m.population_method = c.population_method and m.population_basis = 'marker'
    )
order by k.population_method
