-- One row is the change of one drug over the whole network, from $baseline to $current, by protocol $protocol.
-- Grain: drug. The largest fall first, what is not estimable last.
select
    c.drug, c.drug_name, c.residue, c.basis, c.state, c.reason, c.change_percent, c.ci_low_percent, c.ci_high_percent,
    c.verdict, c.smallest_detectable_fall_percent, c.naive_change_percent, c.baseline_mg_per_day_per_1000,
    c.current_mg_per_day_per_1000, c.n_sites, c.n_sites_left_out, c.n_days_baseline, c.n_days_current,
    c.n_censored_baseline, c.n_censored_current, c.area_weights, c.flags, c.is_provisional,
    if(c.basis = 'consumption', f.factor_status, null) as factor_status,
    c.is_simulated
from changes c
left join protocols p on p.protocol = c.protocol
left join factors f on f.factor_set = p.factor_set and f.drug = c.drug and f.residue = c.residue
where c.level = 'network' and c.protocol = $protocol and c.baseline_period = $baseline and c.current_period = $current
order by c.state = 'not estimable', c.change_percent nulls last, c.drug_name, c.drug
