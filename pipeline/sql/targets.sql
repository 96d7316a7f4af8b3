-- One row is a target of the settings (the frame `wanted_targets`) beside the change it asks for, where there is one (the
-- frame `compared_changes`: as the table changes, of one or more pairs of periods). Figures: pipeline/targets.py.
-- Grain: target_number.
with

there as (
    select level, unit_id, unit_name from area_of_site group by all
    union all by name
    select 'site' as level, site_id as unit_id, site_name as unit_name from current_sites
),

-- A site before an area of the same number.
places as (
    select distinct on (unit_id) unit_id, level, unit_name
    from there
    order by unit_id, level = 'site' desc, level
),

drugs as (select distinct drug, protocol from site_periods)

select
    w.target_number,
    w.target_name,
    p.level,
    w.place as unit_id,
    p.unit_name,
    w.drug,
    coalesce(c.drug_name, w.drug) as drug_name,
    w.protocol,
    w.baseline_period,
    w.current_period,
    w.deadline,
    -w.fall_percent as aim_percent,
    c.change_percent,
    c.ci_low_percent,
    c.ci_high_percent,
    c.p_value is not null and c.ci_low_percent is not null as is_in_doubt,
    c.days_log_variance,
    c.days_df,
    columns('(spread|batch|laboratory|flow|population|factor)_log_variance'),
    -- Of the time from the middle of the baseline to the deadline.
    least((w.current_middle - w.baseline_middle) / (w.deadline - w.baseline_middle), 1) as share_of_time,
    c.credibility,
    if(c.state = 'estimated', 'estimated', 'not estimable') as state,
    case
        when c.state is not null then c.reason
        when w.current_period is null then 'no_current'
        when d.drug is null then 'unknown_drug'
        when p.level is null then 'unknown_place'
        when not w.is_after then 'not_after_baseline'
        else 'no_figure'
    end as reason,
    coalesce(c.is_provisional, false) as is_provisional,
    coalesce(c.is_simulated, (select bool_or(is_simulated) from site_periods), false) as is_simulated
from wanted_targets w
left join places p on p.unit_id = w.place
left join drugs d on d.drug = w.drug and d.protocol = w.protocol
left join compared_changes c
    on c.level = p.level and c.unit_id = p.unit_id and c.drug = w.drug and c.protocol = w.protocol
    and c.baseline_period = w.baseline_period and c.current_period = w.current_period
order by w.target_number
