-- One row is why results of $drug at $site in $period, which may be a day, are in no figure by $protocol. Sorted by the
-- number of results. Grain: residue, reason.
select
    l.residue,
    case
        when l.state = 'estimated' and p.basis = 'consumption' and correction_factor(
            f.molar_mass_parent_g_per_mol, f.molar_mass_residue_g_per_mol, f.excreted_fraction, f.excretion_basis
        ) is null then 'no_factor'
        -- The inhabitants of another method than the site's own.
        when l.state = 'estimated' then 'no_chosen_population'
        when p.population_method is not null then replace(l.reason, 'no_population', 'no_chosen_population')
        else l.reason
    end as reason,
    p.population_method,
    count(*) as n_results
from loads l
join protocols p on p.protocol = $protocol
join factors f on f.factor_set = p.factor_set and f.drug = $drug and f.residue = l.residue and f.is_default
where l.site_id = $site and l.sampling_year = left($period, 4)::integer
    and $period in (
        l.sampling_year::varchar, strftime(l.sampled_on, '%Y') || '-Q' || quarter(l.sampled_on),
        strftime(l.sampled_on, '%Y-%m'), l.sampled_on::varchar
    )
    and not exists (
        select 1 from consumption c
        where c.site_id = l.site_id and c.sampled_on = l.sampled_on and c.sampling_year = l.sampling_year
            and c.drug = $drug and c.protocol = $protocol
    )
group by all
order by n_results desc, l.residue, reason
