-- One row is a drug with its name. Grain: drug.
select drug, min(drug_name) as drug_name
from (select drug, drug_name from factors union all select drug, drug_name from changes)
group by drug
order by drug
