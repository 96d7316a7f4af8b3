"""The truth of the simulated city: what is used, who is there, how the water flows.

No laboratories and no errors of measurement (`measurement.py`), no files (`laboratories.py`).
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

import schemas
from pipeline.simulation import world

Floats = npt.NDArray[np.float64]

FACTORS = Path(schemas.__file__).parent / "factors" / "2026.csv"
"""The factor file that residues are derived by: the one estimates use."""


@dataclass(frozen=True)
class Truth:
    """What is true in the simulated city, as frames.

    Everything "per 1000" is per 1000 inhabitants **of the census population of that year**, the figure the
    deliveries carry and estimates divide by. It is not per 1000 people present: on holidays fewer people are
    present, so the consumption per 1000 of the census falls although nobody changes habits.

    Attributes:
        consumption: one row a site, day and drug, on the days the site belongs to the network. `site_id`,
            `sampled_on`, `drug`, `consumption_mg_per_day_per_1000` [mg/day], the consumption of that very
            day, and `expected_consumption_mg_per_day_per_1000` [mg/day], the same without the chance of the
            day. Dumping is not consumption and in neither.
        changes: one row a level (`site`, `area`, `network`), unit, drug and pair of years. The means are over
            all days of the year on which a site belongs to the network; areas are over the same sites in both
            years (`panel`), weighted by their census population of 2023. `baseline_mg_per_day_per_1000`,
            `current_mg_per_day_per_1000` [mg/day] and `ratio` = current / baseline [dimensionless] are
            expected values: what an interval must cover. `realised_ratio` [dimensionless] is that of the days
            as they happened.
        loads: one row a site, day and residue: `load_mg_per_day_per_1000` [mg/day], dumping included.
        days: one row a site and day: `rain_mm_per_day`, `population` by the census [persons],
            `population_present` [persons], `flow_m3_per_day`.
        areas: `area_id`, `area_name`, `parent_area_id`: the districts, and the city they belong to.
        sites: `site_id`, `site_name`, `area_id`, `latitude`, `longitude`, `first_day`, `last_day` in the
            network.
        populations: one row a site and year: `population` by the census [persons], `valid_from`, `valid_to`.
        campaigns: `campaign` (2023-Q1), `first_day`, `last_day`.
        laboratories: one row a site and campaign in which it was sampled: `site_id`, `campaign`,
            `laboratory`.
        events: `event` (campaign, holiday, dumping, laboratory change, site joins, site leaves), `site_id`,
            `area_id`, `residue`, `first_day`, `last_day`, `description`; empty where it concerns all.
    """

    consumption: pl.DataFrame
    changes: pl.DataFrame
    loads: pl.DataFrame
    days: pl.DataFrame
    areas: pl.DataFrame
    sites: pl.DataFrame
    populations: pl.DataFrame
    campaigns: pl.DataFrame
    laboratories: pl.DataFrame
    events: pl.DataFrame


def lognormal(generator: np.random.Generator, rsd: float, shape: tuple[int, ...]) -> Floats:
    """Lognormal factors of mean 1.

    Parameters
    ----------
    generator : numpy.random.Generator
        Source of chance.
    rsd : float
        Relative standard deviation. [dimensionless]
    shape : tuple of int
        Shape of the result.

    Returns
    -------
    array of float
        Factors. [dimensionless]
    """
    sigma = np.sqrt(np.log1p(rsd**2))
    factors: Floats = np.exp(sigma * generator.standard_normal(shape) - sigma**2 / 2)
    return factors


def residue_per_drug(factors: Path = FACTORS) -> dict[str, float]:
    """The mass of residue excreted for a mass of each drug consumed: the inverse of its correction factor.

    Parameters
    ----------
    factors : pathlib.Path
        Factor file, columns as in `schemas.reference.Factors`.

    Returns
    -------
    dict
        Drug and mass of residue for a mass of drug. [dimensionless] Where the file states no excreted
        fraction, 1: consumption and load are then the same, as there is no way from one to the other.

    Raises
    ------
    ValueError
        Where a simulated drug has not exactly one default row, or another residue than the simulator's.
    """
    molar = pl.col("molar_mass_residue_g_per_mol") / pl.col("molar_mass_parent_g_per_mol")
    table = pl.read_csv(factors, infer_schema_length=None).filter(
        pl.col("is_default") & pl.col("drug").is_in([drug.drug for drug in world.DRUGS])
    )
    to_mass = pl.when(pl.col("excretion_basis") == "molar").then(molar).otherwise(1.0)
    fraction = pl.col("excreted_fraction") * to_mass
    rows = table.select("drug", "residue", fraction.fill_null(1.0).alias("fraction")).rows()
    found = {(drug, residue): fraction for drug, residue, fraction in rows}
    expected = {(drug.drug, drug.residue) for drug in world.DRUGS}
    if set(found) != expected or len(rows) != len(expected):
        raise ValueError(
            f"{factors}: the default rows of the simulated drugs are {sorted((d, r) for d, r, _ in rows)},"
            f" the simulator needs {sorted(expected)}. Mend the factor file, or DRUGS in"
            " pipeline/simulation/world.py."
        )
    return {drug: fraction for (drug, _), fraction in found.items()}


def simulate_truth(seeds: np.random.SeedSequence) -> Truth:
    """Draw the truth of a city.

    Parameters
    ----------
    seeds : numpy.random.SeedSequence
        Seed; each part of the world has a stream of its own, so that one part can be changed without the
        others.

    Returns
    -------
    Truth
        The frames.

    Notes
    -----
    The level of a drug follows ``exp(log(ratio) * t / 2 years)`` from mid 2023, so the ratio of two campaigns
    two years apart equals that of the annual means. Nothing couples the drugs: amphetamine excreted after
    methamphetamine is not modelled. Rain dilutes and takes no load away (no overflows).
    """
    weather_seed, people_seed, site_seed, day_seed, marker_seed = seeds.spawn(5)
    dates = pl.date_range(world.FIRST_DAY, world.LAST_DAY, "1d", eager=True)
    sites = _sites()
    census = _census(np.random.default_rng(people_seed))
    year_index = dates.dt.year().to_numpy() - world.YEARS[0]
    population = census[:, year_index]
    generator = np.random.default_rng(weather_seed)
    rain = _rain(generator, dates)
    presence = _presence(generator, dates)
    flow = _flow(generator, rain, presence, population)

    expected = _expected(np.random.default_rng(site_seed), dates) * presence[:, :, np.newaxis]
    generator = np.random.default_rng(day_seed)
    chance = [lognormal(generator, drug.daily_rsd, (len(world.SITES), len(dates))) for drug in world.DRUGS]
    consumed = expected * np.stack(chance, axis=2)
    loads = _loads(np.random.default_rng(marker_seed), consumed, presence, dates)

    keys = pl.DataFrame(
        {
            "site_id": sites["site_id"].gather(np.repeat(np.arange(len(sites)), len(dates))),
            "sampled_on": dates.gather(np.tile(np.arange(len(dates)), len(sites))),
        }
    )
    # One row a site and day, in the order of the arrays; days outside the network are marked, then left out.
    bounds = keys.join(sites, on="site_id", how="left", maintain_order="left")
    active = bounds.select(pl.col("sampled_on").is_between("first_day", "last_day")).to_series()
    days = keys.with_columns(
        pl.Series("rain_mm_per_day", np.tile(rain, len(sites))),
        pl.Series("population", population.ravel()),
        pl.Series("population_present", (population * presence).ravel()),
        pl.Series("flow_m3_per_day", flow.ravel()),
    ).filter(active)
    drugs = pl.Series("drug", [drug.drug for drug in world.DRUGS])
    consumption = _stacked(
        keys,
        drugs,
        active,
        consumption_mg_per_day_per_1000=consumed,
        expected_consumption_mg_per_day_per_1000=expected,
    )
    campaigns = _campaigns()
    return Truth(
        consumption=consumption,
        changes=true_changes(consumption, sites, _populations(census)),
        loads=_stacked(keys, pl.Series("residue", world.RESIDUES), active, load_mg_per_day_per_1000=loads),
        days=days,
        areas=_areas(),
        sites=sites,
        populations=_populations(census),
        campaigns=campaigns,
        laboratories=_laboratories(sites, campaigns),
        events=_events(campaigns),
    )


def true_changes(consumption: pl.DataFrame, sites: pl.DataFrame, populations: pl.DataFrame) -> pl.DataFrame:
    """The true change of each drug between each pair of years: sites, areas, the whole city, the network.

    Parameters
    ----------
    consumption, sites, populations : polars.DataFrame
        As in `Truth`.

    Returns
    -------
    polars.DataFrame
        As `Truth.changes`. A unit without a site in both years has no row.
    """
    means = (
        consumption.group_by("site_id", "drug", pl.col("sampled_on").dt.year().alias("year"))
        .agg(
            pl.col("expected_consumption_mg_per_day_per_1000").mean().alias("expected"),
            pl.col("consumption_mg_per_day_per_1000").mean().alias("realised"),
        )
        .sort("site_id", "drug", "year")
    )
    weights = populations.filter(pl.col("valid_from").dt.year() == world.BASELINE_YEAR).select("site_id", "population")
    pairs = (
        means.join(means, on=["site_id", "drug"], suffix="_current", maintain_order="left")
        .filter(pl.col("year") < pl.col("year_current"))
        .join(weights, on="site_id", maintain_order="left")
        .join(sites.select("site_id", "area_id"), on="site_id", maintain_order="left")
    )
    units = {
        "site": [("site", pl.col("site_id"))],
        "area": [("area", pl.col("area_id")), ("area", pl.lit(world.CITY_ID))],
        "network": [("network", pl.lit("network"))],
    }
    weight = pl.col("population")
    frames = [
        pairs.with_columns(pl.lit(level).alias("level"), unit.alias("unit_id"))
        .group_by("level", "unit_id", "drug", "year", "year_current")
        .agg(
            ((pl.col("expected") * weight).sum() / weight.sum()).alias("baseline_mg_per_day_per_1000"),
            ((pl.col("expected_current") * weight).sum() / weight.sum()).alias("current_mg_per_day_per_1000"),
            ((pl.col("realised_current") * weight).sum() / (pl.col("realised") * weight).sum()).alias("realised_ratio"),
            pl.len().cast(pl.Int64).alias("n_sites"),
            pl.col("site_id").sort().str.join(" ").alias("panel"),
        )
        for level_units in units.values()
        for level, unit in level_units
    ]
    return (
        pl.concat(frames)
        .select(
            "level",
            "unit_id",
            "drug",
            pl.col("year").cast(pl.String).alias("baseline_period"),
            pl.col("year_current").cast(pl.String).alias("current_period"),
            "baseline_mg_per_day_per_1000",
            "current_mg_per_day_per_1000",
            (pl.col("current_mg_per_day_per_1000") / pl.col("baseline_mg_per_day_per_1000")).alias("ratio"),
            "realised_ratio",
            "n_sites",
            "panel",
        )
        .sort("level", "unit_id", "drug", "baseline_period", "current_period")
    )


def _stacked(keys: pl.DataFrame, names: pl.Series, active: pl.Series, **values: Floats) -> pl.DataFrame:
    """Arrays of site, day and substance as one long frame of the active days."""
    n_names = len(names)
    kept = np.flatnonzero(active.to_numpy())
    rows = keys[np.repeat(kept, n_names)]
    flat = {name: array.reshape(-1, n_names)[kept].ravel() for name, array in values.items()}
    return rows.with_columns(
        names.gather(np.tile(np.arange(n_names), len(kept))),
        *[pl.Series(name, array) for name, array in flat.items()],
    )


def _sites() -> pl.DataFrame:
    """The catchments with their days in the network."""
    frame = pl.DataFrame(world.SITES, schema=list(world.Site._fields), orient="row")
    site = pl.col("site_id")
    return frame.select(
        "site_id",
        "site_name",
        "area_id",
        "latitude",
        "longitude",
        pl.when(site == world.JOINING_SITE)
        .then(pl.lit(world.JOINS_ON))
        .otherwise(pl.lit(world.FIRST_DAY))
        .alias("first_day"),
        pl.when(site == world.LEAVING_SITE)
        .then(pl.lit(world.LEAVES_AFTER))
        .otherwise(pl.lit(world.LAST_DAY))
        .alias("last_day"),
    )


def _areas() -> pl.DataFrame:
    """The city, and the districts that belong to it."""
    return pl.DataFrame(
        [(world.CITY_ID, "SIMULATED City 模拟市", None)]
        + [(area.area_id, area.area_name, world.CITY_ID) for area in world.AREAS],
        schema={"area_id": pl.String, "area_name": pl.String, "parent_area_id": pl.String},
        orient="row",
    )


def _census(generator: np.random.Generator) -> Floats:
    """Census population of each site and year [persons], in tens; the baseline year as in `world.SITES`."""
    base = np.array([site.population for site in world.SITES], dtype=np.float64)
    growth = generator.uniform(0.0, world.GROWTH_MAX_PER_YEAR, size=len(base))
    years = np.arange(len(world.YEARS))
    return np.round(base[:, np.newaxis] * (1 + growth[:, np.newaxis]) ** years, -1)


def _populations(census: Floats) -> pl.DataFrame:
    """The census of each site and year, with its validity."""
    return pl.concat(
        pl.DataFrame(
            {
                "site_id": [site.site_id for site in world.SITES],
                "population": census[:, i],
                "valid_from": dt.date(year, 1, 1),
                "valid_to": dt.date(year, 12, 31),
            }
        )
        for i, year in enumerate(world.YEARS)
    )


def _rain(generator: np.random.Generator, dates: pl.Series) -> Floats:
    """Rain of the city [mm/day]: rainy and dry spells, more of them in summer."""
    summer = 1 + world.RAIN_SUMMER_GAIN * _yearly_wave(dates)
    threshold_dry, threshold_wet = world.RAIN_AFTER_DRY * summer, world.RAIN_AFTER_RAIN * summer
    chance = generator.uniform(size=len(dates))
    amount = generator.gamma(world.RAIN_SHAPE, world.RAIN_SCALE_MM_PER_DAY, size=len(dates))
    rain = np.zeros(len(dates))
    is_wet = False
    for day in range(len(dates)):
        is_wet = bool(chance[day] < (threshold_wet if is_wet else threshold_dry)[day])
        rain[day] = amount[day] if is_wet else 0.0
    return rain


def _yearly_wave(dates: pl.Series) -> Floats:
    """A wave over the year, +1 in mid July and -1 in mid January [dimensionless]."""
    day = dates.dt.ordinal_day().to_numpy().astype(np.float64)
    return np.cos(2 * np.pi * (day - 196) / 365.25)


def _presence(generator: np.random.Generator, dates: pl.Series) -> Floats:
    """People present over census population, by site and day [dimensionless]."""
    day = dates.to_numpy()
    shoulder = np.timedelta64(world.HOLIDAY_SHOULDER_DAYS, "D")
    away = np.zeros(len(day))
    for holiday in world.HOLIDAYS:
        first, last = np.datetime64(holiday.first_day), np.datetime64(holiday.last_day)
        away = np.where((day >= first - shoulder) & (day <= last + shoulder), holiday.away / 2, away)
        away = np.where((day >= first) & (day <= last), holiday.away, away)
    exodus = np.array([site.holiday_exodus for site in world.SITES])
    chance = lognormal(generator, world.PRESENCE_RSD, (len(exodus), len(day)))
    return (1 - exodus[:, np.newaxis] * away) * chance


def _flow(generator: np.random.Generator, rain: Floats, presence: Floats, population: Floats) -> Floats:
    """True flow by site and day [m³/day]: people, infiltration, and rain that drains away over days."""
    wetness = np.zeros(len(rain))
    memory = 0.0
    for day, millimetres in enumerate(rain):
        memory = world.WETNESS_MEMORY * memory + (1 - world.WETNESS_MEMORY) * millimetres
        wetness[day] = memory
    per_person = np.array([site.flow_l_per_person_per_day for site in world.SITES])[:, np.newaxis]
    wet_gain = np.array([site.wet_gain for site in world.SITES])[:, np.newaxis]
    people = world.FLOW_WITHOUT_PEOPLE + (1 - world.FLOW_WITHOUT_PEOPLE) * presence
    rainy = 1 + wet_gain * (1 - np.exp(-wetness / world.WETNESS_SATURATION_MM_PER_DAY))
    # L/person/day * persons / 1000 = m³/day
    flow: Floats = (
        per_person * population / 1000 * people * rainy * lognormal(generator, world.FLOW_RSD, presence.shape)
    )
    return flow


def _expected(generator: np.random.Generator, dates: pl.Series) -> Floats:
    """Expected consumption per 1000 people present, by site, day and drug [mg/day]."""
    years = (dates.to_numpy() - np.datetime64("2023-07-02")).astype(np.float64) / 365.25
    weekday = dates.dt.weekday().to_numpy() - 1
    wave = _yearly_wave(dates)
    columns = []
    for drug in world.DRUGS:
        level = drug.level_mg_per_day_per_1000 * _between_sites(generator)
        log_ratio = np.log([drug.by_area.get(site.area_id, drug.ratio_2025_to_2023) for site in world.SITES])
        wobble = world.SITE_TREND_SD * generator.standard_normal(len(log_ratio))
        log_ratio = np.where(log_ratio == 0.0, 0.0, log_ratio + wobble)[:, np.newaxis]
        rhythm = np.array(drug.by_weekday) / np.mean(drug.by_weekday)
        columns.append(level * np.exp(log_ratio * years / 2) * rhythm[weekday] * (1 + drug.season * wave))
    return np.stack(columns, axis=2)


def _between_sites(generator: np.random.Generator) -> Floats:
    """How sites differ, a column of factors whose mean over all inhabitants is 1 [dimensionless]."""
    factors = lognormal(generator, world.SITE_RSD, (len(world.SITES), 1))
    mean = np.average(factors[:, 0], weights=[site.population for site in world.SITES])
    scaled: Floats = factors / mean
    return scaled


def _loads(generator: np.random.Generator, consumed: Floats, presence: Floats, dates: pl.Series) -> Floats:
    """Residue loads per 1000 of the census [mg/day], by site, day and residue of `world.RESIDUES`."""
    excreted = residue_per_drug()
    by_residue = {drug.residue: consumed[:, :, i] * excreted[drug.drug] for i, drug in enumerate(world.DRUGS)}
    shape = presence.shape
    norketamine = lognormal(generator, world.NORKETAMINE_RSD, shape) / world.KETAMINE_TO_NORKETAMINE
    by_residue["norketamine"] = by_residue["ketamine"] * norketamine
    caffeine_by_site = world.CAFFEINE_MG_PER_DAY_PER_1000 * _between_sites(generator)
    by_residue["caffeine"] = caffeine_by_site * presence * lognormal(generator, world.CAFFEINE_DAILY_RSD, shape)
    site = next(i for i, site in enumerate(world.SITES) if site.site_id == world.DUMP_SITE)
    day = dates.index_of(world.DUMP_ON)
    by_residue[world.DUMP_RESIDUE][site, day] *= world.DUMP_FACTOR
    return np.stack([by_residue[residue] for residue in world.RESIDUES], axis=2)


def _campaigns() -> pl.DataFrame:
    """The quarterly campaigns."""
    first_days = [world.campaign_first_day(year, month) for year in world.YEARS for month in world.CAMPAIGN_MONTHS]
    first = pl.Series("first_day", first_days)
    return pl.DataFrame([first]).select(
        pl.format("{}-Q{}", pl.col("first_day").dt.year(), pl.col("first_day").dt.quarter()).alias("campaign"),
        "first_day",
        (pl.col("first_day") + pl.duration(days=world.CAMPAIGN_DAYS - 1)).alias("last_day"),
    )


def _laboratories(sites: pl.DataFrame, campaigns: pl.DataFrame) -> pl.DataFrame:
    """Which laboratory measured a site in a campaign."""
    by_area = {area.area_id: area.laboratory for area in world.AREAS}
    is_changed = (pl.col("area_id") == world.CHANGED_AREA) & (pl.col("first_day_right") >= world.CHANGED_ON)
    return (
        sites.join(campaigns, how="cross")
        .filter(pl.col("first_day_right").is_between("first_day", "last_day"))
        .select(
            "site_id",
            "campaign",
            pl.when(pl.col("site_id") == world.DAILY_SITE)
            .then(pl.lit("daily"))
            .when(is_changed)
            .then(pl.lit(world.CHANGED_TO))
            .otherwise(pl.col("area_id").replace_strict(by_area))
            .alias("laboratory"),
        )
    )


def _events(campaigns: pl.DataFrame) -> pl.DataFrame:
    """What happened, besides use."""
    rows: list[tuple[str | dt.date | None, ...]] = [
        ("campaign", None, None, None, first, last, name) for name, first, last in campaigns.rows()
    ]
    rows += [("holiday", None, None, None, day.first_day, day.last_day, day.name) for day in world.HOLIDAYS]
    rows += [
        (
            "dumping",
            world.DUMP_SITE,
            None,
            world.DUMP_RESIDUE,
            world.DUMP_ON,
            world.DUMP_ON,
            "MDMA poured into the sewer",
        ),
        (
            "laboratory change",
            None,
            world.CHANGED_AREA,
            None,
            world.CHANGED_ON,
            world.CHANGED_ON,
            "west to north",
        ),
        (
            "site joins",
            world.JOINING_SITE,
            None,
            None,
            world.JOINS_ON,
            world.JOINS_ON,
            "first day in the network",
        ),
        (
            "site leaves",
            world.LEAVING_SITE,
            None,
            None,
            world.LEAVES_AFTER,
            world.LEAVES_AFTER,
            "last day in the network",
        ),
    ]
    names = ["event", "site_id", "area_id", "residue", "first_day", "last_day", "description"]
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None).sort("first_day", "event")
