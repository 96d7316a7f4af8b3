-- One row is the change of one drug over the whole network, from $baseline to $current, by protocol $protocol.
-- Grain: drug. The largest fall first, what is not estimable last.
select
    drug, drug_name, residue, basis, state, reason, change_percent, ci_low_percent, ci_high_percent, verdict,
    smallest_detectable_fall_percent, naive_change_percent, baseline_mg_per_day_per_1000, current_mg_per_day_per_1000,
    n_sites, n_sites_left_out, n_days_baseline, n_days_current, n_censored_baseline, n_censored_current, area_weights,
    flags, is_provisional, is_simulated
from changes
where level = 'network' and protocol = $protocol and baseline_period = $baseline and current_period = $current
order by state = 'not estimable', change_percent nulls last, drug_name, drug
