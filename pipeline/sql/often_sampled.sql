-- One row is a site that is sampled often enough to be followed by weeks, by each of $protocols: in $smallest_share of those from its
-- first to its last day. Grain: protocol, site_id.
select protocol, site_id
from consumption
where protocol in (select unnest($protocols::varchar[])) and sampled_on is not null
group by protocol, site_id
having count(distinct date_trunc('week', sampled_on))
    >= $smallest_share * (date_diff('week', min(sampled_on), max(sampled_on)) + 1)
order by all
