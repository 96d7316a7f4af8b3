-- The table of changes, as it stands, with the status of the factor each rests on. Grain: level, unit_id, drug, protocol, baseline_period, current_period.
select t.*, if(t.basis = 'consumption', f.factor_status, null) as factor_status
from changes t
left join protocols p on p.protocol = t.protocol
left join factors f on f.factor_set = p.factor_set and f.drug = t.drug and f.residue = t.residue
order by t.level, t.unit_id, t.drug, t.protocol, t.baseline_period, t.current_period
