-- One row is something that happened, with the areas and drugs it concerns. Grain: event_id, area_id, drug.
select event_id, event_name, event_kind, starts_on, ends_on, area_id, drug, is_simulated
from current_events
order by starts_on, event_id, area_id, drug
