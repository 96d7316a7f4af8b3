-- One row is one change under one of the ways of computing it, by protocol $protocol. Grain: level, unit_id, drug, choice, option.
select *
from robustness
where protocol = $protocol
order by level, unit_id, drug, choice, option
