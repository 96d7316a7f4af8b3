-- One row is an analyst's correction of a delivered value that holds now. Grain: site_id, sampled_on, residue, corrected.
select
    c.site_id, coalesce(s.site_name, c.site_id) as site_name, c.sampled_on, c.residue, c.corrected, c.value_from, c.value_to,
    c.justification, c.author, c.corrected_on
from current_corrections c left join current_sites s using (site_id)
order by c.corrected_on desc, site_name, c.site_id, c.sampled_on, c.residue, c.corrected
