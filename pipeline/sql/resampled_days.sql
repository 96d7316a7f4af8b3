-- One row is a day that is compared at a site of a panel, by what it weighs in the change of a place. Of the frame
-- `compared_sites` (compared_sites.sql) and the view spanned_days.
-- Grain: level, unit_id, drug, protocol, site_id, day and source of the day.
select
    s.level,
    s.unit_id,
    s.drug,
    s.protocol,
    s.site_id,
    s.weight,
    d.span.period = 'current' as is_current,
    -- Where weekdays are not matched all days are as one.
    if(s.is_weekday_matched, d.weekday, 0) as weekday,
    d.is_censored,
    d.amount_mg_per_day_per_1000
from compared_sites s
join spanned_days d on d.site_id = s.site_id and d.drug = s.drug and d.protocol = s.protocol
where s.is_in_panel and s.level = $level and d.span.kind = 'matched' and d.reason is distinct from 'methamphetamine_unknown'
order by all
