-- One row is the change of one drug over the whole network, from $baseline to $current, by a protocol other than
-- $protocol. Grain: drug, protocol.
select
    c.drug, c.protocol, coalesce(p.title, c.protocol) as title, c.basis, c.state, c.change_percent, c.published_class,
    c.n_days_baseline + c.n_days_current as n_days,
    -- Only said where it makes most of the figure.
    if(
        p.below_limit = 'zero' and 2 * (c.n_censored_baseline + c.n_censored_current) > c.n_days_baseline + c.n_days_current,
        c.n_censored_baseline + c.n_censored_current, null
    ) as n_taken_as_zero
from changes c left join protocols p using (protocol)
where
    c.level = 'network'
    and c.protocol <> $protocol
    and c.baseline_period = $baseline
    and c.current_period = $current
order by c.drug, c.protocol
