-- One row is a site and an option of counting people by which $protocol counts them there anyway, from $first_year to
-- $last_year. Grain: site_id, option.
select distinct site_id, population_method as option
from consumption
where protocol = $protocol and sampling_year between $first_year and $last_year and population_method is not null
union
select distinct c.site_id, 'primary'
from consumption c
join counted_populations p using (site_id, sampling_year, sampled_on, population_method)
where c.protocol = $protocol and c.sampling_year between $first_year and $last_year and p.is_primary
