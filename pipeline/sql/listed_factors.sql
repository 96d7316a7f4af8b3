-- One row is a drug by one residue in a factor set, with the correction factor computed and the drug's dose. Over the frames
-- `factors` and `doses` of one set. Grain: drug, residue.
select
    f.factor_set, f.drug, f.drug_name, f.residue,
    f.excreted_fraction, f.excreted_fraction_low, f.excreted_fraction_high, f.excretion_basis,
    f.residue_mg_per_cigarette, f.molar_mass_parent_g_per_mol, f.molar_mass_residue_g_per_mol,
    correction_factor(
        f.molar_mass_parent_g_per_mol, f.molar_mass_residue_g_per_mol, f.excreted_fraction, f.excretion_basis
    ) as correction_factor,
    f.stability_class, f.is_default, d.dose_mg, d.dose_status, f.factor_status, f.evidence, f.source, f.valid_from,
    f.approved_by
from factors f left join doses d on d.drug = f.drug
order by f.place
