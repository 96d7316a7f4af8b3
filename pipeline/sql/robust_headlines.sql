-- One row is one headline of the table robustness (or a frame of that name): how far it goes under all protocols, under all ways
-- of counting people, and which single choice moves it furthest. Grain: level, unit_id, drug.
-- A way of counting people that some sites of the panel lack compares other sites: what it does to them is no answer here.
with

estimated as (
    select
        r.*,
        h.change_percent as headline_percent,
        (r.change_percent < 0) = (h.change_percent < 0) as is_agreeing
    from robustness r
    join (from robustness where is_headline and state = 'estimated') h using (level, unit_id, drug)
    where r.state = 'estimated' and (r.choice <> 'population_method' or r.is_same_panel)
),

-- By how many points the options of a choice lie apart, the headline's own among them.
spread_by_choice as (
    select
        level, unit_id, drug, choice,
        -- Without the last digits, by which nothing is moved further than by something else.
        round(
            greatest(max(difference_percent_points), 0) - least(min(difference_percent_points), 0), 6
        ) as range_percent_points
    from estimated
    where choice <> 'protocol'
    group by level, unit_id, drug, choice
),

furthest as (
    select
        level, unit_id, drug,
        first(choice order by range_percent_points desc, choice) as most_important_choice,
        max(range_percent_points) as most_important_range_percent_points
    from spread_by_choice
    where range_percent_points > 0
    group by level, unit_id, drug
),

ranges as (
    select
        level, unit_id, drug,
        min(change_percent) filter (where choice = 'protocol') as lowest_by_protocol_percent,
        max(change_percent) filter (where choice = 'protocol') as highest_by_protocol_percent,
        count_if(choice = 'protocol')::bigint as n_protocols,
        count_if(choice = 'protocol' and is_agreeing)::bigint as n_protocols_agreeing,
        -- The headline counts people in one of the ways.
        min(change_percent) filter (where choice = 'population_method' or is_headline) as lowest_by_population_percent,
        max(change_percent) filter (where choice = 'population_method' or is_headline) as highest_by_population_percent,
        count_if(choice = 'population_method' or is_headline)::bigint as n_populations,
        count_if((choice = 'population_method' or is_headline) and is_agreeing)::bigint as n_populations_agreeing,
        count(*) as n_ways,
        count_if(is_agreeing)::bigint as n_ways_agreeing
    from estimated
    group by level, unit_id, drug
)

select
    r.level, r.unit_id, r.unit_name, r.drug, r.protocol, r.baseline_period, r.current_period,
    r.change_percent, r.ci_low_percent, r.ci_high_percent, r.verdict, r.n_sites,
    g.* exclude (level, unit_id, drug),
    f.most_important_choice, f.most_important_range_percent_points,
    r.state, r.reason, r.is_provisional, r.is_simulated
from robustness r
left join ranges g using (level, unit_id, drug)
left join furthest f using (level, unit_id, drug)
where r.is_headline
order by r.level, r.unit_id, r.drug
