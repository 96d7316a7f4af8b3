-- One row is a reason why a site's year has no mean, by protocol $protocol, with the number of years of sites it concerns.
-- Grain: reason.
select reason, count(*) as n
from site_periods
where protocol = $protocol and period_kind = 'year' and state = 'not estimable'
group by reason
order by n desc, reason
