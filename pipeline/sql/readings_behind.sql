-- One row is the first or the last reading of a meter that the load of $residue at $site on $day was integrated over, with how
-- many there are. Grain: read_steady.
with
asked as (
    select if($basis = 'window', from_steady, steady_of($day::timestamp, time_zone)) as from_steady,
        if($basis = 'window', to_steady, steady_of($day::timestamp + interval 1 day, time_zone)) as to_steady
    from summed_up_days(null, 'all')
    where site_id = $site and sampled_on = $day and residue = $residue
),
behind as (
    select f.*, count(*) over () as n_readings,
        row_number() over (order by read_steady) as number, row_number() over (order by read_steady desc) as from_end
    from current_flow_readings f, asked
    where f.site_id = $site
        -- The readings around the window too: between them it is cut.
        and f.read_steady >= coalesce(
            (select max(to_steady) from flow_segments where site_id = $site and to_steady <= asked.from_steady),
            (select min(from_steady) from flow_segments where site_id = $site)
        )
        and f.read_steady <= coalesce(
            (select min(from_steady) from flow_segments where site_id = $site and from_steady >= asked.to_steady),
            (select max(to_steady) from flow_segments where site_id = $site)
        )
)
select b.*, d.file_name, d.received_at, d.place, d.profile, $basis as flow_basis
from behind b join ordered_deliveries d using (delivery_id)
where number = 1 or from_end = 1
order by number
