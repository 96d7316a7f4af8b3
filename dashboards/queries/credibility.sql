-- One row is one explanation of one change other than use, by protocol $protocol.
-- Grain: level, unit_id, drug, baseline_period, current_period, explanation.
select *
from credibility
where protocol = $protocol
order by level, unit_id, drug, baseline_period, current_period, explanation
