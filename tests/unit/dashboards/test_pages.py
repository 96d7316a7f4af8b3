"""The site: complete, the same each time, honest about what is missing, and safe whatever a delivery holds."""

import csv
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dashboards.datasets import names
from dashboards.downloads import FORMULA_STARTS, neutralised, write_csv
from dashboards.pages import CONTENT_POLICY, publish_site
from tests.unit.dashboards.conftest import NAMES, QUESTION, city, factor, rows_of, without_flows, write_warehouse

HOSTILE = "<script>alert(1)</script></title>\"'&<img src=x onerror=alert(2)>\u202egnp.exe\u2066{{ 7*7 }}"


class Outline(HTMLParser):
    """The elements, headings, identifiers and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


def tile(text: str, drug: str) -> str:
    """The words of one drug's tile in the overview."""
    (found,) = [part for part in re.findall(r"<article.*?</article>", text, re.S) if f"<bdi>{drug}</bdi>" in part]
    return Outline(found).text


def rows_in(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a data file, as a spreadsheet reads them."""
    with (folder / "data" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_site_is_complete(build):
    folder = build(city())
    assert sorted(bytes_of(folder)) == [
        "data/area_periods.csv",
        "data/changes.csv",
        "data/site_periods.csv",
        "index.html",
        "static/permille.css",
        "static/permille.js",
        "static/plotly.min.js",
    ]


def test_two_builds_are_the_same_bytes(build):
    assert bytes_of(build(city(), "one")) == bytes_of(build(city(), "two"))


def test_overview_says_change_means_sites_days_and_what_is_not_computed(build):
    text = page(build(city()))
    said = tile(text, "Methamphetamine")
    assert "down 48 %" in said
    assert "Mean consumption in 2023 309 mg/day/1000" in said
    assert "Mean consumption in 2025 160 mg/day/1000" in said
    assert "Sites compared, same in both 8" in said
    assert "Site-days in 2023 224 (16 below limits)" in said
    assert "95 % interval of the change none by this protocol" in said
    assert "all available sites down 43 %" in said
    assert "By EUDA / SCORE down 48 % (class: decrease)" in said
    assert "provisional factor" in said
    assert "provisional factor" not in tile(text, "Cocaine")


def test_provisional_is_marked_wherever_a_figure_rests_on_it(build):
    text = page(build(city()))
    heading = dict(re.findall(r'<th scope="col" class="number"><bdi>(.*?)</bdi>(.*?)</th>', text))
    trend = dict(re.findall(r'<h3 id="trend-[^"]*"><bdi>(.*?)</bdi>(.*?)</h3>', text, re.S))
    for drug, is_provisional in {"Methamphetamine": True, "Cocaine": False}.items():
        assert (">P</a>" in heading[drug]) == is_provisional
        assert ("provisional factor" in trend[drug]) == is_provisional


def test_an_experimental_factor_is_told_apart_and_names_no_largest_fall(build):
    tables = city()
    is_meth = pl.col("drug") == "methamphetamine"
    tables["factors"] = tables["factors"].with_columns(
        factor_status=pl.when(is_meth).then(pl.lit("experimental")).otherwise("factor_status")
    )
    text, before = page(build(tables)), page(build(city(), "before"))
    assert "experimental factor" in tile(text, "Methamphetamine")
    assert "provisional factor" not in tile(text, "Methamphetamine")
    assert "provisional factor" in tile(text, "Ketamine")
    heading = dict(re.findall(r'<th scope="col" class="number"><bdi>(.*?)</bdi>(.*?)</th>', text))
    assert ">E</a>" in heading["Methamphetamine"]
    assert ">P</a>" in heading["Ketamine"]
    assert 'E: rests on an <a href="#factors">experimental factor</a>.' in text
    assert "consumption, quarterly means, experimental factor" in text
    assert "Quarterly means [mg/day/1000], consumption, provisional factor, over all available sites." in text
    assert "Largest fall: Methamphetamine, down 48 % (provisional factor)." in before
    assert "Largest fall: Cocaine, down" in text


def test_a_trend_says_of_how_many_sites_it_is(build):
    """A mean over other sites than the quarter before is no trend: sites that are missing are counted beside it."""
    tables = city()
    is_first = (pl.col("period") == "2023-Q1") & (pl.col("level") == "network")
    tables["area_periods"] = tables["area_periods"].with_columns(
        n_sites_without_days=pl.when(is_first).then(3).otherwise("n_sites_without_days")
    )
    text = page(build(tables))
    rows = dict(re.findall(r'<tr><th scope="row">(2023-Q[12])</th>(.*?)</tr>', text))
    assert "<td>8 <small>of 11</small></td>" in rows["2023-Q1"]
    assert "<td>8</td>" in rows["2023-Q2"]


def test_downloads_tell_the_status_of_the_factor(build):
    folder = build(city())
    for name in ("changes", "area_periods", "site_periods"):
        rows = pl.read_csv(folder / "data" / f"{name}.csv").select("protocol", "drug", "factor_status").unique()
        found = {(protocol, drug): status for protocol, drug, status in rows.iter_rows()}
        assert found["permille", "methamphetamine"] == "provisional"
        assert found["permille", "cocaine"] == "approved"
        assert found["euda", "methamphetamine"] is None, "a residue load rests on no factor"


def test_an_area_that_holds_every_site_is_not_shown_beside_the_network(build):
    """It is the network under another name: its line and its row would stand twice."""
    rows = re.findall(r'<tr[^>]*><th scope="row"><bdi>(.*?)</bdi>', page(build(city(n_areas=1))))
    assert "All sites" in rows
    assert "District A" not in rows
    assert "District A" in page(build(city(n_areas=2), "two"))


def test_overview_is_sorted_by_the_fall_and_ends_with_what_is_not_estimable(build):
    order = re.findall(r"<article.*?<bdi>(.*?)</bdi>", page(build(city())), re.S)
    assert order == ["Methamphetamine", "Cocaine", "Ketamine", "MDMA"]


def test_intervals_and_verdicts_are_shown_where_they_are_filled(build):
    tables = city()
    tables["changes"] = tables["changes"].with_columns(
        ci_low_percent=pl.when(pl.col("state") == "estimated").then(-55.0),
        ci_high_percent=pl.when(pl.col("state") == "estimated").then(-39.0),
        verdict=pl.when(pl.col("state") == "estimated").then(pl.lit("fall")).otherwise("verdict"),
        smallest_detectable_fall_percent=12.0,
    )
    text = page(build(tables))
    said = tile(text, "Methamphetamine")
    assert "95 % interval of the change −55 % to −39 %" in said
    assert "Verdict fall" in said
    assert "Smallest fall this sampling could see 12 %" in said
    assert "none by this protocol" not in text


def test_not_estimable_is_said_with_its_reason(build):
    text = page(build(city()))
    said = tile(text, "MDMA")
    assert "not estimable" in said
    assert "More days lie below their limits than the protocol allows." in said
    assert "n.e. <small><bdi>below limits</bdi></small>" in text
    assert "inf" not in re.findall(r">\s*(-?inf|nan|None|NaN)\s*<", text)
    assert not re.search(r">\s*(-?inf|nan|None|NaN)\s*<", text)


def test_unknown_reason_is_shown_as_it_is_and_escaped(build):
    tables = city()
    tables["changes"] = tables["changes"].with_columns(
        reason=pl.when(pl.col("state") == "not estimable").then(pl.lit("brand_new <i>"))
    )
    text = page(build(tables))
    assert "brand_new" in tile(text, "MDMA")
    assert "&lt;i&gt;" in text
    assert "<i>" not in text


def test_finding_of_each_trend_is_computed_from_its_numbers(build):
    text = page(build(city()))
    assert "Methamphetamine: down 48 %, from 309 mg/day/1000 in 2023 to 160 in 2025, over the same 8 sites." in text
    assert len(re.findall(r"<figure", text)) == 3
    assert "Not drawn, for want of a mean of the network in any period: <bdi>MDMA</bdi>." in text


def test_quarters_are_drawn_where_there_are_and_years_elsewhere(build):
    assert "Quarterly means" in page(build(city()))
    yearly = page(build(city(has_quarters=False), "yearly"))
    assert "Yearly means" in yearly
    assert "Quarterly means" not in yearly


def test_simulated_data_are_named_everywhere(build):
    folder = build(city())
    text = page(folder)
    assert "<title>SIMULATED DATA: " in text
    assert '<div class="simulated"' in text
    assert "mixed" not in text
    assert text.count("SIMULATED DATA \\u00b7") + text.count("SIMULATED DATA ·") == 3  # in the title of each figure
    captions = re.findall(r"<caption>(.*?)</caption>", text, re.S)
    of_figures = [caption for caption in captions if "mg/day" in caption or "Change of" in caption]
    assert len(of_figures) >= 5
    assert all("SIMULATED DATA" in caption for caption in of_figures)
    for name in names("downloads"):
        rows = rows_in(folder, name)
        assert rows
        assert {row["is_simulated"] for row in rows} == {"true"}


def test_real_data_are_not_called_simulated(build):
    text = page(build(city(is_simulated=False)))
    assert "SIMULATED" not in text
    assert 'class="simulated"' not in text


def test_mixture_of_simulated_and_real_rows_is_said(build):
    tables = city()
    tables["results"] = tables["results"].with_columns(is_simulated=pl.int_range(pl.len()) > 0)
    text = page(build(tables))
    assert "<title>SIMULATED DATA: " in text
    assert "Simulated and real rows are mixed" in text


def test_refused_file_does_not_make_a_simulated_city_a_mixture(build):
    tables = city()
    refused = tables["deliveries"].with_columns(
        delivery_id=pl.lit("b" * 64), status=pl.lit("refused"), is_simulated=pl.lit(value=False), profile=pl.lit(None)
    )
    tables["deliveries"] = pl.concat([tables["deliveries"], refused.select(tables["deliveries"].columns)])
    assert "mixed" not in page(build(tables))


def test_places_stand_in_a_table_with_the_network_first(build):
    text = page(build(city()))
    (areas,) = re.findall(r'<table class="places" id="table-areas">.*?</table>', text, re.S)
    assert re.findall(r'<th scope="row"><bdi>(.*?)</bdi>', areas) == [
        "All sites",
        "District A",
        "District B",
        "District C",
    ]
    (sites,) = re.findall(r'<table class="places" id="table-sites">.*?</table>', text, re.S)
    assert len(re.findall(r'<th scope="row">', sites)) == 8


def test_sources_factors_protocols_and_quarantine_are_told(build):
    said = Outline(page(build(city()))).text
    assert "north/results-2025.xlsx Northern laboratory simulated-north 2026-01-05 1,203 1,200 3" in said
    assert "1 file with 1,203 rows: 1,200 accepted, 3 quarantined; 0 of the files refused." in said
    assert "Terms of use: CC BY 4.0" in said
    assert "approved by A. Chemist" in said
    assert "Not yet verified:" in said
    assert "what is expected below the day's limit, by the site's other days" in said
    assert "±10 %" in said
    assert "3 records delivered are in no figure" in said
    assert "negative_value north/results-2025.xlsx 3 north/results-2025.xlsx, row 3: '-1' is below zero." in said


def test_empty_warehouse_says_that_nothing_was_delivered(build):
    text = page(build({}))
    assert "Nothing could be compared." in text
    assert "No file has been delivered yet" in text


def test_results_without_flows_say_why_nothing_could_be_compared(build):
    text = page(build(without_flows()))
    said = Outline(text).text
    assert "Nothing could be compared. 32 results were accepted, but none could be turned into an amount" in said
    assert "9 results: The flow of the sampled day was not delivered" in said
    assert "9 results: The population of a site is not known, or not by its primary method." in said


def test_other_periods_say_which_there_are(build):
    said = Outline(page(build(city(), baseline="2019"))).text
    assert "There is no comparison of 2019 with 2025 by this protocol. Sites have a mean in: 2022 (8 sites)" in said
    assert "Methamphetamine: 2019 and 2025 were not compared." in said


def test_unknown_protocol_is_refused_with_those_there_are(build):
    with pytest.raises(ValueError, match="name one of euda, permille"):
        build(city(), headline_protocol="guizhou")


def test_folder_must_be_empty_and_database_must_exist(build, tmp_path):
    folder = build(city())
    with pytest.raises(FileExistsError, match="name an empty folder"):
        publish_site(tmp_path / "site.duckdb", folder, **QUESTION)
    (tmp_path / "new").mkdir()
    with pytest.raises(FileNotFoundError, match="publish the warehouse first"):
        publish_site(tmp_path / "absent.duckdb", tmp_path / "new", **QUESTION)
    with pytest.raises(FileNotFoundError, match="make it first"):
        publish_site(tmp_path / "site.duckdb", tmp_path / "absent", **QUESTION)


def test_database_is_only_read(build, tmp_path):
    database = write_warehouse(tmp_path / "site.duckdb", city())
    before = database.read_bytes()
    build({})
    assert database.read_bytes() == before
    assert not (tmp_path / "site.duckdb.wal").exists()


def hostile_city():
    """A city in which every text a delivery can bring tries to break out."""
    tables = city(site_name=lambda n: f"{HOSTILE}{n}", file_name=f"{HOSTILE}.csv")
    evil = pl.lit(HOSTILE)
    tables["deliveries"] = tables["deliveries"].with_columns(
        sender=evil, source=evil, licence=evil, profile=evil, problem=evil
    )
    tables["area_periods"] = tables["area_periods"].with_columns(unit_name=evil)
    tables["changes"] = tables["changes"].with_columns(unit_name=evil)
    tables["quarantine"] = tables["quarantine"].with_columns(rule=evil, message=evil)
    tables["factors"] = rows_of("factors", [{**factor(drug), "source": HOSTILE} for drug in NAMES])
    return tables


def test_hostile_texts_stay_texts(build):
    text = page(build(hostile_city(), title=HOSTILE))
    outline = Outline(text)
    scripts = [attributes for tag, attributes in outline.tags if tag == "script"]
    assert [attributes.get("src") for attributes in scripts if "src" in attributes] == [
        "static/plotly.min.js",
        "static/permille.js",
    ]
    assert all(attributes.get("type") == "application/json" for attributes in scripts if "src" not in attributes)
    assert not [tag for tag, _ in outline.tags if tag in ("img", "iframe", "object", "style", "form")]
    assert not [
        name for _, attributes in outline.tags for name in attributes if name.startswith("on") or name == "style"
    ]
    assert "\u202e" not in text
    assert "\u2066" not in text
    assert "{{ 7*7 }}" in outline.text
    assert "alert(1)" in outline.text


def test_identifiers_are_our_own_and_unique(build):
    found = [attributes["id"] for _, attributes in Outline(page(build(hostile_city()))).tags if "id" in attributes]
    assert len(found) == len(set(found))
    assert all(re.fullmatch(r"[a-z0-9.-]+", name) for name in found)


def test_page_is_in_order(build):
    """Language, one h1, no level of heading left out, captions, scopes, labels that exist."""
    text = page(build(city()))
    outline = Outline(text)
    assert '<html lang="en">' in text
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert text.count("<table") == text.count("<caption>")
    assert all("scope" in attributes for tag, attributes in outline.tags if tag == "th")
    identifiers = {attributes["id"] for _, attributes in outline.tags if "id" in attributes}
    named = {attributes["aria-labelledby"] for _, attributes in outline.tags if "aria-labelledby" in attributes}
    linked = {attributes["href"][1:] for tag, attributes in outline.tags if tag == "a" and attributes["href"][0] == "#"}
    drawn = {attributes["data-figure"] for _, attributes in outline.tags if "data-figure" in attributes}
    assert named | linked | drawn <= identifiers
    assert text.count("<figure") == text.count("<figcaption") == text.count("<summary>The numbers in this figure")


def test_page_asks_nothing_of_any_network(build):
    folder = build(city())
    text = page(folder)
    assert f'content="{CONTENT_POLICY}"'.replace("'", "&#39;") in text
    assert "unsafe" not in CONTENT_POLICY
    own = text + "".join(
        (folder / "static" / name).read_text(encoding="utf-8") for name in ("permille.css", "permille.js")
    )
    assert not re.findall(r"https?://|//[a-z]+\.|url\(|@import|fetch\(|XMLHttpRequest", own)


def test_large_network_stays_small(build):
    """As large as the European network: 215 sites, 30 areas, 6 drugs, 13 years."""
    tables = city(
        n_sites=215,
        n_areas=30,
        drugs=tuple(NAMES),
        years=tuple(range(2013, 2026)),
        has_quarters=False,
        is_simulated=False,
    )
    assert len(page(build(tables)).encode()) < 500_000


def test_csv_holds_every_row_in_full_precision(build, tmp_path):
    folder = build(city())
    with duckdb.connect(str(tmp_path / "site.duckdb"), read_only=True) as connection:
        for name in names("downloads"):
            table = connection.table(name).pl()
            rows = rows_in(folder, name)
            assert len(rows) == table.height
            assert list(rows[0]) == [*table.columns, "factor_status"]
            column = "change_percent" if name == "changes" else "mean_mg_per_day_per_1000"
            assert sorted(float(row[column]) for row in rows if row[column]) == sorted(table[column].drop_nulls())


def test_csv_of_an_empty_table_has_its_header(build):
    lines = (build({}) / "data" / "changes.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 1
    assert lines[0].split(",")[0] == "state" or "level" in lines[0]


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_formula_in_a_delivered_text_is_neutralised(build, start):
    folder = build(city(site_name=lambda n: f'{start}HYPERLINK("x",{n})'))
    rows = rows_in(folder, "changes")
    sites = [row["unit_name"] for row in rows if row["level"] == "site"]
    assert sites
    assert all(name.startswith(f"'{start}HYPERLINK") for name in sites)
    assert any(row["change_percent"].startswith("-") for row in rows), "a negative number stays a number"


def test_formula_behind_a_semicolon_is_neutralised_too():
    """Where the decimal sign is a comma, a spreadsheet begins a new cell at each semicolon."""
    frame = pl.DataFrame({"panel": ["S1;=1+1;S-2", "＝x"], "number": [-1.5, 2.0]})
    assert neutralised(frame).rows() == [("S1;'=1+1;S-2", -1.5), ("'＝x", 2.0)]
    assert {"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} == set(FORMULA_STARTS)


def test_list_becomes_text_with_semicolons(tmp_path):
    frame = pl.DataFrame(
        {"list": [[1.5, None, 0.1 + 0.2], [], None], "text": ["plain", "a,b", None], "number": [-1.0, 1e-9, None]}
    )
    write_csv([frame.clear(), frame], tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes().decode("utf-8") == (
        '\ufefflist,text,number\n1.5;;0.30000000000000004,plain,-1.0\n"","a,b",1e-9\n,,\n'
    )
    assert neutralised(frame).columns == frame.columns


def test_an_approved_factor_beside_an_unverified_marker_is_not_called_provisional(build):
    tables = city()
    is_meth = pl.col("drug") == "methamphetamine"
    tables["factors"] = tables["factors"].with_columns(
        factor_status=pl.when(is_meth).then(pl.lit("approved")).otherwise("factor_status"),
        evidence=pl.when(is_meth).then(pl.lit("V")).otherwise("evidence"),
    )
    text = page(build(tables))
    assert "provisional population marker" in tile(text, "Methamphetamine")
    assert "factor" not in tile(text, "Methamphetamine")
    heading = dict(re.findall(r'<th scope="col" class="number"><bdi>(.*?)</bdi>(.*?)</th>', text))
    assert ">M</a>" in heading["Methamphetamine"]
    assert "M: rests on a provisional population marker." in text
    assert "consumption, quarterly means, provisional population marker" in text
