-- One row is the change of one drug over the whole network, from $baseline to $current, by a protocol other than
-- $protocol. Grain: drug, protocol.
select c.drug, c.protocol, coalesce(p.title, c.protocol) as title, c.basis, c.state, c.change_percent, c.published_class
from changes c left join protocols p using (protocol)
where
    c.level = 'network'
    and c.protocol <> $protocol
    and c.baseline_period = $baseline
    and c.current_period = $current
order by c.drug, c.protocol
