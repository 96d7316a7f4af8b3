-- One row is one of the frame `means`, of a site, with what concerns its inhabitants aged 15 to 64.
select
    * replace (joined_flags(concat_ws(' ', flags, if(has_few_detects, 'few_detects', null))) as flags),
    population_aged_15_to_64(population, share_aged_15_to_64) as population_aged_15_to_64,
    mg_per_day_per_1000_aged_15_to_64(mean_mg_per_day_per_1000, share_aged_15_to_64)
        as mean_mg_per_day_per_1000_aged_15_to_64
from means
