-- One row: whether anything is simulated, and whether any measurement is not. A file that was refused has no profile to
-- say what it is, so deliveries and quarantine can tell that there are simulated rows, not that there are real ones.
with

measured as (
    select is_simulated from results
    union all select is_simulated from reported_loads
    union all select is_simulated from flows
    union all select is_simulated from populations
),

estimated as (
    select is_simulated from site_periods
    union all select is_simulated from area_periods
    union all select is_simulated from changes
    union all select is_simulated from loads
    union all select is_simulated from consumption
),

other as (
    select is_simulated from deliveries
    union all select is_simulated from quarantine
    union all select is_simulated from sites
    union all select is_simulated from areas
)

select
    coalesce((select bool_or(is_simulated) from measured), false)
    or coalesce((select bool_or(is_simulated) from estimated), false)
    or coalesce((select bool_or(is_simulated) from other), false) as any_simulated,
    coalesce((select bool_or(not is_simulated) from measured), false)
    or coalesce((select bool_or(not is_simulated) from estimated), false) as any_real
