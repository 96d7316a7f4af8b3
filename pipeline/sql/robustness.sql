-- One row is one headline, a change by $protocol, under one way of computing it. Of the frames `ways` (the protocol or variant
-- each is computed by, which choice it varies and how), `changes_by_way` (rows of the table changes by all of these) and
-- `same_counts` (sites, and the options that count people there as $protocol does).
-- Grain: level, unit_id, drug, choice, option.
with

headlines as (from changes_by_way where protocol = $protocol),

-- The sites at which an option counts people as the headline does.
same as (select option, list(site_id) as sites from same_counts group by option)

select
    h.level,
    h.unit_id,
    h.unit_name,
    h.drug,
    h.protocol,
    h.baseline_period,
    h.current_period,
    w.choice,
    w.option,
    w.way = h.protocol as is_headline,
    coalesce(c.basis, h.basis) as basis,
    c.change_percent,
    c.ci_low_percent,
    c.ci_high_percent,
    c.verdict,
    c.change_percent - h.change_percent as difference_percent_points,
    coalesce(c.n_sites, 0) as n_sites,
    coalesce(c.n_sites > 0 and c.panel = h.panel, false) as is_same_panel,
    coalesce(c.state, 'not estimable') as state,
    if(c.state is null, 'no_figure_by_this_way', c.reason) as reason,
    coalesce(c.is_provisional, h.is_provisional) as is_provisional,
    coalesce(c.is_simulated, h.is_simulated) as is_simulated
from headlines h
cross join ways w
left join same s on s.option = if(w.choice = 'population_method', w.option, null)
left join changes_by_way c
    on c.protocol = w.way and c.level = h.level and c.unit_id = h.unit_id and c.drug = h.drug
-- What does not concern a headline is no way of computing it: a site has no weight, and no other drug is made net.
where not (w.choice = 'area_weights' and h.level = 'site')
    and not (w.choice = 'net_of_other_sources' and h.drug <> 'amphetamine')
    -- Nor is the very way people are counted by at all sites of the panel.
    and not (h.panel <> '' and coalesce(list_has_all(s.sites, string_split(h.panel, ';')), false))
