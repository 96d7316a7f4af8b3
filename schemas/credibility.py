"""What else could have made a change: each explanation that is tested, by which limits, and what a row of the test is.

An explanation is tested by taking it to be wholly true and computing the change without it:
`pipeline/sql/credibility.sql`.
"""

from typing import NamedTuple

import polars as pl

from schemas.change import LEVELS
from schemas.columns import column
from schemas.intake import _Table


class Explanation(NamedTuple):
    """Something other than use that could have made a change.

    Attributes:
        sentence: what is looked at, and when something is found: `looks_at` in data of `permille credibility`.
        unit: what `value_baseline` and `value_current` are: `values_are` there.
        source: where the limits come from.
        limits: numbers the test is made of, by the names under which `pipeline/sql/credibility.sql` asks for them.
    """

    sentence: str
    unit: str
    source: str
    limits: dict[str, float]


FOUND = {"least_share": 1 / 3, "least_log_effect": 0.1}
"""An explanation is tested where sites with half of the amount tell of it, and found where it makes at least a third of
the change, or is seen at most of the sites and makes 10 %; of changes that are not told from none 10 % at least.

Our choice: flows, inhabitants and markers differ by some percent between any two periods. How often honest cities pass
these limits all the same: docs/credibility.md."""

EXPLANATIONS: dict[str, Explanation] = {
    "chance": Explanation(
        "the days and the errors of measurement do not tell the change from none",
        "smallest fall that would be seen, percent",
        "The verdict: docs/changes.md",
        {},
    ),
    "laboratory": Explanation(
        "sites of the panel have another laboratory than at the baseline: of their change up to a factor of two could"
        " be the laboratory's",
        "share of the amount at sites whose laboratory changed, percent",
        "Derived: laboratories agree within 6 to 26 % (relative standard deviation; Castiglioni et al. 2013,"
        " Environmental Science & Technology 47:1452), so that 95 of 100 pairs of those that differ most lie within"
        " exp(1.96 * 0.26 * sqrt(2)) = 2.06",
        {"most_laboratories_differ": 2.06},
    ),
    "limits": Explanation(
        "limits of sites went up or down by more than half between the periods, or a protocol counts zero below them:"
        " what lies there could be anything from nothing to the limit",
        "mean of the sites' limits, ng/L",
        "Our choice: limits of a method drift by less; the bounds are arithmetic",
        {"least_limit_ratio": 1.5},
    ),
    "flow": Explanation(
        "the flow changed as the loads did, or a site's flow per inhabitant left the range of 80 to 800 L a day",
        "L per inhabitant and day",
        "The range of the check flow_per_head (schemas/plausibility.py)",
        {"lowest_flow_l_per_head": 80, "highest_flow_l_per_head": 800},
    ),
    "markers": Explanation(
        "markers of people in the same samples (cotinine, caffeine, ammonium ...) changed as the drug did: the sample"
        " was diluted, or people left or came",
        "mass of markers per inhabitant, the baseline being 100",
        "Our choice: a fifth is twice what a batch's error leaves of the ratio of two (schemas/uncertainty); of a"
        " marker that neither period measured in half of its samples only the limits would be compared",
        {"least_log_of_markers": 0.2, "least_share_of_markers_measured": 0.5},
    ),
    "population": Explanation(
        "the inhabitants that loads are divided by changed, or whoever reported one of the periods had his own",
        "inhabitants of a site, mean of the panel",
        "Arithmetic",
        {},
    ),
    "factor": Explanation(
        "what loads are multiplied by changed: another factor, another loss in the sewer, more of another drug"
        " subtracted",
        "mean factor from load to amount",
        "Arithmetic",
        {},
    ),
    "panel": Explanation(
        "sites joined or left: over all sites the change is another one by at least 5 points, or those compared hold"
        " less than half of the inhabitants of the sites that were measured",
        "sites with a figure",
        "Our choice",
        {"least_points_of_panel": 5, "least_share_of_inhabitants": 0.5},
    ),
    "weekdays": Explanation(
        "the periods were sampled on other weekdays, whose use differs; of protocols that match weekdays only those in"
        " common count, which should be at least three",
        "days that are Saturdays and Sundays, percent",
        "The rhythm of the week is that of the table day_spreads; three: our choice",
        {"least_week_in_common": 0.75, "fewest_weekdays": 3},
    ),
    "months": Explanation(
        "less than half of the days of the two periods lie in the same season, a month more or less",
        "days with the season in common, percent",
        "Our choice: use moves with holidays and seasons",
        {"least_season_in_common": 0.5},
    ),
    "single_day": Explanation(
        "one day of one site makes half of the change: drugs poured away, or a mistake",
        "smallest and largest change with one day left out, percent",
        "Our choice: half; of each site and period the two days are left out that move its own change furthest",
        {"least_share_of_one_day": 0.5},
    ),
    "single_month": Explanation(
        "one month of all sites makes half of the change, and 10 %, of periods with days in at least three: an event,"
        " or a campaign that was measured wrongly",
        "smallest and largest change with one month left out, percent",
        "Our choice: half, and more than the error of a month's batches makes; with a month goes the same month of the"
        " other period, so that no season is taken for a spike",
        {"least_share_of_one_month": 0.5, "fewest_months": 3},
    ),
}
"""Each explanation, in the order they are told."""

LIMITS: dict[str, float] = FOUND | {
    name: limit for entry in EXPLANATIONS.values() for name, limit in entry.limits.items()
}
"""All limits of all explanations, as parameters."""

OUTCOMES = ["nothing found", "set aside", "part of it", "all of it", "not tested"]
"""What a test may find. Set aside: it is there, and makes no part of the change."""


class Credibility(_Table):
    """One explanation of one change other than use: what was found of it, and what it leaves of the change."""

    level: str = column("level", isin=LEVELS)
    unit_id: str = column("unit_id")
    drug: str = column("drug")
    protocol: str = column("protocol")
    baseline_period: str = column("baseline_period")
    current_period: str = column("current_period")
    explanation: str = column("explanation", isin=list(EXPLANATIONS))
    outcome: str = column("outcome", isin=OUTCOMES)
    change_without_percent: float = column("change_without_percent", nullable=True, ge=-100)
    could_explain_percent: float = column("could_explain_percent", nullable=True)
    value_baseline: float = column("value_baseline", nullable=True)
    value_current: float = column("value_current", nullable=True)
    n_affected: pl.Int64 = column("n_affected", ge=0)
    n_tested: pl.Int64 = column("n_tested", ge=0)
    subject: str = column("subject", nullable=True)
    is_simulated: bool = column("is_simulated")

    class Config:
        strict = True
        unique = [  # noqa: RUF012
            "level", "unit_id", "drug", "protocol", "baseline_period", "current_period", "explanation",
        ]  # fmt: skip
