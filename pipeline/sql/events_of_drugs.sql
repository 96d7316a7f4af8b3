-- One row is one event about one drug (all of them where the event names none), with the sites of the areas it concerns.
-- Grain: event_id, drug. Which drugs there are: the frame `drugs`.
with

of_drugs as (
    select e.event_id, e.event_name, e.event_kind, e.starts_on, e.ends_on, e.area_id, e.is_simulated, d.drug
    from current_events e join drugs d on e.drug is null or e.drug = d.drug
),

-- An event about a drug nobody measures is told as well.
unmeasured as (
    select e.event_id, e.event_name, e.event_kind, e.starts_on, e.ends_on, e.area_id, e.is_simulated, e.drug
    from current_events e
    where e.drug is not null and e.drug not in (select drug from drugs)
),

events as (from of_drugs union from unmeasured)

select
    e.event_id,
    -- Of one event the same on all of its rows: else it was held in quarantine.
    any_value(e.event_name) as event_name,
    any_value(e.event_kind) as event_kind,
    any_value(e.starts_on) as starts_on,
    any_value(e.ends_on) as ends_on,
    e.drug,
    bool_or(e.area_id is null) as is_everywhere,
    if(is_everywhere, '', string_agg(distinct e.area_id, ';' order by e.area_id)) as areas,
    coalesce(list(distinct a.site_id order by a.site_id) filter (where a.site_id is not null), []) as sites,
    bool_or(e.is_simulated) as is_simulated
from events e
left join area_of_site a on a.unit_id = coalesce(e.area_id, 'network') and (e.area_id is null) = (a.level = 'network')
group by e.event_id, e.drug
order by e.event_id, e.drug
