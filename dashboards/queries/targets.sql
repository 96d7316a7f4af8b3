-- One row is a target, with the status of the factor it rests on. Grain: target_number.
with

made_by as (
    select protocol, drug, min(residue) as residue, min(basis) as basis
    from site_periods
    group by protocol, drug
)

select t.*, if(m.basis = 'consumption', f.factor_status, null) as factor_status
from targets t
left join made_by m on m.protocol = t.protocol and m.drug = t.drug
left join protocols p on p.protocol = t.protocol
left join factors f on f.factor_set = p.factor_set and f.drug = t.drug and f.residue = m.residue
order by t.target_number
