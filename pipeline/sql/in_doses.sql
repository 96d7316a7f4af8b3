-- One row is one of the frame `means`, with its mean and interval in doses as well.
select
    *,
    doses_per_day_per_1000(mean_mg_per_day_per_1000, dose_mg) as doses_per_day_per_1000,
    -- A dose is a definition: it has no error, and the interval is that of the mean.
    doses_per_day_per_1000(ci_low_mg_per_day_per_1000, dose_mg) as ci_low_doses_per_day_per_1000,
    doses_per_day_per_1000(ci_high_mg_per_day_per_1000, dose_mg) as ci_high_doses_per_day_per_1000
from means
