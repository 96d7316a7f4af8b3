-- One row is a day of a period that is compared (the view spanned_days), by a protocol that infers what lies below limits in
-- one of the ways of $below_limit: as day_spreads.sql, with the period and whether all days are in it or those that match.
select
    d.protocol,
    p.below_limit,
    d.drug,
    d.site_id,
    d.sampled_on,
    d.sampling_year,
    d.weekday,
    d.is_censored,
    known_value(d.is_censored, d.amount_mg_per_day_per_1000, d.amount_limit_mg_per_day_per_1000) as value,
    d.population,
    d.is_simulated,
    d.span.kind as period_kind,
    d.span.period as period
from spanned_days d join protocols p using (protocol)
where p.below_limit in (select unnest($below_limit::varchar[])) and value > 0
    and d.reason is distinct from 'methamphetamine_unknown'
