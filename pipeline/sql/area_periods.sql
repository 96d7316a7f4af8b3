-- One row is the mean of one drug over all available sites of an area, or of the network, in one period of $year.
-- Which sites are available differs from period to period: for changes see changes.sql, which compares the same sites.
-- Grain: level, unit_id, period, drug, protocol.
with

estimated as (
    select a.level, a.unit_id, a.unit_name, s.*, p.area_weights
    from site_periods s
    join area_of_site a using (site_id)
    join protocols p using (protocol)
    where s.sampling_year = $year
),

means as (
    select
        level, unit_id, any_value(unit_name) as unit_name, period_kind, period, drug, protocol,
        any_value(sampling_year) as sampling_year,
        any_value(residue) as residue,
        any_value(basis) as basis,
        count_if(state = 'estimated') as n_sites,
        coalesce(sum(n_days) filter (where state = 'estimated'), 0)::bigint as n_days,
        coalesce(sum(n_censored) filter (where state = 'estimated'), 0)::bigint as n_censored,
        -- Missing sites are no zeros: they are left out of both sums.
        case any_value(area_weights)
            when 'population' then
                sum(mean_mg_per_day_per_1000 * population order by site_id) filter (where state = 'estimated')
                / sum(population order by site_id) filter (where state = 'estimated')
            else avg(mean_mg_per_day_per_1000 order by site_id) filter (where state = 'estimated')
        end as mean,
        -- The mass of an area needs the inhabitants of each of its sites.
        if(
            count_if(state = 'estimated' and population is null) = 0,
            sum(population order by site_id) filter (where state = 'estimated'),
            null
        ) as population,
        sum(mean_mg_per_day_per_1000 * population / 1000 order by site_id) filter (where state = 'estimated') as mass,
        joined_flags(list(flags) filter (where state = 'estimated')) as flags,
        bool_or(is_provisional) as is_provisional,
        bool_or(is_simulated) as is_simulated
    from estimated
    group by level, unit_id, period_kind, period, drug, protocol
)

select
    level,
    unit_id,
    unit_name,
    sampling_year,
    period_kind,
    period,
    drug,
    residue,
    protocol,
    basis,
    n_sites,
    n_days,
    n_censored,
    mean as mean_mg_per_day_per_1000,
    null::double as ci_low_mg_per_day_per_1000,
    null::double as ci_high_mg_per_day_per_1000,
    population,
    if(population is null, null, mass) as mass_mg_per_day,
    if(mean is null, 'not estimable', 'estimated') as state,
    if(mean is null, if(n_sites = 0, 'no_site_estimable', 'no_population'), null) as reason,
    flags,
    is_provisional,
    is_simulated
from means
