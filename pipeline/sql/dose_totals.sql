-- One row is what the inhabitants of one place used of all drugs that have a dose, in doses, over one period of $year, by
-- one protocol. Milligrams of different drugs are never added: 1 mg of fentanyl is no 1 mg of cannabis.
-- Grain: level, unit_id, period, protocol.
with

figures as (
    select
        'site' as level, p.site_id as unit_id, s.site_name as unit_name, p.sampling_year, p.period_kind, p.period,
        p.protocol, p.drug, p.residue, p.basis, p.doses_per_day_per_1000, p.mean_mg_per_day_per_1000, p.reason,
        p.is_provisional, p.is_simulated
    from site_periods p left join current_sites s using (site_id)
    where p.sampling_year = $year
    union all by name
    select
        level, unit_id, unit_name, sampling_year, period_kind, period, protocol, drug, residue, basis,
        doses_per_day_per_1000, mean_mg_per_day_per_1000, reason, is_provisional, is_simulated
    from area_periods
    where sampling_year = $year
),

judged as (
    select
        g.* exclude (reason, residue, basis, mean_mg_per_day_per_1000),
        f.factor_status,
        d.dose_status,
        case
            -- Nicotine and alcohol: used by so many that a total with them would tell of nothing else.
            when r.kind = 'marker' then 'marker_of_population'
            when g.mean_mg_per_day_per_1000 is null then g.reason
            when d.dose_mg is null then 'no_dose'
        end as reason_left_out
    from figures g
    join protocols p using (protocol)
    left join factors f on f.factor_set = p.factor_set and f.drug = g.drug and f.residue = g.residue
    left join doses d on d.factor_set = p.factor_set and d.drug = g.drug
    left join residues r on r.residue = g.residue
    where g.basis = 'consumption'
),

-- What was measured, and has no figure because no factor leads from it to its drug; or because the protocol's set does not
-- know the residue, that of a drug, at all: then it stands for the drug.
without_factor as (
    select p.protocol, f.drug, f.residue
    from protocols p join factors f using (factor_set)
    where p.basis = 'consumption' and f.is_default
        and correction_factor(
            f.molar_mass_parent_g_per_mol, f.molar_mass_residue_g_per_mol, f.excreted_fraction, f.excretion_basis
        ) is null
    union all
    select p.protocol, coalesce(k.drug, r.residue) as drug, r.residue
    from protocols p
    cross join residues r
    -- The drug that other sets compute from it.
    left join (
        select residue, min(drug) as drug from factors where is_default group by residue
    ) k using (residue)
    where p.basis = 'consumption'
        and (k.drug is not null or r.kind = 'drug')
        and not exists (
            select 1 from factors f
            where f.factor_set = p.factor_set and (f.residue = r.residue or f.drug = coalesce(k.drug, r.residue))
        )
),

measured as (
    select site_id, sampled_on, residue, is_simulated
    from loads
    where sampling_year = $year and state = 'estimated' and residue in (select residue from without_factor)
    union all
    select site_id, sampled_on, residue, is_simulated
    from current_reported_loads
    where sampling_year = $year and qualifier <> 'not measured' and residue in (select residue from without_factor)
),

in_periods as (
    select
        site_id, residue, is_simulated,
        unnest([
            {'kind': 'year', 'period': $year::varchar},
            {'kind': 'quarter', 'period': strftime(sampled_on, '%Y') || '-Q' || quarter(sampled_on)},
            {'kind': 'month', 'period': strftime(sampled_on, '%Y-%m')}
        ]) as span
    from measured
),

places as (
    select 'site' as level, site_id as unit_id, site_name as unit_name, site_id from current_sites
    union all by name
    select level, unit_id, unit_name, site_id from area_of_site
),

-- Of each place the sites that are in the figures of the drugs of its total: a total over other sites for each drug is
-- none of the place.
in_figures as (
    select a.level, a.unit_id, s.period, s.protocol, s.site_id, count(*) as n_drugs
    from site_periods s
    join places a using (site_id)
    join protocols p using (protocol)
    join judged j
        on j.level = a.level and j.unit_id = a.unit_id and j.period = s.period and j.protocol = s.protocol
        and j.drug = s.drug
    where s.sampling_year = $year and s.state = 'estimated' and j.reason_left_out is null
        and (a.level = 'site' or p.area_weights = 'none' or s.population is not null)
    group by all
),

sites_in as (
    select
        level, unit_id, period, protocol, count(*) as n_sites_with_some,
        count_if(n_drugs = n_drugs_of_total) as n_sites_with_all
    from in_figures
    join (
        select level, unit_id, period, protocol, count(*) as n_drugs_of_total
        from judged
        where reason_left_out is null
        group by all
    ) using (level, unit_id, period, protocol)
    group by level, unit_id, period, protocol
),

of_all_drugs as (
    select * from judged
    union all by name
    select
        a.level, a.unit_id, any_value(a.unit_name) as unit_name, $year as sampling_year, i.span.kind as period_kind,
        i.span.period as period, w.protocol, w.drug, 'no_factor' as reason_left_out, false as is_provisional,
        bool_or(i.is_simulated) as is_simulated
    from in_periods i
    join without_factor w using (residue)
    join places a using (site_id)
    where i.span.period is not null -- a reported load without a date belongs to its year only
    group by a.level, a.unit_id, i.span, w.protocol, w.drug
)

select
    level,
    unit_id,
    any_value(unit_name) as unit_name,
    any_value(sampling_year) as sampling_year,
    period_kind,
    period,
    protocol,
    sum(doses_per_day_per_1000 order by drug) filter (where reason_left_out is null) as doses_per_day_per_1000,
    count_if(reason_left_out is null) as n_drugs,
    coalesce(list(drug order by drug) filter (where reason_left_out is null), []) as drugs,
    coalesce(list(drug order by drug) filter (where reason_left_out is not null), []) as drugs_left_out,
    coalesce(list(reason_left_out order by drug) filter (where reason_left_out is not null), []) as reasons_left_out,
    -- The least that any of its drugs can say for itself.
    ['approved', 'provisional', 'experimental'][
        max(list_position(['approved', 'provisional', 'experimental'], factor_status)) filter (where reason_left_out is null)
    ] as factor_status,
    ['approved', 'provisional', 'experimental'][
        max(list_position(['approved', 'provisional', 'experimental'], dose_status)) filter (where reason_left_out is null)
    ] as dose_status,
    if(n_drugs = 0, 'not estimable', 'estimated') as state,
    coalesce(any_value(s.n_sites_with_all), 0) as n_sites_with_all,
    coalesce(any_value(s.n_sites_with_some), 0) as n_sites_with_some,
    case when n_drugs = 0 then 'no_drug_in_doses' when any_value(s.n_sites_with_all) < any_value(s.n_sites_with_some) then 'sites_differ' end
        as reason,
    coalesce(bool_or(is_provisional or dose_status <> 'approved') filter (where reason_left_out is null), false)
        as is_provisional,
    bool_or(is_simulated) as is_simulated
from of_all_drugs
left join sites_in s using (level, unit_id, period, protocol)
group by level, unit_id, period_kind, period, protocol
