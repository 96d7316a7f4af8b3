-- The table of means of sites, as it stands. Grain: site_id, period, drug, protocol.
select *
from site_periods
order by site_id, drug, protocol, period_kind, period
