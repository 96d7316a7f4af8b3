-- One row is a point of a series whose trend is asked for: a drug over one of the periods of $kind, by one protocol, at a
-- site, or in an area over its panel: sites that have a point in all periods of the panel.
-- The panel of an area: its periods are put in order by how many inhabitants their sites have (how many sites, where these
-- weigh alike), and the poorest dropped one after another. Kept is what leaves most inhabitants times periods, of what has
-- $fewest_periods at least and $smallest_share of the inhabitants of all sites, if any has. No amount is looked at.
-- What is known by its limits alone lies below the most that these allow. So does an area with such sites in it, unless
-- they matter little: where least and most are within $widest_bounds of each other, their middle stands.
-- Grain: level, unit_id, drug, protocol, period.
-- Each part is formed once, and says so: DuckDB 1.5.5, left to choose, was seen to wait for ever.
with

-- Periods in which a drug was measured, also those that say nothing: below limits nobody states, or above the range.
measured as materialized (
    select a.level, a.unit_id, s.drug, s.protocol, count(distinct s.period) as n_measured
    from site_periods s
    join (
        select level, unit_id, site_id from area_of_site
        union all
        select distinct 'site', site_id, site_id from site_periods
    ) a using (site_id)
    where s.period_kind = $kind
    group by all
),

points as materialized (
    select
        s.site_id, coalesce(c.site_name, s.site_id) as site_name, s.drug, s.residue, s.protocol, s.basis, s.period,
        s.population, s.is_provisional, s.is_simulated,
        s.state <> 'estimated' as is_censored,
        if(is_censored, coalesce(s.at_least_mg_per_day_per_1000, 0), s.mean_mg_per_day_per_1000) as least,
        if(is_censored, s.at_most_mg_per_day_per_1000, s.mean_mg_per_day_per_1000) as most
    from site_periods s
    left join current_sites c using (site_id)
    where s.period_kind = $kind
        and (
            s.state = 'estimated'
            or (s.at_most_mg_per_day_per_1000 > 0 and s.reason in ('mostly_below_limit', 'too_few_detects'))
        )
),

-- By what a site counts when its area's panel is chosen: one number for all periods.
weights as materialized (
    select x.drug, x.protocol, x.site_id, if(any_value(p.area_weights) = 'none', 1, min_by(x.population, x.period)) as weight
    from points x join protocols p using (protocol)
    group by x.drug, x.protocol, x.site_id
),

members as materialized (
    select a.level, a.unit_id, a.unit_name, x.*, p.area_weights, w.weight
    from points x
    join area_of_site a using (site_id)
    join protocols p using (protocol)
    join weights w using (drug, protocol, site_id)
),

-- The richest period first; of equally rich ones the later.
places as materialized (
    select
        *,
        row_number() over (partition by level, unit_id, drug, protocol order by weight desc, period desc) as place
    from (
        select level, unit_id, drug, protocol, period, coalesce(sum_in_order(weight, site_id), 0) as weight
        from members
        group by level, unit_id, drug, protocol, period
    )
),

-- In how many of the richest periods a site has a point, up to the first one in which it has none.
reach as materialized (
    select level, unit_id, drug, protocol, site_id, any_value(weight) as weight, count_if(nth = place) as n_richest
    from (
        select
            m.level, m.unit_id, m.drug, m.protocol, m.site_id, m.weight, p.place,
            row_number() over (partition by m.level, m.unit_id, m.drug, m.protocol, m.site_id order by p.place) as nth
        from members m join places p using (level, unit_id, drug, protocol, period)
    )
    group by level, unit_id, drug, protocol, site_id
),

wholes as materialized (
    select level, unit_id, drug, protocol, count(*) as n_sites, sum_in_order(weight, site_id) as weight
    from reach
    group by level, unit_id, drug, protocol
),

panels as materialized (
    select
        level, unit_id, drug, protocol, c.n_periods,
        c.sites as sites_of_panel,
        len(c.sites) as n_sites,
        w.n_sites - len(c.sites) as n_sites_left_out,
        m.n_measured - c.n_periods as n_periods_left_out,
        c.weight / w.weight as panel_share
    from (
        select
            level, unit_id, drug, protocol, p.place as n_periods, sum_in_order(r.weight, r.site_id) as weight,
            list_sort(list(r.site_id)) as sites
        from places p join reach r using (level, unit_id, drug, protocol)
        where r.n_richest >= p.place and r.weight is not null
        group by level, unit_id, drug, protocol, p.place
    ) c
    join wholes w using (level, unit_id, drug, protocol)
    join measured m using (level, unit_id, drug, protocol)
    qualify row_number() over (
        partition by level, unit_id, drug, protocol
        order by
            c.n_periods >= $fewest_periods and panel_share >= $smallest_share desc, c.n_periods >= $fewest_periods desc,
            c.weight * c.n_periods desc, c.n_periods desc
    ) = 1
),

in_panels as materialized (
    select
        m.*, p.* exclude (level, unit_id, drug, protocol, n_periods, sites_of_panel),
        array_to_string(p.sites_of_panel, ';') as panel
    from members m
    join places o using (level, unit_id, drug, protocol, period)
    join panels p using (level, unit_id, drug, protocol)
    where o.place <= p.n_periods and list_contains(p.sites_of_panel, m.site_id)
),

-- Inhabitants of the first period of the panel: what moves its mean is use.
first_weights as materialized (
    select
        level, unit_id, drug, protocol, site_id,
        if(any_value(area_weights) = 'none', 1, coalesce(min_by(population, period), any_value(weight))) as first_weight
    from in_panels
    group by level, unit_id, drug, protocol, site_id
),

areas_over_panels as materialized (
    select
        level, unit_id, any_value(unit_name) as unit_name, drug, any_value(residue) as residue, protocol,
        any_value(basis) as basis, period,
        sum_in_order(first_weight * least, site_id) / sum_in_order(first_weight, site_id) as least,
        sum_in_order(first_weight * most, site_id) / sum_in_order(first_weight, site_id) as most,
        any_value(n_sites) as n_sites, any_value(n_sites_left_out) as n_sites_left_out,
        any_value(n_periods_left_out) as n_periods_left_out, any_value(panel_share) as panel_share,
        any_value(panel) as panel, bool_or(is_provisional) as is_provisional, bool_or(is_simulated) as is_simulated
    from in_panels join first_weights using (level, unit_id, drug, protocol, site_id)
    group by level, unit_id, drug, protocol, period
)

select
    'site' as level, site_id as unit_id, site_name as unit_name, drug, residue, protocol, basis, period, is_censored,
    most as value, 1 as n_sites, 0 as n_sites_left_out,
    n_measured - count(*) over (partition by site_id, drug, protocol) as n_periods_left_out, 1.0 as panel_share,
    site_id as panel, is_provisional, is_simulated
from points join (select unit_id as site_id, drug, protocol, n_measured from measured where level = 'site')
    using (site_id, drug, protocol)
union all by name
select
    * exclude (least, most),
    most - least > $widest_bounds * most as is_censored,
    if(is_censored, most, (least + most) / 2) as value
from areas_over_panels
union all by name
-- An area of whose sites nobody knows the inhabitants has periods and no point.
select
    level, unit_id, any_value(unit_name) as unit_name, drug, any_value(residue) as residue, protocol,
    any_value(basis) as basis, period, false as is_censored, null as value, 0 as n_sites,
    any_value(w.n_sites) as n_sites_left_out, 0 as n_periods_left_out, 0.0 as panel_share, '' as panel,
    bool_or(is_provisional) as is_provisional, bool_or(is_simulated) as is_simulated
from members m
join wholes w using (level, unit_id, drug, protocol)
where w.weight is null
group by level, unit_id, drug, protocol, period
