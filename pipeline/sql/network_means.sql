-- One row is the network's mean of one drug in $period by $protocol, with the factor it rests on. Grain: drug.
select
    m.drug, m.residue, m.mean_mg_per_day_per_1000, m.reason, m.is_simulated, f.factor_status,
    correction_factor(
        f.molar_mass_parent_g_per_mol, f.molar_mass_residue_g_per_mol, f.excreted_fraction, f.excretion_basis
    ) as correction_factor
from area_periods m
join protocols p using (protocol)
join factors f on f.factor_set = p.factor_set and f.drug = m.drug and f.residue = m.residue
where m.level = 'network' and m.period = $period and m.protocol = $protocol and m.basis = 'consumption'
order by m.drug
