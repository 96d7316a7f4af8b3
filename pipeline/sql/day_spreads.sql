-- One row is a day of $year (null: of all years) by a protocol that infers what lies below limits in one of the ways of
-- $below_limit: the amount, or the limit it lies below. Grain: protocol, drug, site_id, day. Days above a range or without a
-- limit are in no such row.
select
    c.protocol,
    p.below_limit,
    c.drug,
    c.site_id,
    c.sampled_on,
    c.sampling_year,
    c.weekday,
    c.is_censored,
    known_value(c.is_censored, c.amount_mg_per_day_per_1000, c.amount_limit_mg_per_day_per_1000) as value,
    c.population,
    c.is_simulated
from consumption c join protocols p using (protocol)
where ($year is null or c.sampling_year = $year) and p.below_limit in (select unnest($below_limit::varchar[])) and value > 0
    and c.reason is distinct from 'methamphetamine_unknown'
