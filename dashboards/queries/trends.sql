-- One row is where one drug has been going in one place over periods of one kind, by protocol $protocol and the test that is
-- to be preferred. Grain: level, unit_id, drug, period_kind.
select *
from trends
where protocol = $protocol and is_preferred
order by level, unit_id, drug, period_kind
