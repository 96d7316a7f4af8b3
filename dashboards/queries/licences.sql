-- One row is a source of deliveries with its terms of use. Grain: sender, source, licence.
select sender, source, licence, count(*) as n_files, sum(n_accepted)::bigint as n_accepted, bool_or(is_simulated) as is_simulated
from deliveries
where n_accepted > 0
group by sender, source, licence
order by sender nulls last, source nulls last, licence nulls last
