-- One row is what stands behind the mean of a site over one of two periods that are compared (the view spanned_days): the
-- mean flow and inhabitants of its days, and what its load was multiplied by. Grain: site_id, drug, protocol, span.
select
    d.site_id, d.drug, d.protocol, d.span.kind as period_kind, d.span.period as period,
    -- Of a load that somebody else reported nobody knows the flow.
    if(count(l.flow_m3_per_day) = count(*), avg_in_order(l.flow_m3_per_day, l.flow_m3_per_day), null)
        as mean_flow_m3_per_day,
    sum_in_order(
        known_value(d.is_censored, d.amount_mg_per_day_per_1000, d.amount_limit_mg_per_day_per_1000),
        row(d.sampled_on, d.weekday)
    ) / nullif(
        sum_in_order(
            known_value(d.is_censored, d.load_mg_per_day_per_1000, d.load_limit_mg_per_day_per_1000),
            row(d.sampled_on, d.weekday)
        ),
        0
    ) as mean_factor
from spanned_days d
left join loads l
    on l.site_id = if(d.origin = 'measured', d.site_id, null) and l.sampled_on = d.sampled_on
    and l.sampling_year = d.sampling_year and l.residue = d.residue
where d.reason is distinct from 'methamphetamine_unknown'
group by all
