-- The formula. It stands here once: the estimates, `explain`, the documentation and the tests evaluate this text.
-- Units are in the names. Temporary, so that a catalogue shared by several writers stays free of them.

-- Mass of a residue passing in a day [mg/day] = concentration [ng/L] x flow [m3/day] / 1000; 1 ng/L is 1 ug/m3.
create or replace temp macro load_mg_per_day(concentration_ng_per_l, flow_m3_per_day) as
    concentration_ng_per_l * flow_m3_per_day / 1000;

-- The same per 1000 inhabitants [mg/day/1000].
create or replace temp macro load_mg_per_day_per_1000(load_mg_per_day, population) as
    load_mg_per_day / (population / 1000);

-- From a residue's load to its drug's consumption [1]. On the molar basis the excreted fraction counts molecules and the
-- masses' ratio applies; on the mass basis the fraction already is one of mass. No excreted fraction: no factor.
create or replace temp macro correction_factor(
    molar_mass_parent_g_per_mol, molar_mass_residue_g_per_mol, excreted_fraction, excretion_basis
) as
    case excretion_basis
        when 'molar' then (molar_mass_parent_g_per_mol / molar_mass_residue_g_per_mol) / excreted_fraction
        when 'mass' then 1 / excreted_fraction
    end;

-- Consumption [mg/day/1000]; in_sewer_loss is the fraction of the residue lost on its way, 0 by default.
create or replace temp macro consumption_mg_per_day_per_1000(load_mg_per_day_per_1000, factor, in_sewer_loss) as
    load_mg_per_day_per_1000 * factor / (1 - in_sewer_loss);

-- The share of a residue lost on its way [1]: first order, as Senta et al. 2014 (Science of the Total Environment 487:659)
-- measured it in wastewater without the films of a sewer's walls.
create or replace temp macro in_sewer_loss(residence_h, half_life_h) as
    1 - exp(-ln(2) * residence_h / half_life_h);

-- The half-life at a temperature between two at which it is known [h]: the logarithm of the rate runs straight over the
-- reciprocal of the absolute temperature (Arrhenius).
create or replace temp macro half_life_between(half_life_cold_h, cold_celsius, half_life_warm_h, warm_celsius, celsius) as
    half_life_cold_h * pow(
        half_life_warm_h / half_life_cold_h,
        (1 / (cold_celsius + 273.15) - 1 / (celsius + 273.15))
        / (1 / (cold_celsius + 273.15) - 1 / (warm_celsius + 273.15))
    );

-- Amphetamine that use of methamphetamine leaves behind [mg/day/1000]: median ratio 0.09 of more than 6,000 samples
-- ("Refining the estimation of amphetamine consumption by wastewater-based epidemiology").
create or replace temp macro amphetamine_from_methamphetamine_mg_per_day_per_1000(
    methamphetamine_mg_per_day_per_1000, amphetamine_per_methamphetamine
) as
    methamphetamine_mg_per_day_per_1000 * amphetamine_per_methamphetamine;

-- True where methamphetamine alone explains the amphetamine: where it alone was used the ratio lay between 0.04 and 0.19
-- (same source). Above 1.00 what it leaves behind is negligible, and subtracted all the same: else the figure would jump.
create or replace temp macro is_amphetamine_from_methamphetamine(amphetamine, methamphetamine) as
    amphetamine <= 0.19 * methamphetamine;

-- A residue's load less what other drugs leave behind of it [mg/day/1000].
create or replace temp macro load_net_of_other_sources_mg_per_day_per_1000(load_mg_per_day_per_1000, other_sources) as
    load_mg_per_day_per_1000 - other_sources;

-- Morphine that comes from heroin [mg/day/1000]: the total less medicine (the mass dispensed times the fraction of it that
-- is excreted), codeine and poppy straw. Their shares are hardly known: for what is experimental only. Below zero: none.
-- Over 49 Chinese cities poppy straw gave 59.1 %, medicine 28.5 %, codeine 9.2 % and heroin 3.2 % of morphine.
create or replace temp macro morphine_from_heroin_mg_per_day_per_1000(
    morphine, medical_morphine, excreted_fraction, morphine_from_codeine, morphine_from_poppy_straw
) as
    greatest(
        morphine - medical_morphine * excreted_fraction - morphine_from_codeine - morphine_from_poppy_straw, 0
    );

-- What is known of a day: the amount, or the limit it lies below.
create or replace temp macro known_value(is_censored, amount, amount_limit) as
    if(is_censored, amount_limit, amount);

-- What counts for an amount below its limit [mg/day/1000], by the rule of a protocol.
create or replace temp macro amount_below_limit(amount_limit, below_limit) as
    case below_limit when 'zero' then 0 when 'half_limit' then amount_limit / 2 end;

-- What counts below its limit of a substance that is only subtracted from another [mg/day/1000]. What a likelihood expects
-- there is known of a period, not of a day; of the small part that is subtracted half the limit will do.
create or replace temp macro other_source_below_limit(amount_limit, below_limit) as
    amount_below_limit(amount_limit, if(below_limit = 'zero', 'zero', 'half_limit'));

-- Doses [1/day/1000].
create or replace temp macro doses_per_day_per_1000(consumption_mg_per_day_per_1000, dose_mg) as
    consumption_mg_per_day_per_1000 / dose_mg;

-- What all inhabitants together make of an amount [mg/day].
create or replace temp macro mass_mg_per_day(mg_per_day_per_1000, population) as
    mg_per_day_per_1000 * population / 1000;

-- Inhabitants aged 15 to 64 [persons].
create or replace temp macro population_aged_15_to_64(population, share_aged_15_to_64) as
    population * share_aged_15_to_64;

-- An amount per 1000 inhabitants aged 15 to 64 [mg/day/1000], as if nobody else used any: a survey of Norwegian plants gives
-- its amphetamine and methamphetamine so (in mg/day per 1000 inhabitants aged 15-64).
create or replace temp macro mg_per_day_per_1000_aged_15_to_64(mg_per_day_per_1000, share_aged_15_to_64) as
    mg_per_day_per_1000 / share_aged_15_to_64;

-- How far a correction factor may be off [standard deviation of its logarithm]: what may lie anywhere between the excreted
-- fractions in use, about the one that is used: more where that is the end of its range. Never known better than the least
-- that is believed; of one fraction only, what stands for it.
create or replace temp macro correction_factor_log_sd(
    excreted_fraction, excreted_fraction_low, excreted_fraction_high, least, without_range
) as
    case
        when excreted_fraction_low is null or excreted_fraction_high is null then without_range
        when excreted_fraction_high > excreted_fraction_low
            then greatest(
                least,
                sqrt(
                    (
                        ln(excreted_fraction_high / excreted_fraction) ^ 3
                        - ln(excreted_fraction_low / excreted_fraction) ^ 3
                    )
                    / (3 * ln(excreted_fraction_high / excreted_fraction_low))
                )
            )
        else least
    end;

-- How many times as far off as its load a figure is that is left when another is subtracted [1], of errors that the two do
-- not share: net = load - other.
create or replace temp macro net_error_scale(load, other) as
    sqrt(load ^ 2 + other ^ 2) / (load - other);

-- What the subtraction adds to the variance of the logarithm of a day's net figure, whose load alone has unshared_variance.
create or replace temp macro net_log_variance(load, other, ratio_rsd, unshared_variance) as
    (net_error_scale(load, other) ^ 2 - 1) * unshared_variance + (other / (load - other) * ratio_rsd) ^ 2;

-- How far the figure of one day may be off [variance of its logarithm]: errors multiply, so their squares add up.
create or replace temp macro day_log_variance(
    sampling_rsd, analysis_rsd, n_measurements, batch_rsd, laboratory_rsd, flow_rsd, population_rsd, factor_log_sd
) as
    sampling_rsd ^ 2 + analysis_rsd ^ 2 / greatest(n_measurements, 1) + batch_rsd ^ 2 + laboratory_rsd ^ 2 + flow_rsd ^ 2
    + population_rsd ^ 2 + factor_log_sd ^ 2;

-- What a figure is divided and multiplied by for its 95 % interval.
create or replace temp macro interval_ratio(log_variance) as
    exp(1.959963984540054 * sqrt(log_variance));

-- A moment by a clock that is never changed: UTC, or where the site's time zone is unknown its own clock as it stands.
create or replace temp macro steady_clock(by_utc, by_site) as
    coalesce(by_utc, by_site);

-- A moment of the site's clock by the steady one.
create or replace temp macro steady_of(by_site, time_zone) as
    if(
        time_zone is null,
        by_site,
        -- Of an hour that comes twice the first.
        if(
            timezone(time_zone, timezone(time_zone, by_site) - interval 1 hour) = by_site,
            timezone('UTC', timezone(time_zone, by_site) - interval 1 hour),
            timezone('UTC', timezone(time_zone, by_site))
        )
    );

-- True where one reading of a meter follows another closely enough to tell what flowed between: an hour, but for the
-- seconds by which meters are late.
create or replace temp macro follows_within_an_hour(from_steady, to_steady) as
    to_steady <= from_steady + interval 65 minutes;

-- How long lies between two moments of a steady clock [h].
create or replace temp macro hours_between(from_steady, to_steady) as
    date_diff('minute', from_steady, to_steady) / 60;

-- The first and the last of the days that a composite covers at least half of.
create or replace temp macro first_day_covered(from_at) as
    (from_at + interval 12 hours - interval 1 microsecond)::date;
create or replace temp macro last_day_covered(to_at) as
    (to_at - interval 12 hours)::date;

-- What has flowed through between two moments, by readings before and after between which the flow runs straight [m3].
create or replace temp macro flowed_m3(flow_before_m3_per_day, flow_after_m3_per_day, seconds) as
    (flow_before_m3_per_day + flow_after_m3_per_day) / 2 * seconds / 86400;

-- The flow at a moment between two readings [m3/day].
create or replace temp macro flow_between(flow_before_m3_per_day, flow_after_m3_per_day, share) as
    flow_before_m3_per_day + (flow_after_m3_per_day - flow_before_m3_per_day) * share;

-- True where two values are the same but for what a text of twelve digits leaves out, or both are empty.
create or replace temp macro is_same_value(one, other) as
    coalesce(abs(one - other) <= 1e-9 * abs(other), one is null and other is null);

-- True where two results of a site, a day and a residue are the same measurement: the start of sampling, the laboratory and
-- the replicate agree, where both deliveries state them.
create or replace temp macro is_same_measurement(
    start, other_start, laboratory, other_laboratory, replicate, other_replicate
) as
    coalesce(start = other_start, true)
    and coalesce(laboratory = other_laboratory, true)
    and coalesce(replicate = other_replicate, true);

-- A text of flags as it is kept: each flag once, sorted, separated by blanks; null where there is none.
create or replace temp macro joined_flags(text) as
    case
        when not contains(text, ' ') then nullif(text, '') -- nearly always: nothing to take apart
        else nullif(trim(array_to_string(list_sort(list_distinct(string_split(text, ' '))), ' ')), '')
    end;

-- What a value below a limit lies below [ng/L]. A laboratory that detects but does not quantify says <LOQ.
create or replace temp macro lies_below(qualifier, lod_ng_per_l, loq_ng_per_l) as
    case qualifier when '<LOD' then coalesce(lod_ng_per_l, loq_ng_per_l) when '<LOQ' then loq_ng_per_l end;

-- Change of the current on the baseline [%]. Nothing divides by zero: no baseline, no change.
create or replace temp macro change_percent(baseline, current_value) as
    case when baseline > 0 then 100 * (current_value / baseline - 1) end;

-- Sum and mean of a group in the order of a key, so that the same rows give the same last digit. An aggregate with `order by`
-- gives the same and takes DuckDB 1.5 three to ten times as long.
create or replace temp macro sum_in_order(value, key) as
    list_sum([each.value for each in list_sort(list({'key': key, 'value': value}))]);

create or replace temp macro avg_in_order(value, key) as
    list_avg([each.value for each in list_sort(list({'key': key, 'value': value}))]);

-- What share of a period's days one laboratory analysed: of lists with a laboratory and a share a batch.
create or replace temp macro share_of_laboratory(name, laboratories, shares) as
    coalesce(list_sum([shares[i] for i in range(1, len(laboratories) + 1) if laboratories[i] = name]), 0);

-- What a difference of two positive figures is over that of their logarithms: by it the difference is split into parts that
-- add up exactly (Ang 2005, Energy Policy 33:867, doi:10.1016/j.enpol.2003.10.010).
create or replace temp macro logarithmic_mean(one, other) as
    case when one = 0 or other = 0 then 0 when is_same_value(one, other) then one else (one - other) / ln(one / other) end;

-- Mass of a marker that 1000 inhabitants give [mg/day/1000], from that of one: schemas/population, where its source stands.
create or replace temp macro marker_load_mg_per_day_per_1000(load_mg_per_person_per_day) as
    load_mg_per_person_per_day * 1000;

-- The same of cotinine, by what is smoked [mg/day/1000]: Guizhou laboratory's rule for consumption reports, 2024.
create or replace temp macro cotinine_load_mg_per_day_per_1000(cigarettes_per_person_per_day, load_mg_per_cigarette) as
    cigarettes_per_person_per_day * load_mg_per_cigarette * 1000;

-- Inhabitants by a marker of the sample [persons]: what passes over what 1000 of them give. The domestic share multiplies
-- the flow in the Guizhou rule; 1 where a protocol does not ask for it. Drug and marker share the flow, so it cancels.
create or replace temp macro population_by_marker(
    concentration_ng_per_l, flow_m3_per_day, domestic_share, marker_load_mg_per_day_per_1000
) as
    load_mg_per_day(concentration_ng_per_l, flow_m3_per_day) * domestic_share / marker_load_mg_per_day_per_1000 * 1000;

-- An amount [mg/day/1000] by another count of inhabitants: the mass stays.
create or replace temp macro amount_by_other_population(amount_mg_per_day_per_1000, population, other_population) as
    amount_mg_per_day_per_1000 * population / other_population;

-- Which of several methods of counting inhabitants comes first: counted people before those inferred from chemistry.
create or replace temp macro population_rank(population_method) as
    list_position(['census', 'served', 'mobile', 'design', 'NH4-N', 'cotinine', 'COD', 'BOD'], population_method);

-- A number in a sentence: three digits, or all of those before the point, never an exponent where it is large.
create or replace temp macro in_words(number) as
    if(abs(number) >= 999.5, format('{:.0f}', number), format('{:.3g}', number));
