-- The table of means of areas and of the network, as it stands. Grain: level, unit_id, period, drug, protocol.
select *
from area_periods
order by level, unit_id, drug, protocol, period_kind, period
