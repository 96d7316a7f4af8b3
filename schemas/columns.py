"""The one dictionary of columns: name, unit, meaning. Every table takes its columns from here.

A column's unit is in its name where it has one; the same quantity in the same unit has the same name in every
table. No rules about values: those stand in the models (`intake.py`, `estimates.py`, ...).
"""

from typing import Any, NamedTuple

# What `isin` and the like are for polars: before any model makes its schema, which copies what is known then.
import pandera.backends.polars.builtin_checks  # noqa: F401
import pandera.polars as pa


class Column(NamedTuple):
    """One entry of the dictionary.

    Attributes:
        unit: a unit that pint can parse, or None for text, dates and codes.
        description: what the column holds, in one sentence without its unit.
    """

    unit: str | None
    description: str


COLUMNS: dict[str, Column] = {
    # --- where a row came from -----------------------------------------------------------------------
    "delivery_id": Column(None, "SHA-256 of the delivered file: the identity of a delivery"),
    "file_name": Column(None, "path of the delivered file inside the inbox"),
    "profile": Column(None, "name of the profile the file was read by"),
    "profile_digest": Column(None, "SHA-256 of the profile's content, so that a changed profile is noticed"),
    "received_at": Column(None, "when this workspace first saw the content, UTC"),
    "receipt_number": Column("count", "place of the delivery in the order of receipt, as the ledger has it"),
    "saved_at": Column(None, "time of last change of the file that was seen first, UTC: decides nothing by itself"),
    "place": Column("count", "place in the order in which deliveries supersede each other: the highest is current"),
    "is_withdrawn": Column(None, "true where a person withdrew the delivery: nothing of it counts"),
    "sender": Column(None, "who sent the delivery, as the profile states it"),
    "licence": Column(None, "terms of use of the delivered data, as the profile states them"),
    "status": Column(None, "what became of the delivery: accepted, partly accepted, or refused as a whole"),
    "problem": Column(None, "why the delivery was refused or what in it was left unread, and what to do"),
    "n_rows": Column("count", "records read from the file; a wide row counts once for each of its measured columns"),
    "n_accepted": Column("count", "records accepted into a table"),
    "n_quarantined": Column("count", "records held in quarantine"),
    "reader_version": Column(None, "version of the reading rules that judged the delivery"),
    "sheet": Column(None, "sheet of the workbook, empty for text files"),
    "row_number": Column(None, "row of the file or sheet, counted from 1 as a spreadsheet shows it"),
    "source_column": Column(None, "header of the column that held the value, as written"),
    "source_cell": Column(
        None, "cell that held the value as a spreadsheet names it; empty for a value from the profile"
    ),
    "value_as_written": Column(None, "the value exactly as the sender wrote it"),
    "unit_as_written": Column(None, "the unit as the sender or the profile states it"),
    "is_simulated": Column(None, "true where the row comes from simulated data"),
    # --- quarantine ----------------------------------------------------------------------------------
    "target_table": Column(None, "table the row was meant for"),
    "rule": Column(None, "identifier of the rule the row broke"),
    "message": Column(None, "what is wrong, where, and what to do"),
    "row_as_written": Column(None, "the whole row as written, as a JSON object of header and text"),
    # --- which delivery is current -------------------------------------------------------------------
    "decision": Column(None, "what a person decided of a delivery: supersede, withdraw or restore"),
    "decided_delivery": Column(None, "SHA-256 of the delivery that becomes current, or is withdrawn or restored"),
    "other_delivery": Column(None, "SHA-256 of the delivery that it supersedes; empty where it is not about another"),
    "occasion": Column(None, "what besides place and residue tells the value from others: day, laboratory, attribute"),
    "stated_value": Column(None, "the current value, in the unit of its table; empty for a text, or below a limit"),
    "stated_limit": Column(None, "the limit it lies below, or the relative error of a number of inhabitants"),
    "stated_text": Column(None, "the current text, where it is no number"),
    "superseded_delivery_id": Column(None, "SHA-256 of the delivery whose value was superseded"),
    "superseded_qualifier": Column(None, "qualifier of the superseded value"),
    "superseded_value": Column(None, "the superseded value, in the unit of its table"),
    "superseded_limit": Column(None, "the limit the superseded value lies below, or its relative error"),
    "superseded_text": Column(None, "the superseded text"),
    "order_basis": Column(
        None, "why the one is current: receipt (it came later), edition, decision (of a person), or undecided"
    ),
    # --- plausibility --------------------------------------------------------------------------------
    "value": Column(
        None, "what the rule looked at: L/day a head, mg/day/1000, ng/L, a ratio, a share, or deviations, as it says"
    ),
    "expected_low": Column(None, "lowest value the rule takes for plausible; empty: there is none"),
    "expected_high": Column(None, "highest value the rule takes for plausible; empty: there is none"),
    "finding": Column(None, "what was found, with the numbers that show it"),
    # --- what and where ------------------------------------------------------------------------------
    "site_id": Column(None, "catchment (sewershed) whose wastewater was sampled"),
    "site_code": Column(None, "number or name by which a sender calls a site; empty for all of a sender's sites"),
    "site_label": Column(None, "the place a sender's number stands for, as the sender names it; empty: any"),
    "numbering": Column(None, "whose numbers stand for sites, as the profile names it; empty: our own"),
    "release": Column(None, "edition of the sender's data; empty: unknown, or of a decision any"),
    "alias_basis": Column(
        None, "why the number stands for the site: own, by name, by list (of the same release), or decided by a person"
    ),
    "question": Column(None, "rule by which a person has to decide which site it is; empty where it is known"),
    "decided_on": Column(None, "day a person decided"),
    "site_name": Column(None, "name of the catchment or its treatment plant"),
    "area_id": Column(None, "area of the administrative tree"),
    "area_name": Column(None, "name of the area"),
    "parent_area_id": Column(None, "area this area belongs to; empty at the top"),
    "latitude": Column("degree", "latitude of the treatment plant, WGS 84"),
    "longitude": Column("degree", "longitude of the treatment plant, WGS 84"),
    "cigarettes_per_person_per_day": Column("1/day", "cigarettes smoked, mean of all inhabitants, smokers or not"),
    "domestic_share": Column("dimensionless", "share of the flow that comes from households"),
    "share_aged_15_to_64": Column("dimensionless", "share of the inhabitants that is 15 to 64 years old"),
    "sewer_residence_h": Column("hour", "how long sewage takes from the inhabitants to the plant, flow-weighted mean"),
    "sewage_temperature_celsius": Column("degree_Celsius", "temperature of the sewage in the sewer"),
    "laboratory": Column(None, "laboratory that measured"),
    "batch": Column(None, "analytical batch of the laboratory"),
    "replicate": Column(None, "which of several measurements of one sample, as the laboratory calls it"),
    "sample_type": Column(None, "composite or grab; empty where nobody says"),
    "flags": Column(None, "what may be doubtful about the figure, separated by blanks; see schemas/flags.py"),
    "residue": Column(None, "substance measured in wastewater: the excreted parent drug or its metabolite"),
    "residue_name": Column(None, "name of the residue in English"),
    "residue_name_zh": Column(None, "name of the residue in Chinese"),
    "kind": Column(None, "what the residue is measured for: drug, marker of population, or pharmaceutical"),
    "synonyms": Column(None, "other spellings of the residue, separated by |"),
    "drug": Column(None, "substance consumed"),
    "drug_name": Column(None, "name of the drug in English"),
    "drug_name_zh": Column(None, "name of the drug in Chinese"),
    # --- when ----------------------------------------------------------------------------------------
    "composite_start_at": Column(None, "start of the composite sample, local time of the site"),
    "composite_end_at": Column(None, "end of the composite sample, local time of the site"),
    "composite_start_utc": Column(None, "start of the composite sample, UTC; empty where the time zone is unknown"),
    "composite_end_utc": Column(None, "end of the composite sample, UTC; empty where the time zone is unknown"),
    "read_at": Column(None, "moment a meter was read, local time of the site"),
    "read_utc": Column(None, "moment a meter was read, UTC; empty where the site's time zone is unknown"),
    "time_zone": Column(None, "time zone of the site, by its name in the IANA database; empty where nobody says"),
    "composite_hours": Column("hour", "how long the composite lasted; empty where nobody says or there were several"),
    "sampled_on": Column(None, "day the sample stands for: the day it mostly covers; empty where only a year is known"),
    "weekday": Column(None, "ISO weekday, 1 Monday to 7 Sunday"),
    "sampling_year": Column(None, "calendar year of sampling; measurement tables are replaced by it"),
    "valid_from": Column(None, "first day the value holds; empty: always"),
    "valid_to": Column(None, "last day the value holds; empty: still"),
    "period_kind": Column(None, "kind of period: year, quarter, month or week"),
    "period": Column(None, "the period: 2024, 2024-Q1 or 2024-03"),
    "baseline_period": Column(None, "period compared against"),
    "current_period": Column(None, "period compared"),
    # --- measured ------------------------------------------------------------------------------------
    "qualifier": Column(None, "= measured, <LOD, <LOQ, >ULOQ, or not measured"),
    "concentration_ng_per_l": Column("ng/L", "concentration in influent wastewater; empty unless measured"),
    "lod_ng_per_l": Column("ng/L", "limit of detection of this result"),
    "loq_ng_per_l": Column("ng/L", "limit of quantification of this result"),
    "reported_load_mg_per_day_per_1000": Column(
        "mg/day",
        "population-normalised load of the residue as another programme published it, per 1000 inhabitants",
    ),
    "reported_load_limit_mg_per_day_per_1000": Column(
        "mg/day", "what the reported load lies below, per 1000 inhabitants, where the programme says it"
    ),
    "control": Column(None, "kind of control sample: blank, spike, or proficiency"),
    "control_value": Column(
        None, "a blank's concentration in ng/L, a spike's recovery in percent, a proficiency test's z"
    ),
    "control_limit": Column(None, "the limit of quantification of a blank, ng/L"),
    "corrected": Column(None, "what a correction changes: concentration, flow, or withdrawn where a result is to go"),
    "value_from": Column(None, "the value that is corrected, in ng/L or m3/day; empty for a result below a limit"),
    "value_to": Column(None, "the value that holds instead, in ng/L or m3/day; empty where a result is withdrawn"),
    "justification": Column(None, "why a value was corrected"),
    "author": Column(None, "who corrected a value"),
    "corrected_on": Column(None, "day a value was corrected"),
    "event_id": Column(None, "short name of an event, the same on all of its rows"),
    "event_name": Column(None, "what the event is called on pages"),
    "event_kind": Column(None, "campaign, policy, lockdown, laboratory change, holiday, festival, dumping, or other"),
    "starts_on": Column(None, "first day of the event"),
    "ends_on": Column(None, "last day of the event; empty: it lasts, as a policy does"),
    "n_measurements": Column("count", "measurements of the residue on the day, of all its samples; each counts alike"),
    "replicate_rsd": Column("dimensionless", "relative standard deviation of the measurements of the day"),
    "flow_m3_per_day": Column("m^3/day", "influent flow of the sampled day"),
    "flow_basis": Column(
        None,
        "which flow it is: of the composite's window by readings, of the day as delivered, mean of the days of a longer"
        " composite, of the day by readings, or filled by the rule of the settings",
    ),
    "population": Column("count", "inhabitants served"),
    "population_method": Column(None, "how the inhabitants were counted"),
    "flow_rsd": Column(
        "dimensionless",
        "relative standard deviation the flow leaves; 0 where a marker of the same sample counts the inhabitants",
    ),
    "population_rsd": Column("dimensionless", "relative standard deviation of the population figure"),
    "population_basis": Column(
        None, "delivered: a stated figure; marker: computed from a marker measured in the same sample"
    ),
    "population_by_domestic_share": Column(
        "count",
        "inhabitants by a marker where the domestic share multiplies the flow; empty where no share is stated",
    ),
    "marker_load_mg_per_day_per_1000": Column("mg/day", "mass of the marker that 1000 inhabitants give in a day"),
    # --- reference -----------------------------------------------------------------------------------
    "factor_set": Column(None, "version of the factor file"),
    "marker_set": Column(None, "version of the file of markers"),
    "load_mg_per_person_per_day": Column("mg/day", "mass of the marker one inhabitant gives in a day"),
    "load_mg_per_cigarette": Column("mg", "mass of the marker excreted for one cigarette smoked"),
    "marker_status": Column(None, "approved, provisional or experimental"),
    "substance": Column(None, "a drug or a residue"),
    "molar_mass_g_per_mol": Column("g/mol", "molar mass of the substance, free base or acid"),
    "temperature_celsius": Column("degree_Celsius", "temperature of the wastewater"),
    "half_life_h": Column("hour", "time after which half of the residue is left in wastewater"),
    "excreted_fraction": Column("dimensionless", "fraction of a dose excreted as the residue"),
    "excreted_fraction_low": Column("dimensionless", "lowest excreted fraction in use"),
    "excreted_fraction_high": Column("dimensionless", "highest excreted fraction in use"),
    "excretion_basis": Column(None, "molar or mass: what the excreted fraction is a fraction of"),
    "residue_mg_per_cigarette": Column(
        "mg", "mass of the residue that one cigarette leaves, where that is known instead of a fraction"
    ),
    "molar_mass_parent_g_per_mol": Column("g/mol", "molar mass of the drug, free base"),
    "molar_mass_residue_g_per_mol": Column("g/mol", "molar mass of the residue, free base"),
    "stability_class": Column(None, "behaviour in the sewer: stable, unstable, formed or unknown"),
    "other_residue": Column(None, "residue that is measured beside it"),
    "ratio_low": Column("dimensionless", "lowest ratio of the two residues after use; empty: none is known"),
    "ratio_high": Column("dimensionless", "highest ratio of the two residues after use; empty: none is known"),
    "is_default": Column(None, "true for the residue a drug is computed from unless a protocol says otherwise"),
    "source": Column(None, "document the value comes from, with DOI where it has one"),
    "evidence": Column(None, "V read in the source, C computed from published data, D derived, M not yet verified"),
    "factor_status": Column(None, "approved, provisional or experimental"),
    "dose_status": Column(None, "approved, provisional or experimental"),
    "approved_by": Column(None, "who signed the value off; empty until somebody does"),
    "dose_mg": Column("mg", "one typical dose of the pure drug"),
    "component": Column(None, "part of a figure that has an error of its own"),
    "applies_to": Column(None, "what of the component: of population the method, of factor the case; empty: all"),
    "rsd": Column("dimensionless", "relative standard deviation: that of the logarithm"),
    "shared_over": Column(None, "what shares one error: averaging over it does not make it smaller"),
    "protocol": Column(None, "set of choices the figure was computed by"),
    "title": Column(None, "name for readers"),
    "basis": Column(None, "consumption (corrected for excretion) or residue load (not corrected)"),
    "below_limit": Column(
        None,
        "what stands for a value below its limit: zero, half_limit, likelihood (what is expected there), or how the"
        " mean of a period is estimated with such values: kaplan_meier, regression_on_order_statistics,"
        " by_share_censored",
    ),
    "max_censored_share": Column("dimensionless", "largest share of values below limits that still gives an estimate"),
    "min_detects": Column("count", "fewest measured values that give an estimate"),
    "weekday_rule": Column(
        None, "weekday_means: mean of the weekdays' means where all seven occur; plain: mean of days"
    ),
    "area_weights": Column(None, "weights of sites in an area: population or none"),
    "stable_band_percent": Column("percent", "change up to which the protocol calls a drug stable; empty: no class"),
    "domestic_share_in_population": Column(
        None, "true where the domestic share multiplies the flow in the population by a marker"
    ),
    "stability": Column(
        None, "none: no loss in the sewer is corrected; site: where the site list states residence time and temperature"
    ),
    "net_of_other_sources": Column(None, "true where what other drugs leave behind as the residue is subtracted"),
    "amphetamine_per_methamphetamine": Column(
        "dimensionless", "mass of amphetamine that use of methamphetamine leaves behind beside one of itself"
    ),
    "choices": Column(None, "what the protocol fixes and why, in words"),
    # --- estimated -----------------------------------------------------------------------------------
    "is_censored": Column(None, "true where the value lies below its limit"),
    "limit_ng_per_l": Column("ng/L", "the limit the result lies below"),
    "load_mg_per_day": Column("mg/day", "mass of the residue passing in a day"),
    "load_mg_per_day_per_1000": Column("mg/day", "mass of the residue in a day per 1000 inhabitants"),
    "load_limit_mg_per_day_per_1000": Column(
        "mg/day", "limit of the load per 1000 inhabitants: the value lies below it"
    ),
    "origin": Column(None, "measured: from concentrations; reported: a load published by another programme"),
    "state": Column(None, "estimated or not estimable"),
    "reason": Column(None, "why there is no estimate, or what to know about it; rule identifiers separated by spaces"),
    "correction_factor": Column("dimensionless", "molar mass ratio over excreted fraction; 1 for residue loads"),
    "in_sewer_loss": Column("dimensionless", "share of the residue lost in the sewer that is corrected for"),
    "other_sources_mg_per_day_per_1000": Column(
        "mg/day", "load of the residue per 1000 inhabitants that other drugs leave behind, subtracted before the factor"
    ),
    "is_provisional": Column(None, "true where the figure rests on a factor, or on a marker, that is not approved"),
    "amount_mg_per_day_per_1000": Column(
        "mg/day", "drug consumed, or residue load, per 1000 inhabitants, as the protocol's basis says"
    ),
    "amount_limit_mg_per_day_per_1000": Column(
        "mg/day",
        "limit of the amount per 1000 inhabitants: the value lies below it, or above its method's range",
    ),
    "doses_per_day_per_1000": Column("1/day", "doses consumed per 1000 inhabitants; empty for residue loads"),
    "ci_low_doses_per_day_per_1000": Column(
        "1/day", "lower end of the 95 % interval in doses: a dose is a definition and adds no error"
    ),
    "ci_high_doses_per_day_per_1000": Column("1/day", "upper end of the 95 % interval in doses"),
    "ci_low_mg_per_day_per_1000": Column("mg/day", "lower end of the 95 % interval; empty where none is published"),
    "ci_high_mg_per_day_per_1000": Column("mg/day", "upper end of the 95 % interval; empty where none is published"),
    "between_day_log_sd": Column(
        "dimensionless", "standard deviation of the logarithm of a day about level and rhythm"
    ),
    "between_day_df": Column("dimensionless", "how well the spread of days is known, as degrees of freedom"),
    "has_rhythm": Column(None, "true where enough weeks were measured to know the rhythm of the week"),
    "rhythm": Column("dimensionless", "effect of each weekday on the logarithm, Monday to Sunday"),
    "n_detects": Column("count", "days that were measured, not below their limit"),
    "expected_detects": Column("count", "days of the period times the share of the site's days of the year measured"),
    "days_log_variance": Column("dimensionless", "variance of the figure's logarithm that its days leave"),
    "days_df": Column("dimensionless", "how well that variance is known, as degrees of freedom"),
    "spread_log_variance": Column(
        "dimensionless",
        "variance of the figure's logarithm because the spread of days below limits is not known exactly",
    ),
    "batch_log_variance": Column("dimensionless", "variance of the figure's logarithm from errors of batches"),
    "laboratory_log_variance": Column(
        "dimensionless", "variance of the figure's logarithm from lasting errors of laboratories"
    ),
    "flow_log_variance": Column("dimensionless", "variance of the figure's logarithm from errors of flow meters"),
    "population_log_variance": Column("dimensionless", "variance of the figure's logarithm from counts of inhabitants"),
    "factor_log_variance": Column("dimensionless", "variance of the figure's logarithm from the correction factor"),
    "correction_factor_log_sd": Column(
        "dimensionless", "standard deviation of the correction factor's logarithm; 0 for residue loads"
    ),
    "weekdays_log_bias": Column(
        "dimensionless",
        "logarithm of the days there are over a whole week by the rhythm of the week, its square a part of the"
        " variance; 0 where all weekdays occur",
    ),
    "laboratories": Column(None, "laboratory of each batch in the period; 'not stated' where none is"),
    "error_scale": Column(
        "dimensionless", "how many times as far off a net figure is as the load it was subtracted from; else 1"
    ),
    "batches": Column(None, "batches in the period; where unnamed, the month"),
    "batch_shares": Column("dimensionless", "share of the period's days in each batch"),
    "interval": Column(None, "how intervals are made: none, t_of_days or pooled_spread"),
    "n_days": Column("count", "days with a value, below limits included"),
    "n_censored": Column("count", "days below their limit"),
    "n_weekdays": Column("count", "different weekdays among the days"),
    "mean_mg_per_day_per_1000": Column("mg/day", "mean amount per 1000 inhabitants over the period"),
    "at_least_mg_per_day_per_1000": Column(
        "mg/day",
        "the mean if the days below their limits held nothing; of an area over all its sites with days, also those"
        " without an estimate. No error of measuring is in it",
    ),
    "at_most_mg_per_day_per_1000": Column(
        "mg/day",
        "the mean if the days below their limits held as much as their limits; empty where one is not known or a day"
        " lies above the range of its method",
    ),
    "weekday_mean_mg_per_day_per_1000": Column("mg/day", "mean amount per 1000 inhabitants, Tuesday to Thursday"),
    "weekend_mean_mg_per_day_per_1000": Column("mg/day", "mean amount per 1000 inhabitants, Friday to Monday"),
    "by_weekday_mg_per_day_per_1000": Column("mg/day", "seven means per 1000 inhabitants, Monday to Sunday"),
    "by_weekday_n_days": Column("count", "days with a value on each weekday, Monday to Sunday"),
    "by_weekday_n_censored": Column("count", "days below their limit on each weekday, Monday to Sunday"),
    "n_sites": Column("count", "sites in the figure"),
    "n_sites_left_out": Column(
        "count",
        "sites with data that are not in the figure: not estimable in the period, or of a change in one of two, or of a"
        " trend in one of its periods",
    ),
    "n_sites_without_days": Column(
        "count", "sites of the area where the drug was measured in some period and by some protocol, without a day here"
    ),
    "mass_mg_per_day": Column(
        "mg/day", "amount in a day of all inhabitants of the sites in the figure; not of a whole area that has others"
    ),
    "ci_low_mg_per_day": Column(
        "mg/day",
        "lower end of the 95 % interval of the mass, in which errors of the inhabitants cancel; empty where none is"
        " published, sites do not weigh by inhabitants, or a load was reported by another programme",
    ),
    "ci_high_mg_per_day": Column("mg/day", "upper end of the 95 % interval of the mass; empty where the lower is"),
    "population_aged_15_to_64": Column(
        "count", "inhabitants aged 15 to 64; empty where a site in the figure does not state their share"
    ),
    "mean_mg_per_day_per_1000_aged_15_to_64": Column(
        "mg/day",
        "mean amount per 1000 inhabitants aged 15 to 64; their share is taken as known, and has no interval of its own",
    ),
    "drugs": Column(None, "drugs in the total, sorted: those with a dose and an estimate"),
    "n_drugs": Column("count", "drugs in the total"),
    "n_sites_with_all": Column("count", "sites that are in the figure of each drug of the total"),
    "n_sites_with_some": Column("count", "sites that are in the figure of any drug of the total"),
    "drugs_left_out": Column(None, "drugs measured that are not in the total, sorted"),
    "reasons_left_out": Column(None, "why each of these is not: rule identifiers"),
    # --- changed -------------------------------------------------------------------------------------
    "level": Column(None, "site, area or network"),
    "unit_id": Column(None, "the site or area; network for all sites"),
    "unit_name": Column(None, "name of the site or area"),
    "panel": Column(None, "the sites compared, sorted, separated by semicolons: the same in both or all periods"),
    "baseline_mg_per_day_per_1000": Column("mg/day", "mean amount per 1000 inhabitants of the panel in the baseline"),
    "current_mg_per_day_per_1000": Column("mg/day", "mean amount per 1000 inhabitants of the panel now"),
    "n_days_baseline": Column("count", "days of the panel in the baseline that are compared"),
    "n_days_current": Column("count", "days of the panel now that are compared"),
    "n_censored_baseline": Column("count", "those of the baseline below their limit"),
    "n_censored_current": Column("count", "those of now below their limit"),
    "change_percent": Column("percent", "change of the current on the baseline mean over the same sites"),
    "by_limits_low_percent": Column(
        "percent",
        "the lowest that the change over the same sites and those that limits took out could be, by their limits alone;"
        " empty where there are no such sites, or they have no limits",
    ),
    "by_limits_high_percent": Column("percent", "the highest; empty likewise, and where there was nothing at least"),
    "ci_low_percent": Column("percent", "lower end of the 95 % interval of the change; empty where there is none"),
    "ci_high_percent": Column("percent", "upper end of the 95 % interval of the change; empty where there is none"),
    "p_value": Column("dimensionless", "two-sided, of no change, this change alone"),
    "p_adjusted": Column(
        "dimensionless",
        "the same, judged with all others of its protocol and level or control (Benjamini and Hochberg)",
    ),
    "verdict": Column(
        None, "fall, rise or no change detected, by p_adjusted at 0.05; not estimable; empty without an interval"
    ),
    "smallest_detectable_fall_percent": Column(
        "percent", "the smallest fall whose interval would exclude no change, were it seen alone"
    ),
    "naive_change_percent": Column("percent", "change between all available sites, whichever they are: for comparison"),
    "part_concentration_percent": Column(
        "percent", "points of the naive change that are concentrations, at sites of unchanged laboratories"
    ),
    "part_flow_percent": Column("percent", "points of the naive change that are flow"),
    "part_population_percent": Column(
        "percent", "points of the naive change that are inhabitants of the sites compared"
    ),
    "part_factor_percent": Column(
        "percent", "points of the naive change by what a load is multiplied by, and less what other sources leave"
    ),
    "part_laboratory_percent": Column(
        "percent", "points of the naive change that are concentrations at sites whose laboratory changed"
    ),
    "part_reported_percent": Column(
        "percent", "points of the naive change that are loads another programme reported, of which no flow is known"
    ),
    "part_panel_percent": Column(
        "percent", "points of the naive change by sites that joined, left or weigh otherwise: naive less like for like"
    ),
    "published_class": Column(None, "increase, decrease or stable by the protocol's own band, where it has one"),
    "credibility": Column(
        None,
        "stands, stands with reservations or not supported, by the tests of other explanations; empty without a change",
    ),
    "choice": Column(
        None, "what is varied: all choices at once by another protocol, or one of the headline's protocol and no other"
    ),
    "option": Column(None, "what the choice is: a protocol, a method, a share, yes or no"),
    "is_headline": Column(None, "true of the protocol of the settings, as it is"),
    "difference_percent_points": Column("percent", "points of the change by this way less those of the headline"),
    "is_same_panel": Column(None, "true where this way compares the very sites of the headline"),
    "target_number": Column("count", "place of the target in the settings, counted from 1"),
    "target_name": Column(None, "what the target is called in the settings, else target and its number"),
    "deadline": Column(None, "day by which the target shall be met"),
    "aim_percent": Column("percent", "change on the baseline that shall be reached: a fall, below zero"),
    "progress_percent": Column(
        "percent",
        "logarithm of the ratio over that of the aim: 0 at the baseline, 100 at the aim, below 0 where use rose; empty"
        " where nothing is left",
    ),
    "expected_by_now_percent": Column(
        "percent",
        "change at the middle of the current period, were the same part less each day from the middle of the baseline"
        " to the deadline",
    ),
    "probability_met": Column(
        "dimensionless",
        "that the true change is the aim or a larger fall, by the distribution the interval is cut from, this change"
        " alone; empty without an interval",
    ),
    "probability_on_track": Column("dimensionless", "likewise, of the change a steady way would have by now"),
    "pace": Column(
        None, "on track, behind or undecided, by its probability at 0.975 and 0.025; empty without an interval"
    ),
    "method": Column(None, "which test of a trend: each is a row, and one of a series the one to look at first"),
    "is_preferred": Column(None, "true of the test that is told where none is asked for"),
    "first_period": Column(None, "the first period there is a figure or a limit of"),
    "last_period": Column(None, "the last period there is a figure or a limit of"),
    "n_periods": Column("count", "periods with a figure or a limit"),
    "n_censored_periods": Column("count", "periods of which the limit is all that is known"),
    "n_periods_left_out": Column(
        "count",
        "periods in which the drug was measured and that are not in the trend: below limits nobody states, above the"
        " range, or of an area not those of all of its panel",
    ),
    "panel_share": Column(
        None,
        "share of the panel in the inhabitants of all sites with a figure, or in their number where they weigh alike",
    ),
    "slope_mg_per_day_per_1000_per_year": Column(
        "mg/day/year", "median of the slopes between all pairs of periods, per 1000 inhabitants"
    ),
    "ci_low_mg_per_day_per_1000_per_year": Column("mg/day/year", "lower end of the 95 % interval of the slope"),
    "ci_high_mg_per_day_per_1000_per_year": Column("mg/day/year", "upper end of the 95 % interval of the slope"),
    "slope_percent_per_year": Column("percent/year", "the slope over the middle one of the periods' figures"),
    "tau": Column("dimensionless", "Kendall's tau-a: -1 where each period lies below all before it, 1 where above"),
    "direction": Column(
        None, "falling, rising or no trend detected, by p_adjusted at 0.05; not estimable with too few periods or sites"
    ),
    "level_changes": Column(None, "the first periods of new levels, separated by blanks"),
    # --- effects of events ---------------------------------------------------------------------------
    "areas": Column(None, "the areas an event concerns, sorted, separated by semicolons; empty: everywhere"),
    "event_control": Column(
        None, "what tells how it would have gone on: areas the event leaves alone, drugs it leaves alone, or none"
    ),
    "event_design": Column(
        None,
        "step: the periods before say where use was heading; pulse: of what passes, as a holiday, those on both sides",
    ),
    "effect_percent": Column(
        "percent", "mean over the event of how far use lies from where it was heading, beside the control"
    ),
    "neighbour_correlation": Column("dimensionless", "correlation of neighbouring periods beyond the segments"),
    "n_periods_outside": Column("count", "periods with a figure outside the event that the effect is told by"),
    "n_periods_within": Column("count", "periods with a figure within the event"),
    "n_control_sites": Column("count", "sites the control is made of"),
    "control_drugs": Column(None, "drugs the control is made of, sorted, separated by semicolons"),
    "n_placebos": Column("count", "dates at which nothing is known to have happened and the same was asked"),
    "n_placebos_as_large": Column("count", "of these, those with an effect at least as large, either way"),
    "placebo_effects_percent": Column("percent", "the effects found at these dates, sorted"),
    "placebo_p_value": Column(
        "dimensionless", "share of all dates, this one among them, with an effect at least as large, either way"
    ),
    "explanation": Column(None, "what other than use could have made the change"),
    "outcome": Column(
        None,
        "what was found: of an explanation nothing, set aside (it does not matter here), part or all of the change, or"
        " not tested; of a target met, not met or undecided, by its probability at 0.975 and 0.025",
    ),
    "change_without_percent": Column("percent", "what the change would be were the explanation wholly true"),
    "could_explain_percent": Column("percent", "how many points of the change the explanation could make"),
    "value_baseline": Column(None, "what was looked at in the baseline period, in the unit of the explanation"),
    "value_current": Column(None, "what was looked at in the current period, in the unit of the explanation"),
    "n_affected": Column("count", "sites of which the explanation is true in part or whole"),
    "n_tested": Column("count", "sites that tell of it"),
    "subject": Column(None, "what in particular it is: of a single day the site and the date"),
    # --- editions ------------------------------------------------------------------------------------
    "table_name": Column(None, "the table that is meant"),
    "deliveries_identity": Column(None, "SHA-256 over all deliveries: which, in which order, and how each was read"),
    "factors_identity": Column(None, "SHA-256 over all reference tables: factors, doses, protocols and the like"),
    "settings_identity": Column(None, "SHA-256 over the settings that change figures"),
    "code_identity": Column(None, "SHA-256 over the code that reads, judges and computes"),
    "edition_number": Column("count", "place of the edition among those published here, counted from 1"),
    "edition": Column(
        None, "name of the edition: twelve digits that differ where any input does; empty: an earlier version gave none"
    ),
    "edition_before": Column(None, "name of the edition published before; empty: it has none"),
    "newest_received_at": Column(None, "when the newest delivery of the edition came in, UTC, by the ledger"),
    "is_compared": Column(
        None,
        "true where its figures were held against those of the edition before; false where no copy of one was there",
    ),
    "causes": Column(
        None,
        "why figures moved, separated by blanks: new, corrected, superseded, withdrawn, restored, decided, read_again,"
        " gone, settings, factors, code",
    ),
    "caused_by": Column(None, "the deliveries that moved the figure, by their SHA-256; of settings or code: none"),
    "baseline_before_mg_per_day_per_1000": Column("mg/day", "mean of the baseline per 1000 inhabitants, as before"),
    "current_before_mg_per_day_per_1000": Column(
        "mg/day", "mean of the current period, per 1000 inhabitants, as before"
    ),
    "change_before_percent": Column("percent", "the change as before; empty: there was none"),
    "ci_low_before_percent": Column("percent", "lower end of the 95 % confidence interval as before"),
    "ci_high_before_percent": Column("percent", "upper end of the 95 % confidence interval as before"),
    "verdict_before": Column(None, "the verdict as before"),
}


def column(name: str, **rules: Any) -> Any:
    """A pandera field for a column of the dictionary.

    Parameters: the column's name, and any rule pandera's `Field` knows (`nullable=True`, `ge=0`, `isin=[...]`).
    Raises `KeyError` for a name the dictionary does not hold.
    """
    entry = COLUMNS[name]
    return pa.Field(description=entry.description, metadata={"unit": entry.unit}, **rules)
