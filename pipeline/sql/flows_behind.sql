-- One row is a delivered flow that the load of $residue at $site on $day rests on, as $basis says. Grain: sampled_on.
select f.*, d.file_name, d.received_at, d.place, d.profile, $basis as flow_basis
from current_flows f
join ordered_deliveries d using (delivery_id)
join summed_up_days(null, 'all') m on m.site_id = f.site_id and m.sampled_on = $day and m.residue = $residue
where f.site_id = $site
    and case $basis
        when 'days'
            then f.sampled_on between first_day_covered(m.from_at) and last_day_covered(m.to_at)
        when 'filled'
            then isodow(f.sampled_on) = isodow($day) and date_trunc('month', f.sampled_on) = date_trunc('month', $day)
        else f.sampled_on = $day
    end
order by f.sampled_on
