-- One row is a site with figures, by protocol $protocol, and what is known of it. Grain: site_id.
with

measured as (
    select
        site_id, min(sampled_on) as first_sample, max(sampled_on) as newest_sample, min(sampling_year) as first_year,
        max(sampling_year) as newest_year, count(distinct sampled_on) as n_days, max_by(population, sampled_on) as population,
        max_by(population_method, sampled_on) as population_method,
        string_agg(distinct laboratory, '; ' order by laboratory) as laboratories,
        bool_or(is_simulated) as is_simulated
    from consumption
    where protocol = $protocol
    group by site_id
)

select
    m.*, coalesce(s.site_name, m.site_id) as site_name, s.area_id, s.latitude, s.longitude, s.sewer_residence_h,
    s.sewage_temperature_celsius, s.domestic_share
from measured m left join current_sites s using (site_id)
order by site_name, m.site_id
