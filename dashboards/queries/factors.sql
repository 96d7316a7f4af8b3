-- One row is a way from a residue back to a drug, of the factor sets the protocols use. Grain: factor_set, drug, residue.
select
    f.factor_set, f.drug, f.drug_name, f.residue, coalesce(r.residue_name, f.residue) as residue_name, r.residue_name_zh, f.excreted_fraction,
    f.excreted_fraction_low, f.excreted_fraction_high, f.excretion_basis, f.residue_mg_per_cigarette, f.molar_mass_parent_g_per_mol,
    f.molar_mass_residue_g_per_mol, f.stability_class, f.is_default, f.evidence, f.factor_status, f.source, f.approved_by,
    d.dose_mg, d.dose_status
from factors f
left join residues r on r.residue = f.residue
left join doses d on d.factor_set = f.factor_set and d.drug = f.drug
where f.factor_set in (select factor_set from protocols)
order by f.factor_set, f.drug_name, f.drug, f.is_default desc, f.residue
