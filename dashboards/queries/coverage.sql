-- One row: what the page rests on, by protocol $protocol, and what has been delivered.
select
    (select max(sampled_on) from consumption where protocol = $protocol) as newest_sample,
    (select max(sampling_year) from consumption where protocol = $protocol) as newest_year,
    (select count(distinct site_id) from consumption where protocol = $protocol) as n_sites,
    (select count(distinct site_id) from sites) as n_sites_known,
    (select max(sampled_on) from results) as newest_result,
    (select count(*) from deliveries) as n_deliveries,
    (select count(*) from results) as n_results,
    (select count(*) from reported_loads) as n_reported_loads,
    (select count(*) from flows) as n_flows,
    (select count(*) from populations) as n_populations,
    (select count(*) from quarantine) as n_quarantined,
    (select count(*) from loads) as n_loads,
    (select count(*) from loads where state = 'not estimable') as n_loads_not_estimable,
    (select count(*) from consumption where protocol = $protocol) as n_consumption
