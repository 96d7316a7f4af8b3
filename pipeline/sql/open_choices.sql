-- One row is an option of a choice that the data from $first_year to $last_year leave open to a protocol with
-- $population_method (null: the primary method of each site): other ways of counting inhabitants, the share of domestic
-- sewage in the one it has, loss in the sewer. Grain: choice, option.
with counted as (
    select population_method, is_primary, population_basis = 'marker' and population_by_domestic_share is not null as has_share
    from counted_populations
    where sampled_on is not null and sampling_year between $first_year and $last_year
)
select 'population_method' as choice, population_method as option
from counted
where population_method is distinct from $population_method
group by population_method
-- What is primary wherever it counts would only leave out the sites that have another.
having $population_method is not null or bool_or(not is_primary)
union all
select 'population_method', 'primary'
from counted
where is_primary and $population_method is not null
-- Where it is the same everywhere it stands above.
having count(distinct population_method) > 1
union all
select distinct 'domestic_share_in_population', 'yes'
from counted
where has_share and coalesce(population_method = $population_method, is_primary)
union all
select distinct 'stability', 'site'
from site_half_lives
order by all
