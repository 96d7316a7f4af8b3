"""A brief: what an edition says of one place, on one page of A4 paper, for those who decide.

What fits is chosen here by rule, and what is left out is said. How it looks is for its template and its style, and how
it becomes a PDF for `printing.py`.
"""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dashboards import labels, rendering
from dashboards.edition import Comparison, Edition, Place, Row
from dashboards.languages import N_, Words, words
from dashboards.pages import changes as told
from dashboards.pages.methods import STATUS
from dashboards.pages.overview import counted, spark_of
from dashboards.pages.series import MEANS
from dashboards.spark import HEIGHT, WIDTH
from dashboards.targets import target_in_short

MOST_DRUGS = 12
"""Rows of the table, also where there is room for more."""
WITHOUT_INTERVAL = N_("This protocol has no interval of a change: nothing here says whether one is larger than chance.")
_MOST_SENTENCES = 4
_MOST_TARGETS = 3
_MOST_SENDERS = 3
_MOST_NAMED = 12
"""Drugs that a line names."""
_WIDEST_NAME, _WIDEST_PLACE, _WIDEST_SENDER, _WIDEST_TITLE, _WIDEST_SOURCE = 34, 50, 75, 90, 150
"""What names of drugs, of places in sentences, of senders and of the page may take, and sources, as `_width` counts."""
_WIDTH_OF_LINE, _WIDTH_OF_HEADING, _WIDTH_OF_CELL = 112, 52, 17
"""Of the running text, of the heading, and of a drug's name in the table, likewise."""
_LINES = 42
"""Lines of running text that the page holds beside what always stands on it: the table's rows count as such."""
_LINES_OF_BANNER, _LINES_OF_HEADING, _LINES_OF_TARGETS, _LINES_OF_ROW, _LINES_OF_NAME = 2, 2, 3, 1.25, 0.9
"""What the banner takes, a second line of the heading, the heading of targets and how to read them, a row of the table,
and each line of it after the first."""
_MOST_LINES = {"sources": 6, "status": 4, "untold": 3, "untold, shortly": 5}
"""Lines that a part may take before it says less; of what could not be told where there is no room for more."""


def brief(
    edition: Edition, place: Place, language: str, *, drugs: Collection[str] | None = None, is_on_pages: bool = True
) -> str:
    """The brief as a page of one file. The same input gives the same text.

    Parameters
    ----------
    edition
        With the comparison that is asked for as its main one.
    place
        One of its places.
    drugs
        Those asked for; all if None.
    is_on_pages
        Whether the pages of the edition show the same comparison by the same protocol.

    Raises
    ------
    ValueError
        Where nothing was compared at the place.
    """
    if edition.main is None or not edition.headline(edition.main, place.key):
        raise ValueError(f"nothing was compared at {place.called}")
    content = _content(edition, place, edition.main, language, drugs) | {"is_on_pages": is_on_pages}
    return rendering.paper_page("brief.html.j2", "brief.css", language, content)


def _content(
    edition: Edition, place: Place, compared: Comparison, language: str, drugs: Collection[str] | None
) -> dict[str, Any]:
    """What the page says, and no more than it has room for."""
    _ = words(language)
    rows = [row for row in edition.headline(compared, place.key) if drugs is None or row["drug"] in drugs]
    changes = [_change(edition, place, row, compared, language) for row in rows]
    known = [row for row in changes if row["change_percent"] is not None]
    name = _shortened(told.called(place, language), _WIDEST_TITLE)
    status, sources = _status(edition, changes, language), _sources(edition, language)
    sentences = _sentences(edition, known, compared, language)
    targets = _targets(edition, place, compared, drugs, language)
    lead = counted(changes, compared, language)
    has_verdicts = any(row["verdict"] not in (None, "not estimable") for row in known)
    if known and not has_verdicts:
        lead = _("{sentence} {other}").format(sentence=lead, other=_(WITHOUT_INTERVAL))
    room: float = _LINES - _lines(status) - _lines(sources)
    room -= _LINES_OF_BANNER if edition.is_simulated else 0
    room -= _LINES_OF_HEADING if _width(name) > _WIDTH_OF_HEADING else 0
    room -= _lines([lead]) - 1
    of_table = sum(_lines_of_row(row) for row in known[:MOST_DRUGS])
    room -= _lines(targets) + (_LINES_OF_TARGETS if targets else 0)
    untold = _untold(edition, place, changes, drugs, language, room - of_table - _lines(sentences))
    room -= _lines(untold) + _lines(sentences[:1])
    shown = _that_fit(known, room, language)
    without_room = _without_room(known[len(shown) :], len(shown), _)
    room -= sum(_lines_of_row(row) for row in shown) + _lines(without_room)
    return {
        "status": status,
        "sources": sources,
        "untold": untold,
        "without_room": without_room,
        "site_title": _shortened(edition.title, _WIDEST_TITLE),
        "name": name,
        "about": _about(edition, place, changes, language),
        "is_simulated": edition.is_simulated,
        "is_mixed": edition.is_mixed,
        "comparison": compared,
        "lead": lead,
        "has_verdicts": has_verdicts,
        "stable_band_percent": _protocol(edition)["stable_band_percent"],
        "sentences": sentences[:1] + _while_room(sentences[1:], room),
        "targets": targets,
        "rows": shown,
        "is_of_site": place.level == "site",
        "means": _means(edition, shown, place, language),
        "edition": _("{sentence} {other}").format(
            sentence=_("Data received up to {day}.").format(day=_received(edition, language)),
            other=_("Wastewater tells of populations, never of persons."),
        ),
        "spark_size": (WIDTH, HEIGHT),
    }


def _that_fit(known: Sequence[Row], room: float, language: str) -> Sequence[Row]:
    """The rows that the table has room for, what matters most first; at least one."""
    n = min(len(known), MOST_DRUGS)
    while n > 1:
        left_out = _without_room(known[n:], n, words(language))
        if sum(_lines_of_row(row) for row in known[:n]) + _lines(left_out) <= room:
            break
        n -= 1
    return known[:n]


def _while_room(texts: Sequence[str], room: float) -> list[str]:
    """The first of some texts, as long as there is room."""
    return [text for n, text in enumerate(texts) if _lines(texts[: n + 1]) <= room]


def _lines_of_row(row: Row) -> float:
    """Lines of running text that a row of the table takes: the most of its name, its marks, and two of its words."""
    marks = sum(map(bool, (row["factor_mark"], row["factor_mark"] == labels.MARKER, row["is_marked_simulated"])))
    width = _width(row["name"])
    # What takes more than a line is not broken where it would fill it.
    of_name = -int(-width // _WIDTH_OF_CELL) + (width > _WIDTH_OF_CELL) + marks
    return _LINES_OF_ROW + _LINES_OF_NAME * (max(of_name, 3 if row["class_in_words"] else 2) - 1)


def _change(edition: Edition, place: Place, row: Row, compared: Comparison, language: str) -> Row:
    """A change with all that is said of it; its names short enough for a line."""
    said = told.in_words(edition, row, language)
    periods = edition.series.get((*place.key, row["drug"]), [])
    published = row["published_class"]
    return {
        **said,
        "drug_name": _shortened(said["drug_name"], _WIDEST_NAME),
        "name": _shortened(said["name"], _WIDEST_NAME),
        "place_name": _shortened(said["place_name"], _WIDEST_PLACE),
        "class_in_words": labels.said(told.PUBLISHED_CLASSES, published, language) if published else None,
        "is_marked_simulated": row["is_simulated"] and edition.is_mixed,
        "spark": spark_of(said, periods, compared),
        "spark_in_words": _in_words(said["name"], periods, language),
    }


def _in_words(name: str, periods: Sequence[Row], language: str) -> str:
    """What a line shows, for those who do not see it."""
    _ = words(language)
    means = [row for row in periods if row["mean_mg_per_day_per_1000"] is not None]
    if not means:
        return ""
    first, last = means[0], means[-1]
    return _("{drug}, {means}: {before} mg/day/1000 in {first}, {now} in {last}.").format(
        drug=_shortened(name, _WIDEST_NAME),
        means=labels.said(MEANS, first["period_kind"], language),
        before=labels.amount(first["mean_mg_per_day_per_1000"]),
        first=labels.period(first["period"], language),
        now=labels.amount(last["mean_mg_per_day_per_1000"]),
        last=labels.period(last["period"], language),
    )


def _about(edition: Edition, place: Place, changes: Sequence[Row], language: str) -> list[str]:
    """What place it is, and how new its data are."""
    _ = words(language)
    if place.level == "site":
        said = [_("Site {number}").format(number=_shortened(place.unit_id, _WIDEST_PLACE))]
    elif place.level == "area":
        n = len(edition.sites_in.get(place.unit_id, []))
        said = [
            _("Area {number}").format(number=_shortened(place.unit_id, _WIDEST_PLACE)),
            labels.things(n, "site", "sites", language),
        ]
    else:
        said = [labels.things(edition.coverage["n_sites"], "site", "sites", language)]
    found = [edition.newest[key] for row in changes if (key := (*place.key, row["drug"])) in edition.newest]
    newest = {
        name: max((row[name] for row in found if row[name] is not None), default=None)
        for name in ("newest_sample", "newest_year")
    }
    return [*said, _("Newest sample: {day}").format(day=told.newest_of(newest, language))]


def _sentences(edition: Edition, known: Sequence[Row], compared: Comparison, language: str) -> list[str]:
    """The largest changes in words: those that are told; where none is, the others."""
    _ = words(language)
    # An experimental factor is not for headlines.
    able = [row for row in known if row["factor_mark"] != "experimental"]
    best = [row for row in able if row["verdict"] in ("fall", "rise")] or able
    # What something else could have made wholly is not what a reader should meet first.
    best = sorted(best, key=lambda row: row["credibility"] == "not supported")
    found = []
    for row in best[:_MOST_SENTENCES]:
        # Where all is simulated the banner says so once.
        is_marked = row["is_simulated"] and edition.is_mixed
        text = told.sentence(edition, row | {"is_simulated": is_marked}, compared, language)
        mark = row["factor_mark"]
        found.append(
            _("{sentence} ({mark})").format(sentence=text, mark=labels.resting_on(mark, language)) if mark else text
        )
    return found


def _targets(
    edition: Edition, place: Place, compared: Comparison, drugs: Collection[str] | None, language: str
) -> list[str]:
    """How far what was promised there is, by the page's protocol and now; what is more than that is counted."""
    _ = words(language)
    known = [row for row in told.targets(edition, language, place=place) if drugs is None or row["drug"] in drugs]
    here = (edition.protocol, compared.current)
    shown = [row for row in known if (row["protocol"], row["current_period"]) == here][:_MOST_TARGETS]
    said = [
        target_in_short(
            {
                **row,
                "target_name": _shortened(row["target_name"], _WIDEST_NAME),
                "drug_name": _shortened(row["drug_name"], _WIDEST_NAME),
                "unit_name": _shortened(row["unit_name"] or row["unit_id"], _WIDEST_PLACE),
            },
            language,
            mark=row["factor_mark"],
        )
        for row in shown
    ]
    if more := len(known) - len(said):
        said.append(_("Further targets, which “permille targets” tells: {n}.").format(n=more))
    return said


def _means(edition: Edition, rows: Sequence[Row], place: Place, language: str) -> str:
    """What the lines in the table are of."""
    _ = words(language)
    kinds = [row["period_kind"] for of in rows for row in edition.series.get((*place.key, of["drug"]), [])]
    return _(", ").join(labels.said(MEANS, kind, language) for kind in dict.fromkeys(kinds))


def _untold(
    edition: Edition, place: Place, changes: Sequence[Row], drugs: Collection[str] | None, language: str, room: float
) -> list[str]:
    """What could not be told and why, drugs with the same reason together; in a word or two where there is no room."""
    _ = words(language)
    compared = {row["drug"] for row in changes}
    others = [
        _shortened(edition.title_of(drug, language), _WIDEST_NAME)
        for drug in edition.drugs
        if (*place.key, drug) in edition.series and drug not in compared and (drugs is None or drug in drugs)
    ]
    unknown = [row for row in changes if row["change_percent"] is None]
    said: list[str] = []
    for is_short in (False, True):
        because: dict[str, list[str]] = {}
        for row in unknown:
            because.setdefault(_why(row, language, is_short=is_short), []).append(row["name"])
        if others:
            because[_("Not measured in these periods.")] = others
        said = [_("{drugs} – {reasons}").format(drugs=_named(names, _), reasons=why) for why, names in because.items()]
        if _lines(said) <= max(room, _MOST_LINES["untold"]):
            return said
    kept = _while_room(said, _MOST_LINES["untold, shortly"])
    n = len(said) - len(kept)
    return kept + ([_("For {n} further reasons other drugs.").format(n=n)] if n else [])


def _why(row: Row, language: str, *, is_short: bool) -> str:
    """Why there is no change, and what limits alone say, where they say which way it went."""
    _ = words(language)
    shortly = _("{reasons}.").format(reasons=labels.shortly(row["reason"], language))
    because = shortly if is_short else str(row["because"])
    low, high = row["by_limits_low_percent"], row["by_limits_high_percent"]
    if row["by_limits"] is None or low * high <= 0:
        return because
    by_limits = _("By the limits alone between {ends}.").format(ends=row["by_limits"])
    return _("{sentence} {other}").format(sentence=because, other=by_limits)


def _without_room(rows: Sequence[Row], n_shown: int, _: Words) -> list[str]:
    """The changes that the page has no room for, by name."""
    if not rows:
        return []
    text = _("Without room among the {n} drugs of this page: {drugs}.")
    return [text.format(n=n_shown, drugs=_named([row["name"] for row in rows], _))]


def _status(edition: Edition, changes: Sequence[Row], language: str) -> list[str]:
    """By which protocol, and on which factors, what is told rests."""
    _ = words(language)
    protocol = _protocol(edition)
    said = [
        _("Protocol {name}: {basis}; below limits: {below}; {weights}.").format(
            name=_shortened(edition.protocol_title, _WIDEST_NAME),
            basis=labels.said(told.BASES, protocol["basis"], language),
            below=labels.said(labels.BELOW_LIMIT, protocol["below_limit"], language),
            weights=labels.said(labels.AREA_WEIGHTS, protocol["area_weights"], language),
        )
    ]
    if protocol["basis"] != "consumption":
        return [*said, _("Residue loads rest on no factor.")]
    of: dict[str, list[str]] = {}
    for row in changes:
        if row["factor_status"]:
            of.setdefault(row["factor_status"], []).append(row["name"])
    if not of:
        return said
    text = _(
        "Factors, {statuses}. Provisional: no one has signed the value off yet. Experimental: not for headlines. A"
        " factor moves levels; a change only where it differs between the periods."
    )
    by_name = _factors({status: _named(names, _) for status, names in of.items()}, _)
    counted_only = _factors({status: labels.count(len(names)) for status, names in of.items()}, _)
    whole = [*said, text.format(statuses=by_name)]
    return whole if _lines(whole) <= _MOST_LINES["status"] else [*said, text.format(statuses=counted_only)]


def _protocol(edition: Edition) -> Row:
    (found,) = [row for row in edition.rows("protocols") if row["protocol"] == edition.protocol]
    return found


def _factors(of: Mapping[str, str], _: Words) -> str:
    """What stands beside each status that there is."""
    return _("; ").join(
        _("{status}: {drugs}").format(status=_(name), drugs=of[status])
        for status, name in STATUS.items()
        if status in of
    )


def _sources(edition: Edition, language: str) -> list[str]:
    """From whom the data come and under which terms; those of most rows, and how many more there are."""
    _ = words(language)
    of: dict[tuple[str | None, str | None], list[Row]] = {}
    for row in edition.rows("licences"):
        of.setdefault((row["source"], row["licence"]), []).append(row)
    most = sorted(of.items(), key=lambda found: -sum(row["n_accepted"] for row in found[1]))
    said = [
        _("{senders} – {source} ({terms})").format(
            senders=_senders(rows, _),
            source=_shortened(source or "–", _WIDEST_SOURCE),
            terms=_("Terms of use: {terms}").format(terms=_shortened(terms or _("not stated"), _WIDEST_SENDER)),
        )
        for (source, terms), rows in most
    ]
    kept = said[:1] + _while_room(said[1:], _MOST_LINES["sources"] - _lines(said[:1]))
    n = len(said) - len(kept)
    return kept + ([_("and {n} more, on the page “{about}”").format(n=n, about=_("About"))] if n else [])


def _senders(rows: Sequence[Row], _: Words) -> str:
    names = [_shortened(row["sender"], _WIDEST_SENDER) for row in rows if row["sender"]]
    return _named(names, _, most=_MOST_SENDERS) if names else "–"


def _received(edition: Edition, language: str) -> str:
    """The day of the last file that anything here rests on: no clock is asked when the brief is made."""
    days = [row["received_at"].date() for row in edition.rows("deliveries") if row["n_accepted"]]
    return labels.day(max(days, default=None), language)


def _named(names: Sequence[str], _: Words, most: int = _MOST_NAMED) -> str:
    """Names in a line; of very many the first, and how many more."""
    if len(names) <= most:
        return _(", ").join(names)
    return _("{names} and {n} more").format(names=_(", ").join(names[:most]), n=len(names) - most)


def _lines(texts: Sequence[str]) -> int:
    """Lines that texts take, each beginning a new one."""
    return sum(-int(-_width(text) // _WIDTH_OF_LINE) for text in texts)


def _shortened(text: str, most: float) -> str:
    """A name cut to what it may take, with a sign that it was.

    >>> _shortened("methamphetamine", 34), _shortened("a" * 40, 10), _shortened("甲基苯丙胺", 8)
    ('methamphetamine', 'aaaaaaa…', '甲基…')
    """
    text = labels.printable(text)
    if _width(text) <= most:
        return text
    kept = ""
    for sign in text:
        if _width(kept + sign + "…") > most:
            break
        kept += sign
    return kept.rstrip() + "…"


def _width(text: str) -> float:
    """About how much of a line a text takes, in small letters; a ligature counts as the letters it stands for.

    >>> _width("abc"), _width("ABC"), _width("药物"), _width("\\ufdfa") > 10
    (3.0, 4.5, 4.0, True)
    """
    return sum(_width_of(sign) for sign in unicodedata.normalize("NFKC", text))


def _width_of(sign: str) -> float:
    if unicodedata.east_asian_width(sign) in "WF":
        return 2.0
    return 1.5 if sign.isupper() or sign in "mw%@…–—" else 1.0
