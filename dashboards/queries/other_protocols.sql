-- One row is the change of one drug in one place between two periods, by a protocol other than $protocol.
-- Grain: level, unit_id, drug, baseline_period, current_period, protocol.
select
    c.level, c.unit_id, c.drug, c.baseline_period, c.current_period, c.protocol, coalesce(p.title, c.protocol) as title,
    c.basis, c.state, c.reason, c.change_percent, c.ci_low_percent, c.ci_high_percent, c.verdict, c.published_class,
    c.n_sites, c.n_sites_left_out, c.n_days_baseline + c.n_days_current as n_days,
    -- Only said where it makes most of the figure.
    if(
        p.below_limit = 'zero' and 2 * (c.n_censored_baseline + c.n_censored_current) > c.n_days_baseline + c.n_days_current,
        c.n_censored_baseline + c.n_censored_current, null
    ) as n_taken_as_zero
from changes c left join protocols p using (protocol)
where c.protocol <> $protocol
order by c.level, c.unit_id, c.drug, c.baseline_period, c.current_period, c.protocol
