-- One row is a reason why loads could not be computed, with the number of results it concerns. Grain: reason.
select reason, count(*) as n_results
from (select unnest(string_split(reason, ' ')) as reason from loads where state = 'not estimable')
where reason <> ''
group by reason
order by n_results desc, reason
