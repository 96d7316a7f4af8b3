-- One row is a protocol that has a mean of nothing in $period, and why, as far as it is known. Grain: protocol.
select
    p.protocol,
    p.population_method,
    case
        when not exists (
            select 1
            from factors f
            where f.factor_set = p.factor_set and f.is_default and f.residue in (
                select residue from loads where sampling_year = left($period, 4)::integer
                union all
                select residue from current_reported_loads where sampling_year = left($period, 4)::integer
            )
        ) then 'no_factor'
        when (p.population_method is not null or p.domestic_share_in_population) and not exists (
            select 1
            from counted_populations c
            where c.sampling_year = left($period, 4)::integer and c.sampled_on is not null
                and (c.population_method = p.population_method or (p.population_method is null and c.is_primary))
        ) then 'no_chosen_population'
        when p.domestic_share_in_population and not exists (
            select 1
            from counted_populations c
            where c.sampling_year = left($period, 4)::integer and c.sampled_on is not null
                and (c.population_method = p.population_method or (p.population_method is null and c.is_primary))
                and (c.population_basis <> 'marker' or c.population_by_domestic_share is not null)
        ) then 'no_domestic_share'
    end as reason
from protocols p
where not exists (select 1 from site_periods s where s.protocol = p.protocol and s.period = $period)
order by p.protocol
