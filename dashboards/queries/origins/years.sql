-- One row is a year with days, by protocol $protocol, the newest first. Grain: sampling_year.
select sampling_year, count(*) as n_days from consumption where protocol = $protocol group by sampling_year order by sampling_year desc
