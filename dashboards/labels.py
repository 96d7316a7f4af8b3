"""The words of the pages: reasons as sentences, numbers as people say them. No figures are computed here."""

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

from babel.dates import format_date, format_skeleton
from markupsafe import Markup, escape

from dashboards.languages import N_, number, words
from pipeline import spans
from schemas.flags import FLAGS

LANGUAGE = "en"
UNIT = "mg/day/1000"
SIMULATED = N_("SIMULATED DATA")
NOT_ESTIMABLE = N_("not estimable")
MARKER = N_("population marker")
"""What a figure rests on that counts inhabitants by a marker nobody has verified."""
WEEKDAYS = (
    N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"),
)  # fmt: skip
"""The names of the weekdays 1 to 7."""
VERDICTS = {
    "fall": N_("fall"),
    "rise": N_("rise"),
    "no change detected": N_("no change detected"),
    "not estimable": N_("not estimable"),
    None: N_("no verdict by this protocol"),
}


_RESTING_ON = {
    "provisional": N_("provisional factor"),
    "experimental": N_("experimental factor"),
    MARKER: N_("provisional population marker"),
}


class Reason(NamedTuple):
    """A rule that explains an estimate, or why there is none: its identifier, two words for a cell, a sentence."""

    rule: str
    short: str
    sentence: str


_REASONS = (
    # --- of a result -----------------------------------------------------------------------------
    Reason("not_measured", "not measured", "The laboratory did not measure it."),
    Reason("above_upper_limit", "above range", "The value lies above the range the method can quantify."),
    Reason("no_flow", "no flow", "The flow of the sampled day was not delivered, so there is no load."),
    Reason("below_limit", "below its limit", "The value lies below its limit."),
    Reason(
        "no_population",
        "no population",
        "The population of a site is not known, or not by its primary method.",
    ),
    Reason(
        "no_chosen_population",
        "no inhabitants by its method",
        "Nobody is counted by the method the protocol divides by.",
    ),
    Reason(
        "no_domestic_share",
        "no domestic share",
        "No site list states the share of domestic sewage, which the protocol asks for.",
    ),
    Reason("limit_unknown", "limit unknown", "A value lies below a limit that was not delivered."),
    # --- of a period -----------------------------------------------------------------------------
    Reason(
        "amphetamine_from_methamphetamine",
        "from another drug",
        "On a day there is no more amphetamine than use of methamphetamine leaves behind: a mean of others would be"
        " too high.",
    ),
    Reason(
        "methamphetamine_above_range",
        "other source above range",
        "Methamphetamine lies above the range of its method, so what it leaves behind cannot be subtracted.",
    ),
    Reason(
        "methamphetamine_unknown",
        "other source unknown",
        "Methamphetamine was not measured beside it, so what that leaves behind cannot be subtracted.",
    ),
    Reason("mostly_below_limit", "below limits", "More days lie below their limits than the protocol allows."),
    Reason("too_few_detects", "few detects", "Fewer days were measured above the limits than the protocol asks for."),
    Reason("weekdays_incomplete", "weekdays", "Not all seven weekdays were sampled."),
    Reason("no_site_estimable", "no site", "No site has an estimate in this period."),
    # --- of a trend ------------------------------------------------------------------------------
    Reason(
        "too_few_periods",
        "few periods",
        "There are fewer than five periods, of an area with the same sites, to tell a trend from.",
    ),
    Reason(
        "panel_too_small",
        "few sites throughout",
        "The sites that are there throughout have less than half of the area's inhabitants.",
    ),
    Reason("no_trend_of_equals", "all equal", "All periods are equal, so that nothing goes up or down."),
    # --- of an event -----------------------------------------------------------------------------
    Reason("area_without_sites", "no sites there", "No site with figures lies in the areas of the event."),
    Reason(
        "few_periods_around",
        "few periods",
        "There are too few periods with figures before the event or within it.",
    ),
    Reason(
        "few_inhabitants_there",
        "few inhabitants",
        "The sites with figures throughout hold less than half of the inhabitants.",
    ),
    Reason(
        "too_much_below_limits",
        "below limits",
        "More than one in ten of the figures lie below limits or are zero: left out they would hide a fall.",
    ),
    Reason("no_untouched_area", "no control", "No site that nothing happened at has figures throughout."),
    Reason("no_untouched_drug", "no control", "No drug that the event leaves alone has figures throughout."),
    Reason(
        "no_controls",
        "no control",
        "Nothing tells how it would have gone on: a season, or whatever else changed then, may be the effect.",
    ),
    Reason(
        "too_few_placebos",
        "few other dates",
        "There are fewer than 19 other dates at which nothing happened to hold the effect against.",
    ),
    Reason(
        "other_event_within",
        "other events",
        "Something else happened there in the periods that are compared.",
    ),
    Reason(
        "as_large_elsewhere",
        "as large elsewhere",
        "As large an effect is found at more than one in twenty of the dates at which nothing happened.",
    ),
    # --- of a total in doses ---------------------------------------------------------------------
    Reason("no_dose", "no dose", "No dose of the drug is agreed on."),
    Reason("no_factor", "no factor", "No factor leads from the residue to the drug."),
    Reason(
        "marker_of_population",
        "marker of population",
        "Its residue is a marker of population: so many use it that a total would tell of nothing else.",
    ),
    Reason(
        "sites_differ",
        "other sites by drug",
        "The drugs in the total were not measured at the same sites: it is that of no single group of people.",
    ),
    Reason("no_drug_in_doses", "no drug in doses", "No drug has both an estimate and a dose."),
    # --- of a change -----------------------------------------------------------------------------
    Reason(
        "no_figure_by_this_way",
        "no figure this way",
        "Computed this way there is no figure of either period.",
    ),
    Reason(
        "sites_lost_to_limits",
        "sites lost",
        "Sites are left out that one of the periods measured mostly below limits, or above the range: they may be"
        " those that changed most. Where they could move it by more than 5 % there is no change.",
    ),
    Reason("no_baseline", "no baseline", "There are no data in the baseline period."),
    Reason("no_current", "no current", "There are no data in the current period."),
    Reason("no_common_weekday", "no weekday", "The two periods have no weekday in common."),
    Reason("baseline_zero", "baseline 0", "The baseline is zero, and nothing can be set in relation to zero."),
    # --- of a target -----------------------------------------------------------------------------
    Reason("unknown_drug", "unknown drug", "There is no figure of a drug of this name by this protocol."),
    Reason("unknown_place", "unknown place", "There is no site and no area of this number."),
    Reason("not_after_baseline", "not after baseline", "The current period does not lie after the baseline."),
    Reason("no_figure", "no figure", "The drug has no figure at this place in these periods."),
)
REASONS: dict[str, Reason] = {reason.rule: reason for reason in _REASONS}
"""What the rule identifiers in the column `reason` mean."""

EVIDENCE: dict[str, str] = {
    "V": N_("read in the source"),
    "C": N_("computed from published data"),
    "D": N_("derived"),
    "M": N_("not yet verified"),
}
"""What the letters in the column `evidence` mean."""

ABOUT_FACTOR_STATUS = N_(
    "The column factor_status says on what a figure rests: an approved, a provisional or an experimental factor; of a"
    " residue load it is empty. Where is_provisional is true beside an approved factor, or none, it is the marker by"
    " which inhabitants are counted."
)
"""What readers of data files are told of the column."""

BELOW_LIMIT: dict[str, str] = {
    "zero": N_("zero"),
    "half_limit": N_("half the day's limit"),
    "likelihood": N_("what is expected below the day's limit, by the site's other days"),
    "kaplan_meier": N_("nothing by itself: the period's mean is Kaplan and Meier's"),
    "regression_on_order_statistics": N_("what a line through the ordered measured days gives"),
    "by_share_censored": N_(
        "nothing by itself: the period's mean is Kaplan and Meier's up to half of the days below limits, above it that"
        " of a lognormal distribution"
    ),
}
INTERVAL: dict[str, str] = {
    "none": N_("none"),
    "t_of_days": N_("mean ± t(0.975, n-1) · SE of the days"),
    "pooled_spread": N_("from the spread of days, learnt from all sites, and from what days share"),
}
WEEKDAY_RULE: dict[str, str] = {
    "weekday_means": N_("mean of the weekdays' means where all seven occur, else of the days"),
    "plain": N_("mean of the days"),
}
AREA_WEIGHTS: dict[str, str] = {"population": N_("sites weigh by their population"), "none": N_("sites weigh alike")}

POPULATION_METHODS: dict[str, str] = {
    "census": N_("census"),
    "design": N_("design of the plant"),
    "served": N_("connected inhabitants"),
    "NH4-N": N_("ammonium"),
    "COD": "COD",
    "BOD": "BOD",
    "cotinine": N_("cotinine"),
    "mobile": N_("mobile telephones"),
}
"""How people are counted."""

FORMULA: tuple[tuple[str, str], ...] = (
    ("load_mg_per_day", "concentration_ng_per_l * flow_m3_per_day / 1000"),
    ("load_mg_per_day_per_1000", "load_mg_per_day / (population / 1000)"),
    ("correction_factor", "(molar_mass_parent_g_per_mol / molar_mass_residue_g_per_mol) / excreted_fraction"),
    ("consumption_mg_per_day_per_1000", "load_mg_per_day_per_1000 * factor / (1 - in_sewer_loss)"),
    ("change_percent", "100 * (current_value / baseline - 1)"),
)
"""The formula for readers. A test holds each line against the SQL that computes it."""


def said(of: Mapping[Any, str], key: object, language: str = "en") -> str:
    """What a table of words calls something, in a language; what stands in no table stands for itself.

    >>> said(EVIDENCE, "M"), said(EVIDENCE, "X")
    ('not yet verified', 'X')
    """
    return words(language)(of.get(key, str(key)))


def reasons(rules: str | None) -> list[Reason]:
    """The reasons behind rule identifiers separated by blanks. A rule without a sentence stands for itself.

    >>> [reason.short for reason in reasons("no_flow brand_new")]
    ['no flow', 'brand_new']
    """
    return [REASONS.get(rule, Reason(rule, rule, rule)) for rule in (rules or "").split()]


def shortly(rules: str | None, language: str = "en") -> str:
    """The reasons in a word or two each.

    >>> shortly("no_flow no_population"), shortly(None)
    ('no flow, no population', '')
    """
    _ = words(language)
    return _(", ").join(_(reason.short) for reason in reasons(rules))


def because(rules: str | None, n_sites: int = 1, language: str = "en") -> str:
    """The reasons as sentences, one after the other; several of them over several sites hold at some of these each.

    >>> because("no_baseline no_current", n_sites=4)
    'At some of its sites each: There are no data in the baseline period. There are no data in the current period.'
    """
    _ = words(language)
    found = reasons(rules)
    said = ("" if language == "zh" else " ").join(_(reason.sentence) for reason in found)
    return _("At some of its sites each: {reasons}").format(reasons=said) if len(found) > 1 and n_sites > 1 else said


def flags(of: Iterable[str | None], language: str = "en") -> dict[str, str]:
    """The flags of some figures, each once, with what it means.

    >>> flags(["corrected", None, "corrected approximate"])["approximate"]
    'the laboratory calls the value approximate'
    """
    names = sorted({name for text in of for name in (text or "").split()})
    _ = words(language)
    return {name: _(FLAGS.get(name, name)) for name in names}


def factor_mark(*, is_provisional: bool, factor_status: str | None) -> str | None:
    """What a figure says of what it rests on and nobody has approved; None where there is nothing to say.

    The status of the factor; where that is approved, or as of a residue load there is none, it is the marker by which
    inhabitants are counted.

    >>> [factor_mark(is_provisional=yes, factor_status=status)
    ...  for yes, status in ((True, "experimental"), (True, "approved"), (True, None), (False, "approved"))]
    ['experimental', 'population marker', 'population marker', None]
    """
    if not is_provisional:
        return None
    return factor_status if factor_status in ("provisional", "experimental") else MARKER


def resting_on(mark: str, language: str = "en") -> str:
    """What a mark of `factor_mark` means: what the figure rests on.

    >>> resting_on("experimental"), resting_on(MARKER)
    ('experimental factor', 'provisional population marker')
    """
    return words(language)(_RESTING_ON[mark])


def sign_of(mark: str) -> str:
    """One letter for a mark, for heads of narrow columns.

    >>> sign_of("experimental"), sign_of("provisional"), sign_of(MARKER)
    ('E', 'P', 'M')
    """
    return "M" if mark == MARKER else mark[0].upper()


def yes_no(value: bool, language: str = "en") -> str:
    """A truth in a word.

    >>> yes_no(True), yes_no(False)
    ('yes', 'no')
    """
    _ = words(language)
    return _("yes") if value else _("no")


def share(value: float) -> str:
    """A part of the whole.

    >>> share(0.1284)
    '12.8 %'
    """
    return f"{100 * value:.1f} %"


def percent(change: float | None, language: str = "en") -> str:
    """A change with its sign, and as many digits as say something; a dash where there is none.

    >>> percent(-43.21), percent(4.04), percent(0.0), percent(-99.97), percent(1234.5), percent(None)
    ('−43 %', '+4.0 %', '0 %', '−99.9 %', '+1,234 %', '–')
    >>> percent(-43.21, "zh")
    '−43%'
    """
    if change is None:
        return "–"
    size = _size(change)
    if float(size.replace(",", "")) == 0:
        return number("0 %", language)
    return number(f"{'−' if change < 0 else '+'}{size} %", language)


def interval(low: float | None, high: float | None, language: str = "en") -> str:
    """The two ends of an interval of a change; a dash where there is none.

    >>> interval(-49.1, -36.3), interval(None, None)
    ('−49 % to −36 %', '–')
    """
    if low is None or high is None:
        return "–"
    return words(language)("{low} to {high}").format(low=percent(low, language), high=percent(high, language))


_ANY_FALL, _ANY_RISE = -90.0, 900.0


def by_limits(row: Mapping[str, Any], language: str = "en") -> str | None:
    """Between which ends limits alone leave a change that is not told; None where they say next to nothing.

    They do where it may be a fall by more than nine tenths and a rise to more than tenfold.

    >>> row = {"by_limits_low_percent": -60.0, "by_limits_high_percent": -20.0}
    >>> by_limits(row)
    '−60 % and −20 %'
    >>> by_limits(row | {"by_limits_low_percent": -99.9, "by_limits_high_percent": 18329.0}) is None
    True
    """
    low, high = (row.get(f"by_limits_{end}_percent") for end in ("low", "high"))
    if low is None or high is None or (low < _ANY_FALL and high > _ANY_RISE):
        return None
    _ = words(language)
    return _("{low} and {high}").format(low=percent(low, language), high=percent(high, language))


def change_in_words(change: float | None, language: str = "en") -> str:
    """A change as one would say it.

    >>> change_in_words(-43.21), change_in_words(250.0), change_in_words(0.01), change_in_words(None)
    ('down 43 %', 'up 250 %', 'unchanged', 'not estimable')
    >>> change_in_words(-43.21, "zh")
    '下降43%'
    """
    _ = words(language)
    if change is None:
        return _(NOT_ESTIMABLE)
    size = _size(change)
    if float(size.replace(",", "")) == 0:
        return _("unchanged")
    return (_("down {size}") if change < 0 else _("up {size}")).format(size=number(f"{size} %", language))


def magnitude(change: float, language: str = "en") -> str:
    """A percentage without its sign.

    >>> magnitude(12.04)
    '12 %'
    """
    return number(f"{_size(abs(change))} %", language)


def _size(change: float) -> str:
    size = abs(change)
    if change < 0 and 99 < size < 100:
        return f"{min(size, 99.9):.1f}"  # not all of it: "down 100 %" would be wrong
    return f"{size:.1f}" if size < 9.95 else f"{size:,.0f}"


def unbroken(text: str) -> str:
    """A text in which no line ends between a number and its sign of percent.

    >>> unbroken("−43 %")
    '−43\\xa0%'
    """
    return text.replace(" %", "\u00a0%")


def points(difference: float) -> str:
    """Points between two percentages, to a tenth.

    >>> points(9.97), points(-0.004)
    ('10.0', '0.0')
    """
    return f"{abs(difference):,.1f}"


def signed_points(difference: float) -> str:
    """The same with its sign, where there is any difference.

    >>> signed_points(9.97), signed_points(-0.004), signed_points(-3.0)
    ('+10.0', '0.0', '−3.0')
    """
    size = points(difference)
    return size if size == "0.0" else f"{'−' if difference < 0 else '+'}{size}"


def amount(value: float | None) -> str:
    """An amount with three significant digits, without exponents; a dash where there is none.

    >>> amount(412.34), amount(41.234), amount(0.041234), amount(12345.6), amount(0.0), amount(None)
    ('412', '41.2', '0.0412', '12,346', '0', '–')
    """
    if value is None:
        return "–"
    if value == 0:
        return "0"
    digits = next((n for n in range(12) if abs(value) * 10**n >= 99.95), 12)
    return f"{value:,.{digits}f}"


def signed(value: float | None) -> str:
    """An amount that may lie below zero, with its sign.

    >>> signed(-17.23), signed(0.5), signed(0.0), signed(None)
    ('−17.2', '+0.500', '0', '–')
    """
    if value is None or value == 0:
        return amount(value)
    return f"{'−' if value < 0 else '+'}{amount(abs(value))}"


def reference(value: float | None) -> str:
    """A reference value as its source states it, with at most six digits; a dash where there is none.

    >>> reference(0.39), reference(303.353), reference(None)
    ('0.39', '303.353', '–')
    """
    return "–" if value is None else f"{value:.6g}"


def coordinate(degrees: float) -> str:
    """Degrees to about a metre.

    >>> coordinate(-123.4567891), coordinate(0.00002), coordinate(60.0)
    ('-123.45679', '0.00002', '60.0')
    """
    return str(round(degrees, 5)) if abs(degrees) >= 0.001 else f"{degrees:.5f}"


def count(value: int | None) -> str:
    """A number of things.

    >>> count(12345), count(None)
    ('12,345', '–')
    """
    return "–" if value is None else f"{value:,}"


def size_of_file(n_bytes: int) -> str:
    """How large a file is, in thousands or millions of bytes.

    >>> size_of_file(312), size_of_file(344_900), size_of_file(1_250_000)
    ('1 kB', '345 kB', '1.2 MB')
    """
    return f"{max(1, round(n_bytes / 1e3)):,} kB" if n_bytes < 999_500 else f"{n_bytes / 1e6:,.1f} MB"


def what_simulated_means(*, is_mixed: bool, language: str = "en") -> str:
    """What stands beside the mark of simulated data."""
    _ = words(language)
    if is_mixed:
        return _("Simulated and real rows are mixed in these figures: they say nothing about any real place.")
    return _("Made up to show and test the method: these figures say nothing about any real place.")


def things(value: int, one: str, many: str, language: str = "en") -> str:
    """A number of things with their name. Of the names the second is translated, with the word it is counted by.

    >>> things(1, "site", "sites"), things(1200, "site", "sites"), things(1200, "site", "sites", "zh")
    ('1 site', '1,200 sites', '1,200个监测点')
    """
    name = one if language == "en" and value == 1 else words(language)(many)
    return f"{count(value)}{name}" if language == "zh" else f"{count(value)} {name}"


def day(value: date | None, language: str = "en") -> str:
    """A day as ISO 8601 writes it, which English readers take one way only; in other languages as they write it.

    >>> day(date(2025, 3, 1)), day(date(2025, 3, 1), "zh"), day(None)
    ('2025-03-01', '2025年3月1日', '–')
    """
    if value is None:
        return "–"
    return value.isoformat() if language == "en" else format_date(value, "long", locale=language)


@cache
def period(name: str, language: str = "en") -> str:
    """A period as a language names it.

    >>> [period(name) for name in ("2023", "2023-Q1", "2023-03", "2023-03-06..2023-03-12")]
    ['2023', '2023-Q1', '2023-03', '2023-03-06 to 2023-03-12']
    >>> [period(name, "zh") for name in ("2023", "2023-Q1", "2023-03", "2023-03-06..2023-03-12")]
    ['2023年', '2023年第1季度', '2023年3月', '2023年3月6日至2023年3月12日']
    """
    kind, (first, after) = spans.kind(name), spans.span(name)
    if kind == "days":
        ends = {"low": day(first, language), "high": day(after - timedelta(days=1), language)}
        return words(language)("{low} to {high}").format(**ends)
    if language == "en":
        return name
    return format_skeleton({"year": "y", "quarter": "yQQQQ", "month": "yMMMM"}[kind], first, locale=language)


def capital(name: str) -> str:
    """A name with which a line begins.

    >>> capital("methamphetamine"), capital("MDMA")
    ('Methamphetamine', 'MDMA')
    """
    return name[:1].upper() + name[1:]


def printable(text: object) -> str:
    """A delivered text without the marks that cannot be seen but change what is: controls and directions.

    >>> printable("a\\u202eb\\x00")
    'a�b�'
    """
    spaced = str(text).translate({ord(sign): " " for sign in "\t\n\r"})
    return "".join("�" if unicodedata.category(sign) in {"Cc", "Cf", "Cs"} else sign for sign in spaced)


def delivered(text: object) -> Markup:
    """A delivered text for a page: escaped, without invisible marks, its direction kept to itself; a dash for none."""
    if text is None or text == "":
        return Markup("–")
    return Markup("<bdi>{}</bdi>").format(printable(text))


def left_to_right(sentence: str) -> Markup:
    """A sentence of ours with delivered names in it: escaped, and from left to right whatever name it begins with."""
    return Markup('<bdi dir="ltr">{}</bdi>').format(printable(sentence))


def in_figure(text: object) -> str:
    """A delivered text for a figure, which reads a few tags and entities: all of them escaped.

    >>> in_figure("<b>R&D</b>")
    '&lt;b&gt;R&amp;D&lt;/b&gt;'
    """
    return str(escape(printable(text)))
