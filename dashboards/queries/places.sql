-- One row is the change of one drug in one place, from $baseline to $current, by protocol $protocol.
-- Grain: level, unit_id, drug. The network first, then areas, then sites.
select level, unit_id, coalesce(unit_name, unit_id) as unit_name, drug, state, reason, change_percent
from changes
where protocol = $protocol and baseline_period = $baseline and current_period = $current
order by list_position(['network', 'area', 'site'], level), unit_name, unit_id, drug
