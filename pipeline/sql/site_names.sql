-- One row is a site of ours that a sender's numbering names: its numbers and names, edition by edition.
-- Questions that are open are no names yet: they are asked by themselves.
with named as (
    select distinct
        numbering, site_id, coalesce(release, 'unknown') as edition, site_code, site_label,
        coalesce(release, 'unknown') || ': ' || site_code as in_edition
    from site_aliases
    where numbering is not null and site_id is not null
)

select
    numbering,
    site_id,
    min(edition) as first_edition,
    max(edition) as last_edition,
    string_agg(distinct in_edition, ', ' order by in_edition) as numbers,
    string_agg(distinct site_label, ' | ' order by site_label) as names,
    count(distinct site_code) > 1 as is_renumbered,
    count(distinct site_label) > 1 as is_relabelled,
    min(edition) > (select min(edition) from named n where n.numbering = named.numbering) as is_new,
    max(edition) < (select max(edition) from named n where n.numbering = named.numbering) as is_gone
from named
group by numbering, site_id
order by numbering, site_id
