-- One row is the status of the factor that a protocol's figures of one drug by one residue rest on. Grain: protocol, drug,
-- residue.
select p.protocol, f.drug, f.residue, f.factor_status
from protocols p join factors f using (factor_set)
where p.basis = 'consumption'
