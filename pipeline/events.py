"""What events did: use where something happened beside where nothing did, before and within, and at other dates.

Segmented regression on the difference between what an event touched and a control: areas it leaves alone, drugs it
leaves alone, or nothing. The regression itself stands in `pipeline/statistics/segmented.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.periods import site_weeks, typed
from pipeline.statements import sql
from pipeline.statistics.segmented import common_course, detectable_effect, segmented
from pipeline.statistics.verdicts import LEVEL_OF_VERDICT, adjusted_p_values
from pipeline.warehouse import Warehouse
from schemas.events import CONTROLS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Row = dict[str, Any]

STATEMENTS = ("events_of_drugs", "often_sampled", "site_periods", "day_spreads")
"""The statements besides `sql/event_effects.sql` that effects are computed by."""
MOST_PERIODS = {"week": 26, "month": 24, "quarter": 12}
"""How many periods count on either side of the beginning, by their kind; the finest kind with enough is taken."""
PASSING = ("holiday", "festival", "dumping")
"""Kinds of events that pass and leave use where it was: the periods after them tell as well where it was heading."""
FEWEST_OUTSIDE = 6
FEWEST_WITHIN = {"step": 3, "pulse": 1}
"""Periods with figures that an effect needs, by its design."""
SHARE_PRESENT = 0.5
"""Of the periods in which anybody has a figure a site needs so many, before the beginning and from it on."""
SHARE_OF_WEEKS = 0.25
"""A site that is sampled in fewer of the weeks from its first to its last is not followed by weeks: it would hardly be
there in half of those of any event."""
SHARE_OF_INHABITANTS = 0.5
"""Sites with less than that of the inhabitants do not speak for the areas of an event."""
MOST_BELOW = 0.1
"""Share of the figures, within or outside, that may lie below limits or be zero: of these there is no logarithm, and
left out they make a fall look smaller."""
SHARE_OF_POINTS = 0.6
"""A date is asked as if something had happened on it where there are so many of the event's own points around it."""
FEWEST_PLACEBOS = 19
"""With fewer dates none can be one of twenty."""
MOST_PLACEBOS = 99
"""Of more dates so many are asked, evenly spread."""
TOGETHER = ("protocol", "event_control")
"""Effects that are judged together."""
_FOR_EVER = 10**7
_MOST_DAYS = 5_000_000
_NUMBERS = (
    "effect_percent", "ci_low_percent", "ci_high_percent", "p_value", "smallest_detectable_fall_percent",
    "neighbour_correlation", "placebo_p_value",
)  # fmt: skip
_OF_WEEKS = (
    "site_id", "drug", "protocol", "sampling_year", "period_kind", "period", "state", "reason",
    "mean_mg_per_day_per_1000", "n_days", "population", "is_provisional", "is_simulated",
)  # fmt: skip
_OF_EVENT = ("event_id", "event_name", "event_kind", "starts_on", "ends_on", "areas", "drug")


class _Calendar(NamedTuple):
    """The periods of a kind, in order and without gaps: their first and last days, as ordinals. (k,)"""

    first: Ints
    last: Ints


class _Levels(NamedTuple):
    """The levels of a drug by a protocol over the periods of one kind.

    Attributes:
        sites: of the rows. (n_sites,)
        log_level: NaN where there is none. (n_sites, k)
        is_below: known to be zero, or below a limit. (n_sites, k)
        weight: inhabitants, or 1 where sites weigh alike. (n_sites,)
        inhabitants: (n_sites,)
    """

    sites: npt.NDArray[np.str_]
    log_level: Floats
    is_below: Bools
    weight: Floats
    inhabitants: Floats

    def of(self, chosen: Bools) -> "_Levels":
        """Those of some sites."""
        return _Levels(
            self.sites[chosen], self.log_level[chosen], self.is_below[chosen], self.weight[chosen],
            self.inhabitants[chosen],
        )  # fmt: skip


class _Figures(NamedTuple):
    """All levels by one protocol.

    Attributes:
        calendars: of each kind of periods, the finest first.
        levels: by kind and drug.
        is_provisional, is_simulated: by drug.
    """

    calendars: dict[str, _Calendar]
    levels: dict[tuple[str, str], _Levels]
    is_provisional: dict[str, bool]
    is_simulated: dict[str, bool]


class _Window(NamedTuple):
    """The periods around an event.

    Attributes:
        first, begin, end: the first that may count, the first that the event reaches into, and the first after those
            that may count; of the whole calendar.
        at: those that count, from `first`. (m,)
        is_within: which of these lie within the event. (m,)
    """

    first: int
    begin: int
    end: int
    at: Ints
    is_within: Bools

    def counts(self, points: Floats) -> tuple[Ints, Ints]:
        """How many points series have outside the event, and within."""
        known = np.isfinite(points)
        return (known & ~self.is_within).sum(axis=-1), (known & self.is_within).sum(axis=-1)


class _Control(NamedTuple):
    """What an event leaves alone: levels by the drugs it is made of, at how many sites, and which drugs if others."""

    parts: list[_Levels]
    n_sites: int
    drugs: list[str]


def event_effects(warehouse: Warehouse) -> pl.DataFrame:
    """The rows of the table `event_effects`; nothing is stored."""
    drugs = warehouse.query("select distinct drug from site_periods order by drug")
    with warehouse.known_as("drugs", drugs):
        events = warehouse.query(sql("events_of_drugs"))
    rows = []
    if not events.is_empty():
        for protocols in _together(warehouse):
            levels = _levels_of(warehouse, protocols)
            for protocol in protocols:
                rows += list(_rows(events, protocol, _figures(levels.filter(protocol=protocol))))
    if not rows:
        return warehouse.read("event_effects").clear()
    return typed("event_effects", _judged(pl.DataFrame(rows, infer_schema_length=None)))


def _together(warehouse: Warehouse) -> list[list[str]]:
    """The protocols that are done at once: all, or where their weeks would fill the memory one by one."""
    protocols = warehouse.read("protocols")["protocol"].sort().to_list()
    is_small = warehouse.count("consumption") <= _MOST_DAYS
    return [protocols] if is_small else [[protocol] for protocol in protocols]


def _levels_of(warehouse: Warehouse, protocols: list[str]) -> pl.DataFrame:
    """The figures by some protocols, of all kinds of periods: what `sql/event_effects.sql` gives."""
    empty = warehouse.query("select * from site_periods limit 0").select(_OF_WEEKS)
    often = warehouse.query(sql("often_sampled"), {"protocols": protocols, "smallest_share": SHARE_OF_WEEKS})
    years = [] if often.is_empty() else warehouse.years("consumption")
    weeks = [site_weeks(warehouse, year, often).select(_OF_WEEKS) for year in years]
    with warehouse.known_as("site_weeks", pl.concat([empty, *weeks])):
        return warehouse.query(sql("event_effects"), {"protocols": protocols})


def _figures(rows: pl.DataFrame) -> _Figures:
    calendars: dict[str, _Calendar] = {}
    levels: dict[tuple[str, str], _Levels] = {}
    for kind in MOST_PERIODS:
        of_kind = rows.filter(pl.col("period_kind") == kind)
        if of_kind.is_empty():
            continue
        start = int(of_kind["number"].min())  # type: ignore[arg-type]
        calendars[kind] = _calendar(kind, of_kind)
        for (drug,), part in of_kind.partition_by("drug", as_dict=True).items():
            levels[kind, str(drug)] = _levels(part, start, len(calendars[kind].first))
    about = rows.group_by("drug").agg(pl.col("is_provisional", "is_simulated").any()).sort("drug")
    return _Figures(
        calendars, levels, dict(zip(about["drug"], about["is_provisional"], strict=True)),
        dict(zip(about["drug"], about["is_simulated"], strict=True)),
    )  # fmt: skip


def _calendar(kind: str, rows: pl.DataFrame) -> _Calendar:
    """All periods from the first to the last with a figure."""
    steps = {"week": "1w", "month": "1mo", "quarter": "1q"}
    first = rows.select(
        pl.date_range(pl.col("first_day").min(), pl.col("first_day").max(), interval=steps[kind])
    ).to_series()
    last = first.dt.offset_by(steps[kind]).dt.offset_by("-1d")
    return _Calendar(*(_ordinals(days) for days in (first, last)))


def _ordinals(days: pl.Series) -> Ints:
    """Days counted as `date.toordinal` counts them."""
    return days.cast(pl.Int32).cast(pl.Int64).to_numpy() + date(1970, 1, 1).toordinal()


def _levels(rows: pl.DataFrame, start: int, n_periods: int) -> _Levels:
    sites = rows.group_by("site_id").agg(pl.col("population").median(), pl.col("is_weighed").first()).sort("site_id")
    row, column = rows["site_id"].rank("dense").to_numpy() - 1, rows["number"].to_numpy() - start
    log_level = np.full((sites.height, n_periods), np.nan)
    log_level[row, column] = rows["log_mean"].fill_null(np.nan).to_numpy()
    is_below = np.zeros(log_level.shape, dtype=bool)
    is_below[row, column] = rows["log_mean"].is_null().to_numpy()
    inhabitants = sites["population"].fill_null(0).to_numpy()
    weight = np.where(sites["is_weighed"].to_numpy(), inhabitants, 1.0)
    return _Levels(sites["site_id"].to_numpy().astype(np.str_), log_level, is_below, weight, inhabitants)


def _rows(events: pl.DataFrame, protocol: str, figures: _Figures) -> Iterator[Row]:
    """A row an event, drug and control there may be, by one protocol."""
    every = list(events.iter_rows(named=True))
    for event in every:
        drug = event["drug"]
        aimed_at = {other["drug"] for other in every if other["event_id"] == event["event_id"]}
        others = [other for other in every if other["event_id"] != event["event_id"]]
        left_alone = [name for name in figures.is_simulated if name not in aimed_at]
        controls = {"areas": not event["is_everywhere"], "drugs": bool(left_alone), "none": True}
        for control in CONTROLS:
            if controls[control]:
                yield {
                    **{name: event[name] for name in _OF_EVENT}, "protocol": protocol, "event_control": control,
                    "event_design": _design(event), "is_provisional": figures.is_provisional.get(drug, False),
                    "is_simulated": figures.is_simulated.get(drug, False) or event["is_simulated"],
                    **_answer(event, others, left_alone, control, figures),
                }  # fmt: skip


def _design(event: Row) -> str:
    return "pulse" if event["event_kind"] in PASSING and event["ends_on"] is not None else "step"


def _answer(event: Row, others: list[Row], left_alone: list[str], control: str, figures: _Figures) -> Row:
    """What was found by the finest kind of periods that answers; else why the coarsest does not."""
    said = _refused(None, "unknown_drug")
    # Of all sites there that have a figure of any period: those that are not followed by weeks are people too.
    there = {
        site: number
        for kind in figures.calendars
        if (of := figures.levels.get((kind, event["drug"]))) is not None
        for site, number in zip(of.sites.tolist(), of.inhabitants, strict=True)
    }
    inhabitants = float(sum(there.get(site, 0) for site in event["sites"]))
    for kind, calendar in figures.calendars.items():
        levels = figures.levels.get((kind, event["drug"]))
        if levels is None:
            continue
        drugs = {drug: of for drug in left_alone if (of := figures.levels.get((kind, drug))) is not None}
        window = _window(event, calendar, MOST_PERIODS[kind])
        said = _by_kind(kind, event, others, levels, drugs, control, calendar, window, inhabitants)
        if said["state"] == "estimated":
            break
    return said


def _by_kind(
    kind: str, event: Row, others: list[Row], levels: _Levels, left_alone: Mapping[str, _Levels], control: str,
    calendar: _Calendar, window: _Window, inhabitants: float,
) -> Row:  # fmt: skip
    """What was found by periods of one kind; `inhabitants` live where the event is."""
    is_touched = np.isin(levels.sites, event["sites"])
    if not is_touched.any():
        return _refused(kind, "area_without_sites")
    if not levels.weight[is_touched].any():
        return _refused(kind, "no_population")
    in_panel = is_touched & (levels.weight > 0) & _is_present(levels, window)
    if not in_panel.any():
        return _refused(kind, "few_periods_around")
    if levels.inhabitants[in_panel].sum() < SHARE_OF_INHABITANTS * inhabitants:
        return _refused(kind, "few_inhabitants_there")
    panel = levels.of(in_panel)
    at_window = np.array([window.first]), np.array([window.end])
    within_window = [other for other in others if _disturbs(other, calendar, *at_window)[0]]
    beside = _Control([], 0, [])
    if control == "areas":
        beside = _other_areas(levels, is_touched, event, within_window, window)
    elif control == "drugs":
        beside = _other_drugs(panel.sites, left_alone, event, within_window, window)
    if control != "none" and not beside.parts:
        return _refused(kind, {"areas": "no_untouched_area", "drugs": "no_untouched_drug"}[control])
    if any(_is_mostly_below(part, window) for part in (panel, *beside.parts)):
        return _refused(kind, "too_much_below_limits")
    points = _points(panel, beside, np.array([window.first]), window)
    counts = window.counts(points)
    n_outside, n_within = (int(count[0]) for count in counts)
    effect = segmented(points, window.is_within)
    is_enough = n_outside >= FEWEST_OUTSIDE and n_within >= FEWEST_WITHIN[_design(event)]
    if not is_enough or not np.isfinite(effect.standard_error[0]):
        return _refused(kind, "few_periods_around")
    concerned = [event, *(other for other in others if other["drug"] in (event["drug"], *beside.drugs))]
    shifted = _points(panel, beside, _quiet_starts(window, event, concerned, calendar), window)
    is_enough = np.all(
        [there >= SHARE_OF_POINTS * own for there, own in zip(window.counts(shifted), counts, strict=True)], axis=0
    )
    placebos = segmented(shifted[is_enough], window.is_within).effect
    placebos = placebos[np.isfinite(placebos)]
    low, high = effect.interval
    n_as_large = int((np.abs(placebos) >= abs(effect.effect[0])).sum())
    remarks = {
        "no_controls": control == "none",
        "too_few_placebos": len(placebos) < FEWEST_PLACEBOS,
        "other_event_within": any(
            other["drug"] == event["drug"] and set(other["sites"]) & set(panel.sites) for other in within_window
        ),
    }
    return {
        "state": "estimated", "reason": " ".join(name for name, holds in remarks.items() if holds) or None,
        "period_kind": kind, "n_periods_outside": n_outside, "n_periods_within": n_within,
        "n_sites": len(panel.sites), "panel": ";".join(panel.sites), "n_control_sites": beside.n_sites,
        "control_drugs": ";".join(beside.drugs),
        "effect_percent": _percent(effect.effect), "ci_low_percent": _percent(low), "ci_high_percent": _percent(high),
        "p_value": float(effect.p_value[0]),
        "smallest_detectable_fall_percent": 100 * float(detectable_effect(effect.standard_error, effect.df)[0]),
        "neighbour_correlation": float(effect.correlation[0]),
        "n_placebos": len(placebos), "n_placebos_as_large": n_as_large,
        "placebo_effects_percent": np.sort(100 * np.expm1(placebos)).tolist(),
        "placebo_p_value": (1 + n_as_large) / (1 + len(placebos)) if len(placebos) else None,
    }  # fmt: skip


def _percent(log_ratio: Floats) -> float:
    return 100 * float(np.expm1(log_ratio[0]))


def _refused(kind: str | None, reason: str) -> Row:
    return {
        **dict.fromkeys(_NUMBERS), "state": "not estimable", "reason": reason, "period_kind": kind,
        "n_periods_outside": 0, "n_periods_within": 0, "n_sites": 0, "panel": "", "n_control_sites": 0,
        "control_drugs": "", "n_placebos": 0, "n_placebos_as_large": 0, "placebo_effects_percent": [],
    }  # fmt: skip


def _other_areas(
    levels: _Levels, is_touched: Bools, event: Row, within_window: Iterable[Row], window: _Window
) -> _Control:
    """The sites the event leaves alone, less those at which something else happened; what is everywhere is shared."""
    elsewhere = {
        site
        for other in within_window
        if other["drug"] == event["drug"] and not other["is_everywhere"]
        for site in other["sites"]
    }
    chosen = ~is_touched & ~np.isin(levels.sites, sorted(elsewhere)) & (levels.weight > 0) & _is_present(levels, window)
    return _Control([levels.of(chosen)], int(chosen.sum()), []) if chosen.any() else _Control([], 0, [])


def _other_drugs(
    sites: npt.NDArray[np.str_], left_alone: Mapping[str, _Levels], event: Row, within_window: Iterable[Row],
    window: _Window,
) -> _Control:  # fmt: skip
    """The drugs the event leaves alone, less those that another event moved there; one about both is shared."""
    shared = {other["event_id"] for other in within_window if other["drug"] == event["drug"]}
    moved = {
        other["drug"]
        for other in within_window
        if other["event_id"] not in shared and set(other["sites"]) & set(sites.tolist())
    }
    parts, found, counted = [], [], set()
    for drug, of in left_alone.items():
        chosen = np.isin(of.sites, sites) & (of.weight > 0) & _is_present(of, window)
        if drug not in moved and chosen.any():
            parts.append(of.of(chosen))
            found.append(drug)
            counted |= set(of.sites[chosen])
    return _Control(parts, len(counted), found)


def _points(panel: _Levels, beside: _Control, starts: Ints, window: _Window) -> Floats:
    """The course of the panel beside its control, over the window as it is and shifted. (n_starts, m)

    Of each window by itself: what a site did years before is no part of its level.
    """
    at = starts[:, np.newaxis] + np.arange(window.end - window.first)

    def course(of: _Levels) -> Floats:
        return common_course(np.moveaxis(of.log_level[:, at], 0, 1), of.weight)

    found = course(panel)
    if beside.parts:
        parts = np.stack([course(part) for part in beside.parts], axis=1)
        found = found - common_course(parts, np.ones(len(beside.parts)))
    points: Floats = found[:, window.at]
    return points


def _span(event: Row) -> tuple[int, int]:
    """First and last day of an event as ordinals; what lasts ends never."""
    ends_on = event["ends_on"]
    return event["starts_on"].toordinal(), ends_on.toordinal() if ends_on else _FOR_EVER


def _window(event: Row, calendar: _Calendar, most: int) -> _Window:
    """The periods around an event.

    One that the event covers by half or more is within; one it covers by less is neither within nor outside. After an
    event that is no passing one nothing counts: what it did may last.
    """
    start, end = _span(event)
    begin = int(np.searchsorted(calendar.last, start))
    passes = _design(event) == "pulse"
    over = int(np.searchsorted(calendar.first, end, side="right")) if passes else begin
    first, after = max(begin - most, 0), min(over + most, len(calendar.first))
    first_day, last_day = calendar.first[first:after], calendar.last[first:after]
    covered = np.maximum(np.minimum(last_day, end) - np.maximum(first_day, start) + 1, 0)
    is_within = 2 * covered >= last_day - first_day + 1
    is_counted = is_within | ((covered == 0) & ((last_day < start) | passes))
    return _Window(first, begin, after, np.flatnonzero(is_counted), is_within[is_counted])


def _is_present(levels: _Levels, window: _Window) -> Bools:
    """Sites measured in enough of the periods in which any is, before the beginning and later. (n_sites,)

    Below its limit a site was measured: left out, those would be missing that fell most.
    """
    is_there = np.isfinite(levels.log_level) | levels.is_below
    enough = np.ones(len(is_there), dtype=bool)
    for part in (slice(window.first, window.begin), slice(window.begin, window.end)):
        asked = SHARE_PRESENT * is_there[:, part].any(axis=0).sum()
        enough &= is_there[:, part].sum(axis=1) >= max(asked, 1)
    return enough


def _is_mostly_below(levels: _Levels, window: _Window) -> bool:
    """Whether too much lies below limits, or is zero, within the event or outside."""
    at = window.first + window.at
    for chosen in (at[window.is_within], at[~window.is_within]):
        n_below, n_known = levels.is_below[:, chosen].sum(), np.isfinite(levels.log_level[:, chosen]).sum()
        if n_below > MOST_BELOW * (n_below + n_known):
            return True
    return False


def _disturbs(event: Row, calendar: _Calendar, first: Ints, end: Ints) -> Bools:
    """Whether an event makes periods unlike each other: what lasts by beginning or ending, what passes by being.

    A holiday everywhere is no such thing: it is shared, and there is one in most half years.
    Parameters: the first of each run of periods, and the first after it. (n,)
    """
    from_day, to_day = calendar.first[first], calendar.last[end - 1]
    start, last = _span(event)
    if _design(event) == "pulse":
        return np.zeros(len(first), dtype=bool) if event["is_everywhere"] else (start <= to_day) & (last >= from_day)
    return ((from_day <= start) & (start <= to_day)) | ((from_day <= last) & (last <= to_day))


def _quiet_starts(window: _Window, event: Row, concerned: list[Row], calendar: _Calendar) -> Ints:
    """Where else the window may begin so that nothing is known to have happened in it: `MOST_PLACEBOS`, evenly spread.

    A passing event lies in none of the periods that are taken for one: it would be its own placebo.
    """
    width = window.end - window.first
    starts = np.arange(len(calendar.first) - width + 1)
    is_quiet = starts != window.first
    for other in concerned:
        is_quiet &= ~_disturbs(other, calendar, starts, starts + width)
    if _design(event) == "pulse":
        start, end = _span(event)
        within = starts[:, np.newaxis] + window.at[window.is_within]
        is_quiet &= ~((calendar.first[within] <= end) & (calendar.last[within] >= start)).any(axis=1)
    quiet: Ints = starts[is_quiet]
    chosen = np.linspace(0, max(len(quiet) - 1, 0), min(len(quiet), MOST_PLACEBOS)).round().astype(np.int64)
    spread: Ints = quiet[chosen]
    return spread


def _judged(rows: pl.DataFrame) -> pl.DataFrame:
    """Verdicts: judged together, and no larger where nothing happened. Without a control there is none."""
    is_told = pl.col("state") == "estimated"
    rows = rows.with_columns(
        p_adjusted=pl.col("p_value")
        .cast(pl.Float64)
        .map_batches(adjusted_p_values, return_dtype=pl.Float64)
        .over(*TOGETHER)
    )
    is_elsewhere = (pl.col("n_placebos") >= FEWEST_PLACEBOS) & (pl.col("placebo_p_value") > LEVEL_OF_VERDICT)
    is_called = pl.col("p_adjusted") <= LEVEL_OF_VERDICT
    best = pl.col("event_control").replace_strict(
        {name: place for place, name in enumerate(CONTROLS)}, return_dtype=pl.Int64
    )
    is_best = best == best.filter(is_told).min().over("event_id", "drug", "protocol")
    # Where nothing answers, the first of the controls there are.
    is_first = best == best.min().over("event_id", "drug", "protocol")
    return rows.with_columns(
        reason=pl.when(is_told & is_called & is_elsewhere)
        .then(pl.concat_str("reason", pl.lit("as_large_elsewhere"), separator=" ", ignore_nulls=True))
        .otherwise("reason"),
        verdict=pl.when(~is_told)
        .then(pl.lit("not estimable"))
        .when(pl.col("event_control") == "none")
        .then(None)
        .when(~is_called | is_elsewhere)
        .then(pl.lit("no change detected"))
        .when(pl.col("effect_percent") < 0)
        .then(pl.lit("fall"))
        .otherwise(pl.lit("rise")),
        is_preferred=pl.coalesce(is_best, is_first),
    ).sort("event_id", "drug", "protocol", "event_control")
