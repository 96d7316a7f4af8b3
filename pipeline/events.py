"""What events did: use where something happened beside where nothing did, before and within, and at other dates.

Segmented regression on the difference between what an event touched and a control: areas it leaves alone, drugs it
leaves alone, or nothing. The regression itself stands in `pipeline/statistics/segmented.py`.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.periods import site_weeks, typed
from pipeline.statistics.segmented import common_course, detectable_effect, segmented
from pipeline.statistics.verdicts import LEVEL_OF_VERDICT, adjusted_p_values
from pipeline.warehouse import Warehouse, sql
from schemas.events import CONTROLS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Row = dict[str, Any]

STATEMENTS = ("events_of_drugs", "site_periods", "day_spreads")
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
SHARE_OF_INHABITANTS = 0.5
"""Sites with less than that of the inhabitants do not speak for the areas of an event."""
SHARE_OF_POINTS = 0.6
"""A date is asked as if something had happened on it where there are so many of the event's own points around it."""
FEWEST_PLACEBOS = 19
"""With fewer dates none can be one of twenty."""
MOST_PLACEBOS = 199
"""Of more dates so many are asked, evenly spread."""
TOGETHER = ("protocol", "event_control")
"""Effects that are judged together."""
_FOR_EVER = 10**7
_NUMBERS = (
    "effect_percent", "ci_low_percent", "ci_high_percent", "p_value", "smallest_detectable_fall_percent",
    "neighbour_correlation", "placebo_p_value",
)  # fmt: skip


class _Calendar(NamedTuple):
    """The periods of a kind, in order and without gaps: their first and last days, as ordinals. (k,)"""

    first: Ints
    last: Ints


class _Levels(NamedTuple):
    """The levels of a drug by a protocol over the periods of one kind.

    Attributes:
        sites: of the rows. (n_sites,)
        log_level: NaN where there is none. (n_sites, k)
        weight: inhabitants, or 1 where sites weigh alike. (n_sites,)
        inhabitants: (n_sites,)
    """

    sites: npt.NDArray[np.str_]
    log_level: Floats
    weight: Floats
    inhabitants: Floats


class _Figures(NamedTuple):
    """All levels there are.

    Attributes:
        calendars: of each kind of periods, the finest first.
        levels: by kind, protocol and drug.
        is_provisional, is_simulated: by protocol and drug.
    """

    calendars: dict[str, _Calendar]
    levels: dict[tuple[str, str, str], _Levels]
    is_provisional: dict[tuple[str, str], bool]
    is_simulated: dict[tuple[str, str], bool]

    def drugs(self, protocol: str) -> list[str]:
        return sorted(drug for of, drug in self.is_simulated if of == protocol)


class _Window(NamedTuple):
    """The periods around an event.

    Attributes:
        begin: the first period that the event reaches into; of the whole calendar, as the others.
        first, end: the first that may count, and the first after those that may.
        at: those that count. (m,)
        is_within: which of these lie within the event. (m,)
    """

    begin: int
    first: int
    end: int
    at: Ints
    is_within: Bools

    def of(self, course: Floats) -> Floats:
        """The points of a course that count."""
        return course[self.at]

    def counts(self, points: Floats) -> tuple[int, int]:
        """How many points there are outside the event, and within."""
        known = np.isfinite(points)
        return int((known & ~self.is_within).sum()), int((known & self.is_within).sum())


def event_effects(warehouse: Warehouse) -> pl.DataFrame:
    """The rows of the table `event_effects`; nothing is stored."""
    drugs = warehouse.query("select distinct drug from site_periods order by drug")
    with warehouse.known_as("drugs", drugs):
        events = warehouse.query(sql("events_of_drugs"))
    if events.is_empty():
        return warehouse.read("event_effects").clear()
    weeks = [site_weeks(warehouse, year).select(_OF_WEEKS) for year in warehouse.years("consumption")]
    with warehouse.known_as("site_weeks", pl.concat(weeks)):
        figures = _figures(warehouse.query(sql("event_effects")))
    rows = list(_rows(events, figures))
    return typed("event_effects", _judged(pl.DataFrame(rows, infer_schema_length=None)))


def _figures(rows: pl.DataFrame) -> _Figures:
    calendars: dict[str, _Calendar] = {}
    levels: dict[tuple[str, str, str], _Levels] = {}
    for kind in MOST_PERIODS:
        of_kind = rows.filter(pl.col("period_kind") == kind)
        if of_kind.is_empty():
            continue
        start = int(of_kind["number"].min())  # type: ignore[arg-type]
        calendars[kind] = _calendar(kind, of_kind)
        for (protocol, drug), part in of_kind.partition_by("protocol", "drug", as_dict=True).items():
            levels[kind, str(protocol), str(drug)] = _levels(part, start, len(calendars[kind].first))
    about = (
        rows.group_by("protocol", "drug").agg(pl.col("is_provisional", "is_simulated").any()).sort("protocol", "drug")
    )
    keys = list(about.select("protocol", "drug").iter_rows())
    return _Figures(
        calendars, levels,
        dict(zip(keys, about["is_provisional"], strict=True)), dict(zip(keys, about["is_simulated"], strict=True)),
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
    log_level = np.full((sites.height, n_periods), np.nan)
    row = rows["site_id"].rank("dense").to_numpy() - 1
    log_level[row, rows["number"].to_numpy() - start] = rows["log_mean"].to_numpy()
    inhabitants = sites["population"].fill_null(0).to_numpy()
    weight = np.where(sites["is_weighed"].to_numpy(), inhabitants, 1.0)
    return _Levels(sites["site_id"].to_numpy().astype(np.str_), log_level, weight, inhabitants)


def _rows(events: pl.DataFrame, figures: _Figures) -> Iterator[Row]:
    """A row an event, drug, protocol and control there may be."""
    every = list(events.iter_rows(named=True))
    protocols = sorted({protocol for protocol, _ in figures.is_simulated})
    for event in every:
        aimed_at = {other["drug"] for other in every if other["event_id"] == event["event_id"]}
        others = [other for other in every if other["event_id"] != event["event_id"] and other["drug"] == event["drug"]]
        for protocol in protocols:
            key = protocol, event["drug"]
            left_alone = [drug for drug in figures.drugs(protocol) if drug not in aimed_at]
            controls = {"areas": not event["is_everywhere"], "drugs": bool(left_alone), "none": True}
            for control in CONTROLS:
                if controls[control]:
                    yield {
                        **{name: event[name] for name in _OF_EVENT}, "protocol": protocol, "event_control": control,
                        "event_design": _design(event), "is_provisional": figures.is_provisional.get(key, False),
                        "is_simulated": figures.is_simulated.get(key, False) or event["is_simulated"],
                        **_answer(event, others, left_alone, protocol, control, figures),
                    }  # fmt: skip


_OF_WEEKS = (
    "site_id", "drug", "protocol", "sampling_year", "period_kind", "period", "state", "mean_mg_per_day_per_1000",
    "n_days", "population", "is_provisional", "is_simulated",
)  # fmt: skip
_OF_EVENT = ("event_id", "event_name", "event_kind", "starts_on", "ends_on", "areas", "drug")


def _design(event: Row) -> str:
    return "pulse" if event["event_kind"] in PASSING and event["ends_on"] is not None else "step"


def _answer(
    event: Row, others: list[Row], left_alone: list[str], protocol: str, control: str, figures: _Figures
) -> Row:
    """What was found by the finest kind of periods that answers; else why the coarsest does not."""
    said = _refused(None, "no_figures")
    for kind, calendar in figures.calendars.items():
        levels = figures.levels.get((kind, protocol, event["drug"]))
        if levels is None:
            continue
        window = _window(event, calendar, MOST_PERIODS[kind])
        of_others = {drug: figures.levels.get((kind, protocol, drug)) for drug in left_alone}
        said = _by_kind(
            kind, event, others, levels, of_others if control == "drugs" else None, control, calendar, window
        )
        if said["state"] == "estimated":
            break
    return said


def _by_kind(
    kind: str, event: Row, others: list[Row], levels: _Levels, left_alone: Mapping[str, _Levels | None] | None,
    control: str, calendar: _Calendar, window: _Window,
) -> Row:  # fmt: skip
    """What was found by periods of one kind."""
    is_touched = np.isin(levels.sites, event["sites"])
    if not is_touched.any():
        return _refused(kind, "area_without_sites")
    in_panel = is_touched & _is_present(levels.log_level, window)
    if not in_panel.any():
        return _refused(kind, "few_periods_around")
    if levels.inhabitants[in_panel].sum() < SHARE_OF_INHABITANTS * levels.inhabitants[is_touched].sum():
        return _refused(kind, "panel_too_small")
    course = common_course(levels.log_level[in_panel], levels.weight[in_panel])
    n_control_sites, control_drugs = 0, []
    if control == "areas":
        elsewhere = {
            site for other in others if _turns(other, calendar, window.first, window.end) for site in other["sites"]
        }
        in_control = ~is_touched & ~np.isin(levels.sites, sorted(elsewhere)) & _is_present(levels.log_level, window)
        if not in_control.any():
            return _refused(kind, "no_untouched_area")
        course = course - common_course(levels.log_level[in_control], levels.weight[in_control])
        n_control_sites = int(in_control.sum())
    elif left_alone is not None:
        courses = {
            drug: found
            for drug, of in left_alone.items()
            if of is not None and (found := _course_at(levels.sites[in_panel], of, window)) is not None
        }
        if not courses:
            return _refused(kind, "no_untouched_drug")
        course = course - common_course(np.stack(list(courses.values())), np.ones(len(courses)))
        n_control_sites, control_drugs = int(in_panel.sum()), list(courses)
    points = window.of(course)
    n_outside, n_within = window.counts(points)
    effect = segmented(points[np.newaxis], window.is_within)
    is_enough = n_outside >= FEWEST_OUTSIDE and n_within >= FEWEST_WITHIN[_design(event)]
    if not is_enough or not np.isfinite(effect.standard_error[0]):
        return _refused(kind, "few_periods_around")
    placebos = _placebos(course, window, [event, *others], calendar)
    low, high = effect.interval
    n_as_large = int((np.abs(placebos) >= abs(effect.effect[0])).sum())
    remarks = {
        "no_controls": control == "none",
        "too_few_placebos": len(placebos) < FEWEST_PLACEBOS,
        "other_event_within": any(
            _turns(other, calendar, window.first, window.end) and set(other["sites"]) & set(levels.sites[in_panel])
            for other in others
        ),
    }
    return {
        "state": "estimated", "reason": " ".join(name for name, holds in remarks.items() if holds) or None,
        "period_kind": kind, "n_periods_outside": n_outside, "n_periods_within": n_within,
        "n_sites": int(in_panel.sum()), "panel": ";".join(levels.sites[in_panel]), "n_control_sites": n_control_sites,
        "control_drugs": ";".join(control_drugs),
        "effect_percent": _percent(effect.effect), "ci_low_percent": _percent(low), "ci_high_percent": _percent(high),
        "p_value": float(effect.p_value[0]),
        "smallest_detectable_fall_percent": 100 * float(detectable_effect(effect.standard_error, effect.df)[0]),
        "neighbour_correlation": float(effect.correlation[0]),
        "n_placebos": len(placebos), "n_placebos_as_large": n_as_large,
        "placebo_p_value": (1 + n_as_large) / (1 + len(placebos)) if len(placebos) else None,
    }  # fmt: skip


def _percent(log_ratio: Floats) -> float:
    return 100 * float(np.expm1(log_ratio[0]))


def _refused(kind: str | None, reason: str) -> Row:
    return {
        **dict.fromkeys(_NUMBERS), "state": "not estimable", "reason": reason, "period_kind": kind,
        "n_periods_outside": 0, "n_periods_within": 0, "n_sites": 0, "panel": "", "n_control_sites": 0,
        "control_drugs": "", "n_placebos": 0, "n_placebos_as_large": 0,
    }  # fmt: skip


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
    at = np.arange(first, after)
    first_day, last_day = calendar.first[at], calendar.last[at]
    covered = np.maximum(np.minimum(last_day, end) - np.maximum(first_day, start) + 1, 0)
    is_within = 2 * covered >= last_day - first_day + 1
    is_counted = is_within | ((covered == 0) & ((last_day < start) | passes))
    return _Window(begin, first, after, at[is_counted], is_within[is_counted])


def _is_present(log_level: Floats, window: _Window) -> Bools:
    """Sites with figures in enough of the periods in which any has one, before the beginning and later. (n_sites,)"""
    is_there = np.isfinite(log_level)
    enough = np.ones(len(log_level), dtype=bool)
    for part in (slice(window.first, window.begin), slice(window.begin, window.end)):
        asked = SHARE_PRESENT * is_there[:, part].any(axis=0).sum()
        enough &= is_there[:, part].sum(axis=1) >= max(asked, 1)
    return enough


def _course_at(sites: npt.NDArray[np.str_], of: _Levels, window: _Window) -> Floats | None:
    """The common course of another drug at some sites; None where it is not there throughout."""
    chosen = np.isin(of.sites, sites) & _is_present(of.log_level, window)
    return common_course(of.log_level[chosen], of.weight[chosen]) if chosen.any() else None


def _turns(event: Row, calendar: _Calendar, first: int, end: int) -> bool:
    """Whether an event that is no passing one begins or ends in some periods."""
    if _design(event) == "pulse" or first >= end:
        return False
    from_day, to_day = calendar.first[first], calendar.last[end - 1]
    return any(from_day <= day <= to_day for day in _span(event))


def _placebos(course: Floats, window: _Window, events: list[Row], calendar: _Calendar) -> Floats:
    """The effects that are found at other dates, where nothing began or ended: the same periods, shifted. (n,)"""
    width = window.end - window.first
    starts = [
        start
        for start in range(len(course) - width + 1)
        if start != window.first and not any(_turns(event, calendar, start, start + width) for event in events)
    ]
    if not starts:
        return np.empty(0)
    chosen = np.unique(np.linspace(0, len(starts) - 1, min(len(starts), MOST_PLACEBOS)).round().astype(np.int64))
    points = course[np.array(starts)[chosen][:, np.newaxis] + (window.at - window.first)]
    known = np.isfinite(points)
    n_outside, n_within = window.counts(window.of(course))
    is_enough = (known[:, window.is_within].sum(axis=1) >= SHARE_OF_POINTS * n_within) & (
        known[:, ~window.is_within].sum(axis=1) >= SHARE_OF_POINTS * n_outside
    )
    found = segmented(points[is_enough], window.is_within).effect
    return found[np.isfinite(found)]


def _judged(rows: pl.DataFrame) -> pl.DataFrame:
    """Verdicts: judged together, and no larger where nothing happened."""
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
        .when(~is_called | is_elsewhere)
        .then(pl.lit("no change detected"))
        .when(pl.col("effect_percent") < 0)
        .then(pl.lit("fall"))
        .otherwise(pl.lit("rise")),
        is_preferred=pl.coalesce(is_best, is_first),
    ).sort("event_id", "drug", "protocol", "event_control")
