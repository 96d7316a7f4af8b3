-- One row is what an event did to the use of one drug, by protocol $protocol, beside the control to be preferred.
-- Grain: event_id, drug.
select *
from event_effects
where protocol = $protocol and is_preferred
order by starts_on, event_id, drug
