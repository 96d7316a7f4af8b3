-- One row is a drug with its names. Grain: drug.
select drug, min(drug_name) as drug_name, min(drug_name_zh) as drug_name_zh
from (select drug, drug_name, drug_name_zh from factors union all select drug, drug_name, null from changes)
group by drug
order by drug
