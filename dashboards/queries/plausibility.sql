-- One row is a finding that asks a person to look. Grain: as the table plausibility.
select * from plausibility order by site_id, rule, sampling_year, sampled_on nulls first, weekday, residue
