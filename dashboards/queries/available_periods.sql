-- One row is a period for which sites have a mean, by protocol $protocol, of the kinds of $baseline and $current; a year
-- where these are not known.
-- Grain: period.
select period, count(distinct site_id) as n_sites
from site_periods
where
    protocol = $protocol
    and state = 'estimated'
    and length(period) in (coalesce(length($baseline), 4), coalesce(length($current), 4))
group by period
order by period
