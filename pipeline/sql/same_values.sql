-- One row is two sites that state a value for the same occasions, of which at least one is the same.
-- `stated` are the values of all sites: site_id, occasion, value.
with same as (
    select a.site_id, b.site_id as other_site_id, count(distinct a.occasion) as n_same
    from stated a join stated b on a.occasion = b.occasion and a.value = b.value and a.site_id < b.site_id
    group by all
)

select s.site_id, s.other_site_id, count(distinct a.occasion)::bigint as n_shared, any_value(s.n_same)::bigint as n_same
from same s
join stated a on a.site_id = s.site_id
join stated b on b.site_id = s.other_site_id and b.occasion = a.occasion
group by s.site_id, s.other_site_id
order by s.site_id, s.other_site_id
