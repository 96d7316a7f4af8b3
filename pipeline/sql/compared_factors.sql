-- One row is a drug by one residue in set $a, in set $b or in both: what differs, and what each makes of the current figure.
-- Over the frames `a`, `b` and `now`. Grain: drug, residue.
select
    coalesce(a.drug, b.drug) as drug,
    coalesce(a.residue, b.residue) as residue,
    a.excreted_fraction as excreted_fraction_a,
    b.excreted_fraction as excreted_fraction_b,
    a.correction_factor as correction_factor_a,
    b.correction_factor as correction_factor_b,
    b.correction_factor / a.correction_factor as ratio,
    case
        when b.drug is null then 'only in ' || $a
        when a.drug is null then 'only in ' || $b
        else concat_ws(
            ', ',
            if(a.excreted_fraction is distinct from b.excreted_fraction, 'fraction', null),
            if(a.excretion_basis is distinct from b.excretion_basis, 'basis', null),
            if(
                a.molar_mass_parent_g_per_mol is distinct from b.molar_mass_parent_g_per_mol
                or a.molar_mass_residue_g_per_mol is distinct from b.molar_mass_residue_g_per_mol,
                'molar mass', null
            ),
            if(a.residue_mg_per_cigarette is distinct from b.residue_mg_per_cigarette, 'mass per cigarette', null),
            if(a.is_default is distinct from b.is_default, 'default', null),
            if(a.dose_mg is distinct from b.dose_mg, 'dose', null),
            if(a.stability_class is distinct from b.stability_class, 'stability', null),
            if(a.factor_status is distinct from b.factor_status, 'status', null),
            if(a.evidence is distinct from b.evidence, 'evidence', null),
            if(a.source is distinct from b.source, 'source', null)
        )
    end as differs,
    a.dose_mg as dose_mg_a,
    b.dose_mg as dose_mg_b,
    a.factor_status as factor_status_a,
    b.factor_status as factor_status_b,
    a.evidence as evidence_a,
    b.evidence as evidence_b,
    a.source as source_a,
    b.source as source_b,
    $period as period,
    n.mean_mg_per_day_per_1000,
    n.factor_status,
    coalesce(n.is_simulated, false) as is_simulated,
    -- A mean is proportional to its factor, also where half of a limit stands for what lies below it.
    if(
        a.is_default,
        consumption_mg_per_day_per_1000(n.mean_mg_per_day_per_1000 / n.correction_factor, a.correction_factor, 0),
        null
    ) as mean_a_mg_per_day_per_1000,
    if(
        b.is_default,
        consumption_mg_per_day_per_1000(n.mean_mg_per_day_per_1000 / n.correction_factor, b.correction_factor, 0),
        null
    ) as mean_b_mg_per_day_per_1000,
    -- One factor in both periods cancels. Another residue falls otherwise: only computing would tell how.
    if(
        mean_a_mg_per_day_per_1000 is not null and mean_b_mg_per_day_per_1000 is not null, false, null
    ) as does_change_alter
from a
full join b on b.drug = a.drug and b.residue = a.residue
left join now n on n.drug = coalesce(a.drug, b.drug) and n.residue = coalesce(a.residue, b.residue)
order by coalesce(a.place, b.place), b.place
