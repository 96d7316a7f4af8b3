-- One row is a site and residue of a sender's numbering whose loads an earlier edition states and the last does not,
-- though the site is in it.
with stated as (
    select distinct
        a.numbering, a.release, r.site_id, r.residue,
        coalesce(r.sampled_on::varchar, r.sampling_year || ', weekday ' || r.weekday) as occasion
    from reported_loads r
    join (
        select distinct delivery_id, numbering, release, site_id from site_aliases where release is not null
    ) a using (delivery_id, site_id)
    where r.qualifier <> 'not measured'
),

last_edition as (select numbering, max(release) as release from stated group by numbering),

of_last as (select s.* from stated s join last_edition using (numbering, release))

select s.numbering, s.site_id, s.residue, count(distinct s.occasion)::bigint as n_values,
    string_agg(distinct left(s.occasion, 4), ' ' order by left(s.occasion, 4)) as years
from stated s
where exists (select 1 from of_last l where l.numbering = s.numbering and l.site_id = s.site_id)
    and not exists (
        select 1 from of_last l
        where l.numbering = s.numbering and l.site_id = s.site_id and l.residue = s.residue and l.occasion = s.occasion
    )
group by s.numbering, s.site_id, s.residue
order by s.numbering, s.site_id, s.residue
