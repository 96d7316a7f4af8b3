-- One row is how far the days of $drug differ at a site, in an area or in the network in $year, by $protocol: of all sites with a
-- mean there together, each by its share of the amount.
with there as (
    select
        s.site_id, d.between_day_log_sd, p.area_weights,
        if($level = 'site' or p.area_weights = 'none', 1, s.population) * s.mean_mg_per_day_per_1000 as amount,
        s.is_simulated
    from site_periods s
    join protocols p using (protocol)
    join day_spreads d
        on d.site_id = s.site_id and d.drug = s.drug and d.protocol = s.protocol
        and d.sampling_year = s.sampling_year
    where s.drug = $drug and s.protocol = $protocol and s.period_kind = 'year' and s.sampling_year = $year
        and s.state = 'estimated'
        and (
            ($level = 'site' and s.site_id = $unit)
            or s.site_id in (select site_id from area_of_site where level = $level and unit_id = $unit)
        )
),
shares as (select *, amount / sum(amount) over () as share from there where amount > 0)
select
    count(*) as n_sites,
    1 / sum(share ^ 2 order by site_id) as n_sites_effective,
    sqrt(
        sum(share ^ 2 * between_day_log_sd ^ 2 order by site_id) / sum(share ^ 2 order by site_id)
    ) as daily_log_sd,
    coalesce(bool_or(is_simulated), false) as is_simulated
from shares
