-- One row is the change of one drug in one place between two periods, by protocol $protocol.
-- Grain: level, unit_id, drug, baseline_period, current_period.
select
    c.*, coalesce(c.unit_name, c.unit_id) as place_name, if(c.basis = 'consumption', f.factor_status, null) as factor_status
from changes c
left join protocols p on p.protocol = c.protocol
left join factors f on f.factor_set = p.factor_set and f.drug = c.drug and f.residue = c.residue
where c.protocol = $protocol
order by list_position(['network', 'area', 'site'], c.level), place_name, c.unit_id, c.drug, c.baseline_period, c.current_period
