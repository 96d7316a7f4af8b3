-- The table of changes, as it stands. Grain: level, unit_id, drug, protocol, baseline_period, current_period.
select *
from changes
order by level, unit_id, drug, protocol, baseline_period, current_period
