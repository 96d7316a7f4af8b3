"""The static site: one page, its style, its script, its figures and its data files. And a figure as a file of its own.

No statistics and no queries' text here; putting the folder in place of the last is the caller's.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.utils import PlotlyJSONEncoder

from dashboards import datasets, labels
from dashboards.downloads import write_csv
from dashboards.figures.trend import MOST_NAMED_AREAS, TrendData, areas_cut, trend

_HERE = Path(__file__).parent
_STATIC = ("permille.css", "permille.js")
_MOST_SITES = 400
_FEW_FILES = 12
_MOST_FILES = 500

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
)
"""What the page may load: its own files and nothing else. No inline script, no inline style, no connection."""

_POLICY_OF_ONE_FILE = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " form-action 'none'"
)
"""What a page that is one file may load: what stands in it. No connection."""

DOWNLOADS: dict[str, str] = {
    "changes": "each change at a site, in an area and in the network, with the sites compared.",
    "area_periods": "the means of areas and of the network in each year, quarter and month, over all available sites.",
    "site_periods": "the means of sites in each year, quarter and month, with the mean of each weekday.",
}
"""The data files beside the page."""

_Row = dict[str, Any]


def publish_site(
    database: Path, folder: Path, *, headline_protocol: str, baseline: str | None, current: str | None, title: str
) -> None:
    """Writes the site into a folder: the same input gives the same bytes.

    Parameters
    ----------
    database
        The published copy of the warehouse; it is opened read-only.
    folder
        An empty folder that exists. It is filled, not replaced.
    headline_protocol
        The protocol of the headline, the trends and the table of places.
    baseline, current
        The periods compared, as in the table `changes`: 2023, 2023-Q1 or 2023-03; None where there are no two yet.
    title
        The name of the page.

    Raises
    ------
    FileNotFoundError
        Where there is no database or no folder.
    FileExistsError
        Where the folder is not empty.
    ValueError
        Where the warehouse has protocols, but not this one.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: make it first.")
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: name an empty folder, so that no old page stays beside the new.")
    parameters = {"protocol": headline_protocol, "baseline": baseline, "current": current}
    with datasets.published(database) as connection:
        data = {name: datasets.read(connection, name, parameters) for name in datasets.names()}
        is_whole = (pl.col("level") == "area") & pl.col("unit_id").is_in(data["whole_areas"]["unit_id"].to_list())
        data |= {name: data[name].filter(~is_whole) for name in ("places", "trends")}
        known = data["protocols"]["protocol"].to_list()
        if known and headline_protocol not in known:
            raise ValueError(f"there is no protocol {headline_protocol!r}: name one of {', '.join(known)}.")
        (folder / "data").mkdir()
        for name in datasets.names("downloads"):
            parts = datasets.read_in_parts(connection, f"downloads/{name}", parameters)
            write_csv(parts, folder / "data" / f"{name}.csv")
    (folder / "static").mkdir()
    for file in _STATIC:
        (folder / "static" / file).write_bytes((_HERE / "static" / file).read_bytes())
    (folder / "static" / "plotly.min.js").write_bytes(_plotly_script())
    context = _context(data, headline_protocol, baseline, current, title)
    page = _environment().get_template("index.html.j2").render(context)
    (folder / "index.html").write_bytes(page.encode("utf-8"))


def figure_page(
    figure: go.Figure,
    *,
    title: str,
    key: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    is_simulated: bool,
) -> str:
    """A figure as a page of one file, plotly.js in it: it opens without a network. The same input gives the same text.

    Parameters
    ----------
    figure
        What is drawn.
    title, key
        The finding, and how to read the figure.
    headers, rows
        The numbers in it, in words.
    is_simulated
        Whether any of them is.
    """
    return _environment().get_template("figure.html.j2").render(
        language=labels.LANGUAGE, content_policy=_POLICY_OF_ONE_FILE, title=labels.printable(title),
        key=labels.printable(key), headers=headers, rows=rows, is_simulated=is_simulated, simulated=labels.SIMULATED,
        island=json_island(figure), plotly=_inline(_plotly_script()),
        style=_inline((_HERE / "static" / "permille.css").read_bytes()),
        script=_inline((_HERE / "static" / "permille.js").read_bytes()),
    )  # fmt: skip


def _inline(code: bytes) -> Markup:
    """Our own files, and plotly's, inside a page. Raises `ValueError` where one would end its element."""
    text = code.decode("utf-8")
    if re.search(r"</(script|style)|<!--", text, re.IGNORECASE):
        raise ValueError("a script or style that is written into a page holds the end of its element")
    return Markup(text)  # noqa: S704  no delivered text


def json_island(figure: go.Figure) -> Markup:
    """A figure as JSON that may stand inside a script element: nothing in it can end the element.

    >>> json_island(go.Figure(layout={"title": {"text": "</script>"}}, layout_template="none"))
    Markup('{"data":[],"layout":{"template":{"data":{"scatter":[{"type":"scatter"}]}},"title":{"text":"\\\\u003c/script\\\\u003e"}}}')
    """
    text = json.dumps(
        figure.to_plotly_json(), cls=PlotlyJSONEncoder, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704  just escaped, for the place it stands in


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        amount=labels.amount,
        change_in_words=labels.change_in_words,
        count=labels.count,
        day=lambda value: labels.day(value.date()),
        delivered=labels.delivered,
        files=lambda value: labels.things(value, "file", "files"),
        magnitude=labels.magnitude,
        percent=labels.percent,
        reference=labels.reference,
        resting_on=labels.resting_on,
        sign_of=labels.sign_of,
        records=lambda value: labels.things(value, "record", "records"),
    )
    return environment


@cache
def _plotly_script() -> bytes:
    return resources.files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()


@cache
def _map_style_id() -> str | None:
    """The identifier plotly.js looks for before it writes the styles of its maps, of no use here, into a page."""
    found = re.search(rb'getElementById\("([0-9a-f]{64})"\)', _plotly_script())
    return found.group(1).decode() if found else None


def _context(
    data: Mapping[str, pl.DataFrame], headline_protocol: str, baseline: str | None, current: str | None, title: str
) -> dict[str, Any]:
    """All that the page says, as values and ready sentences."""
    coverage = data["coverage"].row(0, named=True)
    simulated = data["simulated"].row(0, named=True)
    names = dict(data["drugs"].iter_rows())
    headline = _headline(data)
    protocols = data["protocols"].to_dicts()
    titles = {row["protocol"]: row["title"] for row in protocols}
    order = [row["drug"] for row in headline]
    places, sites, drugs = _places(data["places"], headline)
    found = labels.reasons(" ".join(reason or "" for reason in _not_estimable(data["places"])))
    return {
        "language": labels.LANGUAGE,
        "words": {"simulated": labels.SIMULATED, "unit": labels.UNIT},
        "content_policy": CONTENT_POLICY,
        "map_style_id": _map_style_id(),
        "title": labels.printable(title),
        "baseline": baseline,
        "current": current,
        "is_simulated": simulated["any_simulated"],
        "is_mixed": simulated["any_simulated"] and simulated["any_real"],
        "coverage": coverage,
        "newest": _newest(coverage),
        "protocol_title": titles.get(headline_protocol, headline_protocol),
        "other_titles": [name for protocol, name in titles.items() if protocol != headline_protocol],
        "nothing": None if headline else _nothing(data, coverage, baseline, current),
        "lead": _lead(headline, baseline, current),
        "headline": headline,
        "is_population_weighted": any(row["area_weights"] == "population" for row in headline),
        "has_intervals": any(row["ci_low_percent"] is not None for row in headline),
        "factor_marks": sorted({row["factor_mark"] for row in headline} - {None}),
        "undrawn": _undrawn(data, headline),
        "trends": _trends(data, names, order, baseline, current, is_simulated=simulated["any_simulated"]),
        "places": places,
        "sites": sites,
        "drugs": drugs,
        "place_reasons": sorted(set(found)),
        "most_sites": _MOST_SITES,
        "deliveries": data["deliveries"].to_dicts(),
        "delivered_in_words": _delivered_in_words(data["deliveries"]),
        "few_files": _FEW_FILES,
        "most_files": _MOST_FILES,
        "licences": data["licences"].to_dicts(),
        "formula": labels.FORMULA,
        "factors": [
            {**row, "evidence_in_words": labels.EVIDENCE.get(row["evidence"], row["evidence"])}
            for row in data["factors"].to_dicts()
        ],
        "protocols": [_protocol(row) for row in protocols],
        "quarantine": data["quarantine"].to_dicts(),
        "downloads": [(name, DOWNLOADS[name]) for name in DOWNLOADS],
    }


def _newest(coverage: _Row) -> str:
    """The day of the newest sample behind the figures, or its year where the day is not known."""
    newest, year = coverage["newest_sample"], coverage["newest_year"]
    if year is None:
        return "none in a figure"
    return labels.day(newest) if newest is not None and newest.year >= year else f"{year} (day not known)"


def _headline(data: Mapping[str, pl.DataFrame]) -> list[_Row]:
    others = data["other_protocols"].to_dicts()
    return [
        {
            **row,
            "name": labels.capital(row["drug_name"]),
            "factor_mark": _factor_mark(row),
            "because": _because(row),
            "doubts": list(labels.flags([row["flags"]]).values()),
            "others": [other for other in others if other["drug"] == row["drug"]],
        }
        for row in data["headline"].to_dicts()
    ]


def _factor_mark(row: _Row) -> str | None:
    return labels.factor_mark(is_provisional=row["is_provisional"], factor_status=row["factor_status"])


def _because(change: _Row) -> str:
    return labels.because(change["reason"], change["n_sites"] + change["n_sites_left_out"])


def _lead(headline: list[_Row], baseline: str | None, current: str | None) -> str:
    """The overview in a sentence or two: by the verdicts, where the protocol has an interval."""
    changes = [row for row in headline if row["change_percent"] is not None]
    said = [labels.change_in_words(row["change_percent"]) for row in changes]
    is_judged = any(row["verdict"] for row in changes)
    if is_judged:
        verdicts = [row["verdict"] for row in changes]
        is_fall = [verdict == "fall" for verdict in verdicts]
        down, up, same = sum(is_fall), verdicts.count("rise"), "no change detected"
    else:
        is_fall = [words.startswith("down") for words in said]
        down, up, same = sum(is_fall), sum(words.startswith("up") for words in said), "unchanged"
    groups = (
        (down, "down"),
        (up, "up"),
        (len(said) - down - up, same),
        (len(headline) - len(said), labels.NOT_ESTIMABLE),
    )
    counts = ", ".join(f"{number} {word}" for number, word in groups if number)
    drugs = labels.things(len(headline), "drug", "drugs")
    # An experimental factor is not for headlines.
    fallen = [(row, words) for row, words, fell in zip(changes, said, is_fall, strict=True) if fell]
    named = [(row, words) for row, words in fallen if row["factor_mark"] != "experimental"]
    first = ""
    if named:
        row, words = named[0]
        resting = f" ({labels.resting_on(row['factor_mark'])})" if row["factor_mark"] else ""
        ends = [labels.percent(row[f"ci_{end}_percent"]) for end in ("low", "high")] if is_judged else []
        interval = f" ({' to '.join(ends)})" if ends else ""
        first = f" Largest fall: {row['name']}, {words}{interval}{resting}."
    return f"{drugs} from {baseline} to {current}: {counts}.{first}"


def _nothing(data: Mapping[str, pl.DataFrame], coverage: _Row, baseline: str | None, current: str | None) -> _Row:
    """Why no change stands here: the first step of the way from file to figure at which nothing was left."""
    missing = data["load_reasons"].to_dicts()
    details = [
        f"{labels.things(row['n_results'], 'result', 'results')}: {labels.because(row['reason'])}" for row in missing
    ]
    if coverage["n_deliveries"] == 0:
        return {"sentence": "No file has been delivered yet: lay one into the inbox and run again.", "details": []}
    if coverage["n_results"] + coverage["n_reported_loads"] == 0:
        return {
            "sentence": "None of the delivered files holds an accepted result: see deliveries and quarantine below.",
            "details": [],
        }
    if coverage["n_consumption"] == 0:
        return {
            "sentence": f"{labels.things(coverage['n_results'], 'result was', 'results were')} accepted, but none could"
            f" be turned into an amount per 1000 inhabitants. {labels.things(coverage['n_flows'], 'flow', 'flows')} and"
            f" {labels.things(coverage['n_populations'], 'population', 'populations')} were delivered."
            " Deliver what is missing and run again.",
            "details": details,
        }
    periods = data["available_periods"]
    available = ", ".join(f"{row[0]} ({labels.things(row[1], 'site', 'sites')})" for row in periods.iter_rows())
    if baseline is None:
        sentence = f"A change needs two years. So far sites have a mean in: {available or 'none'}."
        return {"sentence": sentence, "details": details}
    return {
        "sentence": f"There is no comparison of {baseline} with {current} by this protocol. "
        + (f"Sites have a mean in: {available}." if available else "No site has a mean in any period of that kind."),
        "details": details,
    }


def _delivered_in_words(deliveries: pl.DataFrame) -> str:
    """What came in, in total."""
    files = labels.things(deliveries.height, "file", "files")
    rows, accepted, held = (
        labels.count(int(deliveries[name].sum())) for name in ("n_rows", "n_accepted", "n_quarantined")
    )
    refused = int((deliveries["status"] == "refused").sum())
    return (
        f"{files} with {rows} rows: {accepted} accepted, {held} quarantined;"
        f" {labels.count(refused)} of the files refused."
    )


def _not_estimable(places: pl.DataFrame) -> list[str | None]:
    return places.filter(pl.col("change_percent").is_null())["reason"].unique().sort().to_list()


def _places(places: pl.DataFrame, headline: list[_Row]) -> tuple[list[_Row], list[_Row], list[_Row]]:
    """The rows of the network and areas, the rows of sites, and the drugs that are their columns."""
    drugs = [{"drug": row["drug"], "name": row["name"], "factor_mark": row["factor_mark"]} for row in headline]
    rows: dict[tuple[str, str], _Row] = {}
    for place in places.iter_rows(named=True):
        key = (place["level"], place["unit_id"])
        row = rows.setdefault(key, {"level": place["level"], "name": place["unit_name"], "changes": {}})
        short = labels.shortly(place["reason"])
        row["changes"][place["drug"]] = {"change": place["change_percent"], "short": short}
    for row in rows.values():
        row["cells"] = [row["changes"].get(drug["drug"]) for drug in drugs]
    found = list(rows.values())
    return [row for row in found if row["level"] != "site"], [row for row in found if row["level"] == "site"], drugs


def _trends(
    data: Mapping[str, pl.DataFrame],
    names: Mapping[str, str],
    order: list[str],
    baseline: str | None,
    current: str | None,
    *,
    is_simulated: bool,
) -> list[_Row]:
    """What stands in each trend's figure, caption and table, in the order of the overview."""
    changes = {row["drug"]: row for row in data["headline"].iter_rows(named=True)}
    parts: dict[str, pl.DataFrame] = {
        str(part["drug"][0]): part for part in data["trends"].partition_by("drug", maintain_order=True)
    }
    drawn = [drug for drug in order if drug in parts] + [drug for drug in parts if drug not in order]
    slugs = _slugs(drawn)
    found = []
    for drug in drawn:
        periods, change = parts[drug], changes.get(drug)
        name = labels.capital(names.get(drug, drug))
        kind = {"quarter": "quarterly", "year": "yearly"}[periods["period_kind"][0]]
        basis = periods["basis"][0]
        statuses = periods["factor_status"].drop_nulls().to_list()
        mark = labels.factor_mark(
            is_provisional=bool(periods["is_provisional"].any()), factor_status=statuses[0] if statuses else None
        )
        resting = f", {labels.resting_on(mark)}" if mark else ""
        figure_data = TrendData(
            drug=drug,
            title=f"{name}: {labels.change_in_words(change['change_percent'])}" if change else name,
            subtitle=f"{basis}, {kind} means{resting}",
            periods=periods,
            baseline_period=baseline,
            current_period=current,
            baseline=change["baseline_mg_per_day_per_1000"] if change else None,
            current=change["current_mg_per_day_per_1000"] if change else None,
            is_simulated=is_simulated,
        )
        found.append(
            {
                "slug": slugs[drug],
                "name": name,
                "factor_mark": mark,
                "finding": _finding(name, change, baseline, current),
                "key": _key(figure_data),
                "caption": f"{kind.capitalize()} means [{labels.UNIT}], {basis}{resting}, over all available sites.",
                "island": json_island(trend(figure_data, labels.TrendLabels())),
                **_trend_table(periods),
            }
        )
    return found


def _undrawn(data: Mapping[str, pl.DataFrame], headline: list[_Row]) -> list[str]:
    """The drugs of the overview that no trend can be drawn of."""
    drawn = set(data["trends"]["drug"])
    return [row["name"] for row in headline if row["drug"] not in drawn]


def _finding(name: str, change: _Row | None, baseline: str | None, current: str | None) -> str:
    """What a trend says, in a sentence computed from its numbers."""
    if baseline is None:
        return f"{name}: there is one year so far, and nothing to compare it with."
    if change is None:
        return f"{name}: {baseline} and {current} were not compared."
    if change["change_percent"] is None:
        return f"{name}: the change from {baseline} to {current} is not estimable. {_because(change)}"
    before, now = (labels.amount(change[f"{when}_mg_per_day_per_1000"]) for when in ("baseline", "current"))
    sites = "at 1 site" if change["n_sites"] == 1 else f"over the same {labels.count(change['n_sites'])} sites"
    return (
        f"{name}: {labels.change_in_words(change['change_percent'])}, from {before} {labels.UNIT} in {baseline}"
        f" to {now} in {current}, {sites}."
    )


def _key(data: TrendData) -> str:
    """How to read a trend's figure."""
    n_areas = data.periods.filter(pl.col("level") == "area")["unit_id"].n_unique()
    lines = f", thin lines {labels.things(n_areas, 'area', 'areas')}" if n_areas else ""
    key = f"The bold line shows all sites available in each period{lines}."
    if data.baseline is not None or data.current is not None:
        key += " Bands mark the periods compared; the dashed lines in them are the means of the same sites."
    if cut := areas_cut(data):
        key += f" {labels.things(cut, 'area reaches', 'areas reach')} above the figure."
    return key


def _trend_table(periods: pl.DataFrame) -> _Row:
    """The numbers of a trend: the network's, and those of areas where there are not too many to read."""
    network = periods.filter(pl.col("level") == "network")
    areas = periods.filter(pl.col("level") == "area").partition_by("unit_id", maintain_order=True)
    shown = areas if len(areas) <= MOST_NAMED_AREAS else []
    means = [dict(area.select("period", "mean_mg_per_day_per_1000").iter_rows()) for area in shown]
    rows = [
        {
            "period": row["period"],
            "mean": row["mean_mg_per_day_per_1000"],
            "low": row["ci_low_mg_per_day_per_1000"],
            "high": row["ci_high_mg_per_day_per_1000"],
            "short": labels.shortly(row["reason"]),
            "n_sites": row["n_sites"],
            "n_known_sites": row["n_known_sites"],
            "n_days": row["n_days"],
            "n_censored": row["n_censored"],
            "areas": [mean.get(row["period"]) for mean in means],
        }
        for row in network.iter_rows(named=True)
    ]
    return {"rows": rows, "areas": [area["unit_name"][0] or area["unit_id"][0] for area in shown]}


def _slugs(drugs: Iterable[str]) -> dict[str, str]:
    """A name for each drug that is safe as an identifier in a page, and its own."""
    found: dict[str, str] = {}
    for drug in drugs:
        plain = "trend-" + (re.sub(r"[^a-z0-9]+", "-", drug.lower()).strip("-") or "drug")
        taken = set(found.values())
        found[drug] = next(
            slug for n in range(1, len(taken) + 2) if (slug := plain if n == 1 else f"{plain}-{n}") not in taken
        )
    return found


def _protocol(row: _Row) -> _Row:
    return {
        **row,
        "below_limit_in_words": labels.BELOW_LIMIT.get(row["below_limit"], row["below_limit"]),
        "weekday_rule_in_words": labels.WEEKDAY_RULE.get(row["weekday_rule"], row["weekday_rule"]),
        "area_weights_in_words": labels.AREA_WEIGHTS.get(row["area_weights"], row["area_weights"]),
    }
