"""The world the simulated city is made of: places, drugs, calendar, weather; each constant with its unit.

Plain values only: nothing is drawn or computed from chance here (`truth.py`, `measurement.py`).
"""

import datetime as dt
from typing import NamedTuple

FIRST_DAY = dt.date(2023, 1, 1)
LAST_DAY = dt.date(2025, 12, 31)
YEARS = (2023, 2024, 2025)
BASELINE_YEAR = 2023
CAMPAIGN_MONTHS = (3, 6, 9, 11)
"""Month of the campaign of each quarter. November, not December, as laboratories close their year then."""
CAMPAIGN_DAYS = 7
"""Days of a campaign, so that every weekday occurs once."""

CITY_ID = "sim-city"


class Area(NamedTuple):
    """One district of the city.

    Attributes:
        area_id: our identifier.
        area_name: as the registry writes it; some are in Chinese.
        laboratory: the laboratory that measures its campaigns until a change of laboratory.
    """

    area_id: str
    area_name: str
    laboratory: str


AREAS = (
    Area("sim-old-town", "Old Town", "north"),
    Area("sim-harbour", "Harbour", "north"),
    Area("sim-university", "University", "north"),
    Area("sim-riverside", "滨江区", "south"),
    Area("sim-lakeside", "湖滨区", "south"),
    Area("sim-airport", "Airport", "west"),
    Area("sim-industry", "Industry", "west"),
    Area("sim-hills", "Hills 山区", "west"),
)


class Site(NamedTuple):
    """One catchment with its treatment plant.

    Attributes:
        site_id: our identifier.
        site_name: as the registry writes it; those of Laboratory South in Chinese.
        area_id: the district it drains.
        latitude: latitude [degree]; all sites lie in the empty South Pacific, where nobody takes them for a
            real plant.
        longitude: longitude [degree].
        population: inhabitants by the census of the baseline year [persons].
        flow_l_per_person_per_day: dry-weather flow [L/person/day].
        wet_gain: largest relative gain of flow after much rain, by how much rain the sewer takes
            [dimensionless].
        holiday_exodus: how strongly holidays empty it, 1 as the city on average [dimensionless].
    """

    site_id: str
    site_name: str
    area_id: str
    latitude: float
    longitude: float
    population: int
    flow_l_per_person_per_day: float
    wet_gain: float
    holiday_exodus: float


SITES = (
    Site("sim-01", "Old Town East", "sim-old-town", -48.85, -123.40, 850_000, 235.0, 0.40, 1.0),
    Site("sim-02", "Old Town West", "sim-old-town", -48.86, -123.46, 320_000, 225.0, 0.45, 1.0),
    Site("sim-03", "Old Town Park", "sim-old-town", -48.83, -123.43, 120_000, 215.0, 0.45, 1.0),
    Site("sim-04", "Harbour Main", "sim-harbour", -48.92, -123.38, 2_000_000, 245.0, 0.35, 1.1),
    Site("sim-05", "Harbour Quay", "sim-harbour", -48.95, -123.36, 410_000, 250.0, 0.40, 1.1),
    Site("sim-06", "University North", "sim-university", -48.80, -123.50, 260_000, 210.0, 0.30, 1.3),
    Site("sim-07", "University South", "sim-university", -48.82, -123.52, 95_000, 205.0, 0.30, 1.3),
    Site("sim-08", "滨江第一污水处理厂", "sim-riverside", -48.88, -123.30, 1_100_000, 240.0, 0.40, 1.0),
    Site("sim-09", "滨江第二污水处理厂", "sim-riverside", -48.90, -123.27, 540_000, 230.0, 0.45, 1.0),
    Site("sim-10", "滨江第三污水处理厂", "sim-riverside", -48.91, -123.25, 75_000, 220.0, 0.50, 0.9),
    Site("sim-11", "湖滨污水处理厂", "sim-lakeside", -48.78, -123.33, 380_000, 225.0, 0.35, 0.9),
    Site("sim-12", "湖滨东污水处理厂", "sim-lakeside", -48.77, -123.29, 60_000, 215.0, 0.35, 0.8),
    Site("sim-13", "Airport Town", "sim-airport", -48.72, -123.55, 150_000, 255.0, 0.25, 1.0),
    Site("sim-14", "Airport Villages", "sim-airport", -48.70, -123.58, 45_000, 220.0, 0.30, 0.7),
    Site("sim-15", "Industry Park", "sim-industry", -48.97, -123.48, 210_000, 260.0, 0.30, 1.4),
    Site("sim-16", "Industry Dormitories", "sim-industry", -48.99, -123.50, 33_000, 205.0, 0.25, 1.4),
    Site("sim-17", "Hills Market 山镇", "sim-hills", -48.65, -123.20, 18_000, 200.0, 0.50, 0.5),
    Site("sim-18", "Hills Spring 山泉", "sim-hills", -48.62, -123.17, 8_000, 195.0, 0.50, 0.5),
)

DAILY_SITE = "sim-03"
"""The site sampled on every day, by the laboratory `daily`."""
JOINING_SITE, JOINS_ON = "sim-14", dt.date(2024, 7, 1)
LEAVING_SITE, LEAVES_AFTER = "sim-12", dt.date(2024, 12, 31)
CHANGED_AREA, CHANGED_ON, CHANGED_TO = "sim-industry", dt.date(2025, 1, 1), "north"
"""The area whose laboratory changes, the first day of the new one, and which it is."""

DUMP_SITE, DUMP_RESIDUE = "sim-05", "mdma"
DUMP_ON = dt.date(2023, 9, 14)
"""A Thursday of the third campaign of the baseline year."""
DUMP_FACTOR = 35.0
"""Load of the dumping day over the usual [dimensionless]: as in Utrecht in 2011 after a raid (Emke)."""


class Drug(NamedTuple):
    """How one drug is used.

    Attributes:
        drug: our identifier.
        residue: the residue it is measured by.
        level_mg_per_day_per_1000: mean consumption in mid 2023 per 1000 inhabitants present [mg/day].
        ratio_2025_to_2023: level two years later over that of mid 2023, where the area has no own
            [dimensionless].
        by_weekday: relative use Monday to Sunday; scaled to mean 1 [dimensionless].
        daily_rsd: relative standard deviation from day to day, weekdays apart [dimensionless].
        season: relative amplitude over the year, highest in July [dimensionless].
        by_area: ratios of areas that differ [dimensionless].
    """

    drug: str
    residue: str
    level_mg_per_day_per_1000: float
    ratio_2025_to_2023: float
    by_weekday: tuple[float, float, float, float, float, float, float]
    daily_rsd: float
    season: float
    by_area: dict[str, float]


_FLAT = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
_MILD_WEEKEND = (0.96, 0.95, 0.96, 0.98, 1.03, 1.08, 1.04)
_WEEKEND = (0.86, 0.80, 0.80, 0.90, 1.10, 1.35, 1.19)
_PARTY = (0.62, 0.52, 0.55, 0.72, 1.12, 1.85, 1.62)

# Levels lie where published surveys of Chinese and European cities lie; the ratios are invented.
DRUGS = (
    Drug("methamphetamine", "methamphetamine", 60.0, 0.45, _MILD_WEEKEND, 0.18, 0.00,
         {"sim-harbour": 0.35, "sim-university": 0.60, "sim-riverside": 0.50, "sim-lakeside": 0.40,
          "sim-airport": 0.55, "sim-industry": 0.70, "sim-hills": 0.90}),
    Drug("amphetamine", "amphetamine", 6.0, 0.80, _MILD_WEEKEND, 0.22, 0.00, {}),
    Drug("mdma", "mdma", 8.0, 0.90, _PARTY, 0.30, 0.10, {"sim-university": 1.10}),
    Drug("cocaine", "benzoylecgonine", 14.0, 1.15, _WEEKEND, 0.20, 0.00, {"sim-harbour": 1.30}),
    Drug("ketamine", "ketamine", 30.0, 0.65, _WEEKEND, 0.25, 0.05,
         {"sim-riverside": 0.50, "sim-hills": 1.00}),
    Drug("heroin", "6-mam", 10.0, 0.80, _FLAT, 0.25, 0.00, {}),
    Drug("cannabis", "thc-cooh", 1800.0, 1.00, _FLAT, 0.20, 0.00, {}),
    Drug("codeine", "codeine", 40.0, 1.00, _FLAT, 0.18, -0.10, {}),
    Drug("etomidate", "etomidate-acid", 6.0, 2.00, _MILD_WEEKEND, 0.25, 0.00,
         {"sim-university": 3.00, "sim-hills": 1.00}),
    Drug("nicotine", "cotinine", 1800.0, 1.00, _FLAT, 0.08, 0.00, {}),
)  # fmt: skip

CAFFEINE_MG_PER_DAY_PER_1000 = 3500.0
"""Load of caffeine per 1000 inhabitants present [mg/day]: a marker of people, without factor and trend."""
CAFFEINE_DAILY_RSD = 0.10
KETAMINE_TO_NORKETAMINE = 5.36
"""Ratio of the two in wastewater [dimensionless] (Du et al. 2020)."""
NORKETAMINE_RSD = 0.10
"""Relative standard deviation of that ratio from day to day [dimensionless]."""

RESIDUES = (
    "methamphetamine", "amphetamine", "mdma", "benzoylecgonine", "ketamine", "norketamine",
    "6-mam", "thc-cooh", "codeine", "etomidate-acid", "cotinine", "caffeine",
)  # fmt: skip
"""The twelve residues, in the order laboratories list them."""

SITE_RSD = 0.25
"""How much the level of a drug differs between sites [dimensionless]."""
SITE_TREND_SD = 0.05
"""Standard deviation of a site's log ratio about its area's, where that is not 0 [dimensionless]."""
GROWTH_MAX_PER_YEAR = 0.015
"""Largest yearly growth of a site's census population [dimensionless]."""


class Holiday(NamedTuple):
    """Days on which part of the population is away.

    Attributes:
        name: the holiday.
        first_day: first day.
        last_day: last day.
        away: share of the population away in a site with `holiday_exodus` 1 [dimensionless].
    """

    name: str
    first_day: dt.date
    last_day: dt.date
    away: float


HOLIDAYS = (
    Holiday("Spring Festival", dt.date(2023, 1, 21), dt.date(2023, 1, 27), 0.30),
    Holiday("National Day", dt.date(2023, 9, 29), dt.date(2023, 10, 6), 0.15),
    Holiday("Spring Festival", dt.date(2024, 2, 10), dt.date(2024, 2, 17), 0.30),
    Holiday("National Day", dt.date(2024, 10, 1), dt.date(2024, 10, 7), 0.15),
    Holiday("Spring Festival", dt.date(2025, 1, 28), dt.date(2025, 2, 4), 0.30),
    Holiday("National Day", dt.date(2025, 10, 1), dt.date(2025, 10, 8), 0.15),
)
CAMPAIGN_AREA, CAMPAIGN_DRUG, CAMPAIGN_ON = "sim-harbour", "methamphetamine", dt.date(2024, 7, 1)
"""A campaign that is announced and does nothing: an effect of it that is found is an error."""
HOLIDAY_SHOULDER_DAYS = 3
"""Days before and after a holiday over which people leave and return; half are away on them [day]."""
PRESENCE_RSD = 0.01
"""Relative standard deviation of the people present from day to day [dimensionless]."""

RAIN_AFTER_DRY, RAIN_AFTER_RAIN = 0.18, 0.60
"""Chance of rain after a dry and after a rainy day [dimensionless]: rain comes in spells."""
RAIN_SUMMER_GAIN = 0.5
"""Relative gain of the chance of rain in July, and loss in January [dimensionless]."""
RAIN_SHAPE, RAIN_SCALE_MM_PER_DAY = 0.8, 14.0
"""Gamma distribution of the rain of a rainy day: shape [dimensionless] and scale [mm/day]."""
WETNESS_MEMORY = 0.55
"""Share of the sewer's wetness that is still there the day after [dimensionless]."""
WETNESS_SATURATION_MM_PER_DAY = 20.0
"""Wetness at which 63 % of the largest gain of flow is reached [mm/day]."""
FLOW_WITHOUT_PEOPLE = 0.5
"""Share of dry-weather flow that does not follow the people present: infiltration, trade [dimensionless]."""
FLOW_RSD = 0.02
"""Relative standard deviation of flow from day to day, weather and people apart [dimensionless]."""


def campaign_first_day(year: int, month: int) -> dt.date:
    """The first day of a campaign: the Monday of the second full week (Monday to Sunday) of the month.

    >>> campaign_first_day(2024, 3)
    datetime.date(2024, 3, 11)
    """
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=-first.weekday() % 7 + 7)
