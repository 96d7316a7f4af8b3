"""What a finding about plausibility is, and the rules that make one: each with its limits and where these come from.

A finding asks a person to look. It takes nothing out of the estimates: what cannot be a value goes to quarantine before
it gets that far (`pipeline/findings.py`), and what is merely doubtful about one value is a flag (`schemas/flags.py`).
No finding is a flag: most follow from other days of a site, so that a delivery of next year would change the flags of
figures of this year of which nothing else has changed.
"""

from typing import NamedTuple

import polars as pl

from schemas.columns import column
from schemas.intake import _Table


class Rule(NamedTuple):
    """One rule of plausibility.

    Attributes:
        sentence: what is called implausible.
        remedy: what to look at.
        unit: what `value` and the bounds it should lie between are counted in.
        source: where the limits come from, with the clause of what they were read in.
        limits: numbers the rule is made of, by the names under which `pipeline/sql/plausibility.sql` asks for them.
    """

    sentence: str
    remedy: str
    unit: str
    source: str
    limits: dict[str, float]


RULES: dict[str, Rule] = {
    "flow_per_head": Rule(
        "the flow of a sampled day is less than 80 or more than 800 L per inhabitant, by the count that holds; where"
        " the middle of at least 7 days of a year is so, it is told once for the year",
        "Look at the unit of the flow (m3 or 10,000 m3), whether it is that of this plant, and at the inhabitants.",
        "L per inhabitant and day",
        "The field's check of flow and population against each other, a working range: 457 and 833 L/day are told of"
        " two plants with much water from outside (Subedi and Kannan 2014, Environmental Science & Technology"
        " 48:6661), 180 is what plants in Germany, Austria and Switzerland are designed for",
        {"lowest_flow_l_per_head": 80, "highest_flow_l_per_head": 800, "fewest_days_of_flow": 7},
    ),
    "off_its_history": Rule(
        "a load lies more than 5 robust deviations off the median of the site's seven measured days nearest in time,"
        " itself among them, the rhythm of the week taken off, in a series of at least 14 days; or, of at least 5"
        " days, a hundredfold off; and is not one of four measured days in a row that are all half as far off",
        "Look for drugs poured away (other residues of the drug, police reports), a mistaken unit, column or sample.",
        "mg/day/1000",
        "The identifier of Hampel (Hampel 1974, Journal of the American Statistical Association 69:383; Davies and"
        " Gather 1993, the same journal 88:782), with the scaled median deviation of ISO 13528. Seven: of the odd"
        " numbers the one that holds each weekday once, and a campaign; a level that lasts four days is not the day's"
        " own. 5: of simulated normal days 1 in 1,000 lies further off where a series has 14, the fewest we ask for,"
        " and 1 in 15,000 where it has 70. Of 5 days two that are wrong do not move the median. A rhythm of the week"
        " is asked of five weeks, as in the table day_spreads. A sewer has been seen at 35 times its usual load of"
        " MDMA after a raid (Emke et al. 2014, Science of the Total Environment 487:666)",
        {
            "fewest_days": 14,
            "most_deviations": 5,
            "fewest_days_of_rhythm": 5,
            "fewest_days_in_all": 5,
            "hardly_possible_ratio": 100,
        },
    ),
    "jump_of_level": Rule(
        "the median of seven measured days of a site is more than a hundred times that of the seven before, or less"
        " than a hundredth of it, of at least 4 days each",
        "Look at the units of both deliveries and what was measured: from one campaign to the next no use changes so.",
        "times",
        "Derived: of 3,000 steps from one campaign to the next in the European study (EUDA, release of 2025) two are"
        " so large, each of a single residue; a slip from ng to ug is a thousandfold. Four days are most of seven:"
        " fewer are found as days off their history",
        {"hardly_possible_ratio": 100, "fewest_days_of_level": 4},
    ),
    "populations_disagree": Rule(
        "two counts of the inhabitants of a site differ by more than half, in the middle of their days of a year",
        "Look at what each counts (place of work, holidays, trade effluent), and at the unit (persons or 10,000).",
        "times",
        "Methods differ by 7 to 55 % (Castiglioni et al. 2013, Environmental Science & Technology 47:1452)",
        {"highest_population_ratio": 1.5},
    ),
    "residues_move_together": Rule(
        "of a sample with at least 4 residues that have a history of 14 days, the middle one lies more than 3 robust"
        " deviations off the days around it, and all by about the same ratio: their own spread is less than half of"
        " it",
        "Look at the flow and the inhabitants of the day, and for diluted or exchanged samples: drugs are not used"
        " alike.",
        "deviations",
        "Our choice: what residues share is the sample, the flow and the inhabitants. 3 as z of unsatisfactory"
        " laboratory tests (ISO 13528)",
        {"fewest_residues": 4, "most_deviations_together": 3},
    ),
    "mostly_below_limits": Rule(
        "more than 80 % of a site's measurements of a residue in a year, of at least 7, lie below their limits",
        "Ask for a method with a lower limit, or look at the unit of the limits.",
        "of the measurements",
        "Above 80 % nothing but the frequency of detection can be told (Helsel 2012, Statistics for Censored"
        " Environmental Data, chapter 6); the protocol 'permille' gives no mean there either",
        {"highest_censored_share": 0.8, "fewest_days_of_series": 7},
    ),
    "concentration_too_high": Rule(
        "a concentration of a drug's residue is above 100,000 ng/L",
        "Look at the unit: ng/L, not ug/L or ng/mL written in the wrong column.",
        "ng/L",
        "Derived: with 200 L of sewage a head it is 20 mg excreted by every inhabitant, children included, each day;"
        " published levels end below 10,000 ng/L. Not of ethyl sulfate: alcohol is taken by the gram",
        {"highest_concentration_ng_per_l": 100_000},
    ),
    "measurements_disagree": Rule(
        "the measurements of one residue, site and day differ by a relative standard deviation above 0.5",
        "Look which of them is meant: a unit, a dilution, a sample of another day; correct or withdraw the wrong one.",
        "relative standard deviation",
        "Methods repeat within 2 to 29 %, laboratories agree within 6 to 26 % (Castiglioni et al. 2013): 0.5 is about"
        " twice that",
        {"highest_replicate_rsd": 0.5},
    ),
}
"""Each rule of plausibility, in the order they are told."""

LIMITS: dict[str, float] = {name: limit for rule in RULES.values() for name, limit in rule.limits.items()}
"""All limits of all rules, as parameters."""


class Plausibility(_Table):
    """A finding: something about one site's day, or its year, that is hardly possible and wants looking at."""

    rule: str = column("rule", isin=list(RULES))
    site_id: str = column("site_id")
    sampled_on: pl.Date = column("sampled_on", nullable=True)
    weekday: pl.Int32 = column("weekday", nullable=True, in_range={"min_value": 1, "max_value": 7})
    sampling_year: pl.Int32 = column("sampling_year")
    residue: str = column("residue", nullable=True)
    value: float = column("value")
    expected_low: float = column("expected_low", nullable=True)
    expected_high: float = column("expected_high", nullable=True)
    finding: str = column("finding")
    is_simulated: bool = column("is_simulated")

    class Config:
        strict = True
        unique = ["rule", "site_id", "sampling_year", "sampled_on", "weekday", "residue"]  # noqa: RUF012
