"""The pages: complete, the same each time, honest about what is missing, and safe whatever a delivery holds."""

import base64
import csv
import gzip
import io
import itertools
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dashboards.datasets import names
from dashboards.downloads import neutralised, write_csv
from dashboards.labels import because
from dashboards.languages import LANGUAGES
from dashboards.pages.downloads import DOWNLOADS
from dashboards.rendering import CONTENT_POLICY
from dashboards.site import publish_site
from pipeline.formulas import FORMULA_STARTS
from tests.unit.dashboards.conftest import (
    NAMES,
    QUESTION,
    city,
    factor,
    judged_city,
    large_city,
    rows_of,
    target,
    with_every_figure,
    without_flows,
    write_warehouse,
)

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


@pytest.fixture
def build(build):
    """A function that publishes pages, without the files of data beside them unless asked."""
    return lambda tables, *name, **changed: build(tables, *name, **{"has_data": False, **changed})


def page(folder: Path, address: str = "index.html", language: str = "en") -> str:
    """A page, whatever holds its numbers and signs together."""
    return (folder / language / address).read_text(encoding="utf-8").replace("\xa0", " ")


def said(folder: Path, address: str = "index.html", language: str = "en") -> str:
    """The words of a page, one blank between them."""
    return Outline(page(folder, address, language)).text


def every_page(folder: Path) -> dict[str, str]:
    """All pages in all languages, by their address from the site's folder."""
    return {
        str(file.relative_to(folder)): file.read_text(encoding="utf-8")
        for language in LANGUAGES
        for file in sorted((folder / language).rglob("*.html"))
    }


def heads(text: str) -> dict[str, str]:
    """What stands beside the name of each drug in the head of a table of places, as it is written."""
    return dict(re.findall(r'<th scope="col" class="number"><a [^>]*><bdi>(.*?)</bdi></a>(.*?)(?=<th |</thead>)', text))


def lead_of(text: str) -> str:
    """The sentences that an overview begins with."""
    return re.search(r'<p class="lead">(.*?)</p>', text).group(1)


def falls(text: str) -> list[tuple[str, str]]:
    """The drugs that sentences name, each with how far it is up or down."""
    return re.findall(r"([A-Z]\w+), ((?:down|up) \d+ %)", text)


def tile(text: str, drug: str) -> str:
    """The words of one drug's tile in the overview."""
    (found,) = [part for part in re.findall(r"<article.*?</article>", text, re.S) if f"<bdi>{drug}</bdi>" in part]
    return Outline(found).text


def figures(text: str) -> list[dict]:
    """The figures of a page, as its script reads them."""
    return list(packed_figures(text).values())


def packed_figures(text: str) -> dict[str, dict]:
    """The same by the names under which the page asks for them."""
    islands = re.findall(r'<script type="application/octet-stream" id="figures">([A-Za-z0-9+/=]*)</script>', text)
    return {name: of for island in islands for name, of in json.loads(gzip.decompress(base64.b64decode(island)))}


def rows_in(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a data file, as a spreadsheet reads them."""
    return list(csv.DictReader(io.StringIO(csv_in(folder, name), newline="")))


def csv_in(folder: Path, name: str) -> str:
    """A data file as text, unpacked."""
    file = folder / "data" / f"{name}.csv.zip"
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == [f"{name}.csv"]
        return archive.read(f"{name}.csv").decode("utf-8-sig")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_site_is_complete(build):
    folder = build(city(n_sites=3, n_areas=2), has_data=True)
    drugs = [f"drugs/{drug}.html" for drug in ("cocaine", "ketamine", "mdma", "methamphetamine")]
    places = ["areas/a00.html", "areas/a01.html", "sites/s000.html", "sites/s001.html", "sites/s002.html"]
    names = ("about", "compare", "downloads", "index", "methods", "places", "quality", "restatements")
    others = [f"{name}.html" for name in names]
    assert sorted(bytes_of(folder)) == sorted(
        [
            "index.html",
            *(f"data/{name}" for name in DOWNLOADS),
            *(f"{language}/{address}" for language in LANGUAGES for address in drugs + places + others),
            *(f"static/{name}" for name in ("compare.js", "permille.css", "permille.js", "plotly.min.js")),
            *(f"static/{kind}-{language}.js" for kind in ("search", "words") for language in LANGUAGES),
            *(f"data/{kind}/site-s00{n}.js" for kind in ("origins", "series") for n in range(3)),
            *(
                f"data/{kind}/{name}.js"
                for kind in ("origins", "series")
                for name in ("area-a00", "area-a01", "network-network")
            ),
        ]
    )


def test_two_builds_are_the_same_bytes(build):
    assert bytes_of(build(city(), "one")) == bytes_of(build(city(), "two"))


def test_overview_says_change_means_sites_days_and_what_is_not_computed(build):
    words = tile(page(build(city())), "Methamphetamine")
    assert "down 48 %" in words
    assert "from 309 to 160 mg/day/1000 · 8 sites" in words
    assert "2023, mean 309 mg/day/1000" in words
    assert re.search(r"Sites compared\D+8\b", words)
    assert "Site-days in 2023 224 (16 below limits)" in words
    assert "down 43 %" in words
    assert "By EUDA / SCORE: down 48 % (class: decrease)" in words
    assert "Newest sample 2025-12-28" in words
    assert "provisional factor" in words
    assert "provisional factor" not in tile(page(build(city())), "Cocaine")


def test_provisional_is_marked_wherever_a_figure_rests_on_it(build):
    folder = build(city())
    heading = dict(
        re.findall(r'<th scope="col" class="number"><a [^>]*><bdi>(.*?)</bdi></a>(.*?)(?=<th |</thead>)', page(folder))
    )
    for drug, is_provisional in {"Methamphetamine": True, "Cocaine": False}.items():
        assert (">P</abbr>" in heading[drug]) == is_provisional
        words = said(folder, f"drugs/{drug.lower()}.html")
        assert ("provisional factor" in words.split("Trend", maxsplit=1)[0]) == is_provisional
        assert ("quarterly means, provisional factor" in words) == is_provisional


def test_an_experimental_factor_is_told_apart_and_names_no_largest_fall(build):
    tables = city()
    is_meth = pl.col("drug") == "methamphetamine"
    tables["factors"] = tables["factors"].with_columns(
        factor_status=pl.when(is_meth).then(pl.lit("experimental")).otherwise("factor_status")
    )
    folder, before = build(tables), page(build(city()))
    text = page(folder)
    assert "experimental factor" in tile(text, "Methamphetamine")
    assert "provisional factor" not in tile(text, "Methamphetamine")
    assert "provisional factor" in tile(text, "Ketamine")
    heading = dict(
        re.findall(r'<th scope="col" class="number"><a [^>]*><bdi>(.*?)</bdi></a>(.*?)(?=<th |</thead>)', text)
    )
    assert ">E</abbr>" in heading["Methamphetamine"]
    assert ">P</abbr>" in heading["Ketamine"]
    assert "<b>E</b> experimental factor" in text
    assert "means, experimental factor" in page(folder, "drugs/methamphetamine.html")
    assert "means, provisional factor" in page(folder, "drugs/ketamine.html")
    assert falls(lead_of(before)) == [("Methamphetamine", "down 48 %")]
    assert [drug for drug, _ in falls(lead_of(text))] == ["Cocaine", "Methamphetamine"], "its tile stands below"
    assert falls(lead_of(text))[1] == ("Methamphetamine", "down 48 %")
    assert lead_of(text).index("Cocaine") < lead_of(text).index("experimental") < lead_of(text).index("Methamphetamine")


def test_the_lead_names_what_is_larger_by_an_experimental_factor_where_there_is_no_other(build):
    def lead(*experimental: str) -> str:
        tables = judged_city()
        tables["factors"] = tables["factors"].with_columns(
            factor_status=pl.when(pl.col("drug").is_in(experimental))
            .then(pl.lit("experimental"))
            .otherwise("factor_status")
        )
        return lead_of(page(build(tables))).split(".", 1)[1]

    assert "experimental" not in lead("cocaine")
    first, second = lead("ketamine").strip().removesuffix(".").split(". ")
    assert falls(first) == [("Methamphetamine", "down 48 %")]
    assert "(−56 % to −39 %; provisional factor)" in first
    assert falls(second) == [("Ketamine", "up 39 %")]
    assert "experimental" in second
    assert "(+31 % to +48 %)" in second
    both = lead("methamphetamine", "ketamine")
    assert falls(both) == [("Methamphetamine", "down 48 %"), ("Ketamine", "up 39 %")]
    assert both.count("experimental") == 1
    assert "provisional" not in both
    assert "(−56 % to −39 %)" in both
    assert "(+31 % to +48 %)" in both


def test_a_target_says_by_which_protocol_and_factor_and_begins_at_the_left_whatever_it_is_called(build):
    tables = city(is_simulated=False)
    tables["targets"] = rows_of("targets", [
        target(1, target_name="יעד 2", is_provisional=True, credibility="not supported"),
        target(2, protocol="euda", credibility="not supported", ci_high_percent=4.0),
        target(3, state="not estimable", reason="no_current", change_percent=None),
        *(target(n, target_name=f"Plan {n}") for n in range(4, 9)),
    ])  # fmt: skip
    text = page(build(tables))
    first, second, third, *_ = re.findall(r'<li><strong>.*?</strong>(.*?)<br><bdi dir="ltr">(.*?)</bdi></li>', text)
    assert first[0] == ' <span class="mark">not met</span> <span class="mark">undecided whether on track</span>'
    assert first[1].startswith("יעד 2: Methamphetamine ")
    assert "not supported" in first[1]
    assert first[1].endswith("(provisional factor)")
    assert re.search(r"\b2025\b.*\b72 %.*\bEUDA\b", second[1])
    assert "not supported" not in second[1], "where no change was detected there is nothing to support"
    assert third[0] == ' <span class="mark">cannot be told</span>'
    assert "<summary>Further targets (2)</summary>" in text


def test_a_target_stands_on_the_overview_and_on_the_pages_of_its_drug_and_place(build):
    tables = city()
    of_area = {"level": "area", "unit_id": "a00", "unit_name": "<b>District A", "drug": "ketamine"}
    tables["targets"] = rows_of("targets", [target(1), target(2, target_name="<b>Plan A", **of_area)])
    folder = build(tables)
    found = {
        address: re.findall(r'<br><bdi dir="ltr">(.*?): .*? shall be', page(folder, address))
        for address in ("index.html", "drugs/methamphetamine.html", "drugs/ketamine.html", "drugs/cocaine.html",
                        "areas/a00.html", "areas/a01.html", "sites/s001.html")
    }  # fmt: skip
    assert found == {
        "index.html": ["Plan 2027", "&lt;b&gt;Plan A"],
        "drugs/methamphetamine.html": ["Plan 2027"],
        "drugs/ketamine.html": ["&lt;b&gt;Plan A"],
        "drugs/cocaine.html": [],
        "areas/a00.html": ["&lt;b&gt;Plan A"],
        "areas/a01.html": [],
        "sites/s001.html": [],
    }


def test_a_trend_says_of_how_many_sites_it_is(build):
    """A mean over other sites than the quarter before is no trend: sites that are missing are counted beside it."""
    tables = city()
    is_first = (pl.col("period") == "2023-Q1") & (pl.col("level") == "network")
    tables["area_periods"] = tables["area_periods"].with_columns(
        n_sites_without_days=pl.when(is_first).then(3).otherwise("n_sites_without_days")
    )
    text = page(build(tables), "drugs/cocaine.html")
    rows = dict(re.findall(r"<tr><th scope=row>(2023-Q[12])(<td>.*?)(?=<tr>)", text))
    assert "<td>8 <small>of 11</small><td>" in rows["2023-Q1"]
    assert "<td>8<td>" in rows["2023-Q2"]


def test_downloads_tell_the_status_of_the_factor(build):
    folder = build(city(), has_data=True)
    for name in ("changes", "area_periods", "site_periods"):
        rows = pl.read_csv(io.StringIO(csv_in(folder, name))).select("protocol", "drug", "factor_status").unique()
        found = {(protocol, drug): status for protocol, drug, status in rows.iter_rows()}
        assert found["permille", "methamphetamine"] == "provisional"
        assert found["permille", "cocaine"] == "approved"
        assert found["euda", "methamphetamine"] is None, "a residue load rests on no factor"


def test_an_area_that_holds_every_site_is_not_shown_beside_the_network(build):
    """It is the network under another name: its line, its row and its page would stand twice."""
    one = build(city(n_areas=1))
    assert not (one / "en" / "areas").exists()
    assert not [text for text in every_page(one).values() if "District A" in text]
    two = build(city(n_areas=2))
    assert "District A" in page(two)
    assert (two / "en" / "areas" / "a00.html").exists()


def test_overview_is_sorted_by_the_size_of_the_change_and_ends_with_what_is_not_estimable(build):
    order = re.findall(r"<article.*?<bdi>(.*?)</bdi>", page(build(city())), re.S)
    assert order == ["Methamphetamine", "Ketamine", "Cocaine", "MDMA"]


def test_what_is_told_from_chance_stands_first(build):
    tables = city()
    is_cocaine = (pl.col("drug") == "cocaine") & (pl.col("state") == "estimated")
    tables["changes"] = tables["changes"].with_columns(
        ci_low_percent=pl.col("change_percent") - 9,
        ci_high_percent=pl.col("change_percent") + 9,
        smallest_detectable_fall_percent=12.0,
        verdict=pl.when(is_cocaine)
        .then(pl.lit("fall"))
        .when(pl.col("state") == "estimated")
        .then(pl.lit("no change detected"))
        .otherwise("verdict"),
    )
    text = page(build(tables))
    assert re.findall(r"<article.*?<bdi>(.*?)</bdi>", text, re.S) == ["Cocaine", "Methamphetamine", "Ketamine", "MDMA"]
    assert "4 drugs from 2023 to 2025: 1 down, 2 without a detected change, 1 not estimable." in text


def test_intervals_and_verdicts_are_shown_where_they_are_filled(build):
    tables = city()
    tables["changes"] = tables["changes"].with_columns(
        ci_low_percent=pl.when(pl.col("state") == "estimated").then(-55.0),
        ci_high_percent=pl.when(pl.col("state") == "estimated").then(-39.0),
        verdict=pl.when(pl.col("state") == "estimated").then(pl.lit("fall")).otherwise("verdict"),
        smallest_detectable_fall_percent=12.0,
    )
    folder = build(tables)
    words = tile(page(folder), "Methamphetamine")
    assert "95 % interval: −55 % to −39 % fall" in words
    assert re.search(r"Smallest fall\D+12 %", words)
    assert "no interval" not in Outline(page(folder)).text.replace("no interval)", "")
    of_site = said(folder, "sites/s001.html")
    assert "−48 % −55 % to −39 % ▼ fall" in of_site


def test_not_estimable_is_said_with_its_reason(build):
    folder = build(city())
    words = tile(page(folder), "MDMA")
    assert "not estimable" in words
    assert because("mostly_below_limit") in words
    assert "n.e. <small><bdi>below limits</bdi></small>" in page(folder)
    for address, text in every_page(folder).items():
        assert not re.search(r">\s*(-?inf|nan|None|NaN)\s*<", text), address


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
    folder = build(city())
    text = page(folder, "drugs/methamphetamine.html")
    assert "Methamphetamine: down 48 %, from 309 mg/day/1000 in 2023 to 160 in 2025, over the same 8 sites." in text
    assert "There is no mean over all sites to draw." in page(folder, "drugs/mdma.html")
    assert len(re.findall(r"<figure", page(folder, "sites/s001.html"))) == 3


def test_quarters_are_drawn_where_there_are_and_years_elsewhere(build):
    assert "quarterly means" in page(build(city()), "drugs/cocaine.html")
    yearly = page(build(city(has_quarters=False)), "drugs/cocaine.html")
    assert "yearly means" in yearly
    assert "quarterly means" not in yearly


def test_simulated_data_are_named_everywhere(build):
    folder = build(city(), has_data=True)
    for address, text in every_page(folder).items():
        name = "SIMULATED DATA" if address.startswith("en/") else "模拟数据"
        assert f"<title>{name} · " in text, address
        assert '<aside class="simulated"' in text
        assert "mixed" not in text
        for figure in figures(text):
            assert name in figure["layout"]["title"]["subtitle"]["text"]
            assert name in [note["text"] for note in figure["layout"]["annotations"]]
        captions = re.findall(r"<caption>(.*?)</caption>", text, re.S)
        assert all(name in caption for caption in captions if "methods" not in address), address
    for name in names("downloads"):
        rows = rows_in(folder, name)
        assert rows
        assert {row["is_simulated"] for row in rows} == {"true"}


def test_real_data_are_not_called_simulated(build):
    for address, text in every_page(build(city(is_simulated=False))).items():
        assert "SIMULATED" not in text, address
        assert 'class="simulated"' not in text, address


def test_mixture_of_simulated_and_real_rows_is_said(build):
    tables = city()
    tables["results"] = tables["results"].with_columns(is_simulated=pl.int_range(pl.len()) > 0)
    text = page(build(tables))
    assert "<title>SIMULATED DATA · " in text
    assert "Simulated and real rows are mixed" in text


def test_refused_file_does_not_make_a_simulated_city_a_mixture(build):
    tables = city()
    refused = tables["deliveries"].with_columns(
        delivery_id=pl.lit("b" * 64),
        receipt_number=pl.lit(2, pl.Int64),
        place=pl.lit(2, pl.Int64),
        status=pl.lit("refused"),
        is_simulated=pl.lit(value=False),
        profile=pl.lit(None),
    )
    tables["deliveries"] = pl.concat([tables["deliveries"], refused.select(tables["deliveries"].columns)])
    assert "mixed" not in page(build(tables))


def test_places_stand_in_a_table_with_the_network_first(build):
    folder = build(city())
    (areas,) = re.findall(r'<table class="places" id="table-areas">.*?</table>', page(folder), re.S)
    assert re.findall(r"<th scope=row><a [^>]*><bdi>(.*?)</bdi>", areas) == [
        "All sites",
        "District A",
        "District B",
        "District C",
    ]
    (sites,) = re.findall(r'<table class="places" id="table-sites">.*?</table>', page(folder, "places.html"), re.S)
    assert len(re.findall(r"<th scope=row>", sites)) == 8


def test_page_of_a_site_tells_its_areas_and_that_of_an_area_its_sites(build):
    folder = build(city())
    assert '<a href="../areas/a01.html"><bdi>District B</bdi></a>' in page(folder, "sites/s001.html")
    of_area = page(folder, "areas/a01.html")
    assert re.findall(r'<a href="\.\./sites/([^"]*)\.html">', of_area) == ["s001", "s004", "s007"]


def test_a_place_draws_its_own_line_bold_and_no_other(build):
    folder = build(city())
    for address in ("areas/a01.html", "sites/s001.html"):
        for figure in figures(page(folder, address)):
            assert [trace["name"] for trace in figure["data"] if trace.get("meta") == "origin"]
            assert "Areas" not in [trace.get("name") for trace in figure["data"]]
    of_network, *_ = figures(page(folder, "drugs/cocaine.html"))
    assert [trace["name"] for trace in of_network["data"]].count("Areas") == 3


def test_sources_factors_protocols_and_quarantine_are_told(build):
    folder = build(city())
    quality = said(folder, "quality.html")
    assert "north/results-2025.xlsx Northern laboratory simulated-north 2026-01-05 1,203 1,200 3" in quality
    assert re.search(r"\b1 file\b.*\b1,203 rows\b.*\b1,200 accepted, 3 quarantined\b.*\b0\b", quality)
    assert ("… is below zero north/results-2025.xlsx 3 north/results-2025.xlsx, row 3: '-1' is below zero.") in quality
    in_chinese = Outline(page(folder, "quality.html", "zh")).text
    assert "…为负" in in_chinese
    assert "更正；浓度低于限值的写作<LOQ。" in in_chinese
    assert "Years of sites without a mean" in quality
    assert "Terms of use – CC BY 4.0" in said(folder, "about.html")
    methods = said(folder, "methods.html")
    assert "by A. Chemist" in methods
    assert "Not yet verified" in methods
    assert "what is expected below the day's limit, by the site's other days" in methods
    assert "±10 %" in methods


def test_empty_warehouse_says_that_nothing_was_delivered(build):
    folder = build({})
    assert "Nothing could be compared." in page(folder)
    assert "No file has been delivered yet" in page(folder)
    assert "尚未收到任何文件" in page(folder, language="zh")


def test_results_without_flows_say_why_nothing_could_be_compared(build):
    words = said(build(without_flows()))
    assert re.search(r"Nothing could be compared\W+32 results", words)
    assert f"9 results: {because('no_flow')}" in words
    assert f"9 results: {because('no_population')}" in words


def test_other_periods_say_which_there_are(build):
    folder = build(city(), baseline="2019")
    words = said(folder)
    assert re.search(r"\b2019\b[^.]*\b2025\b[^.]*\.[^.]*: 2022 \(8 sites\)", words)
    assert re.search(r"Methamphetamine\b[^.]*\b2019\b[^.]*\b2025\b", said(folder, "drugs/methamphetamine.html"))


def test_every_comparison_has_its_overview_and_each_leads_to_the_others(build):
    """Baselines are switched by addresses: without a script, and so that one can be sent to somebody."""
    tables = city()
    other = tables["changes"].with_columns(baseline_period=pl.lit("2024"), change_percent=pl.col("change_percent") / 2)
    tables["changes"] = pl.concat([tables["changes"], other])
    folder = build(tables)
    first, second = page(folder), page(folder, "against/2024-to-2025.html")
    assert '<a href="against/2024-to-2025.html">2024</a>' in first
    assert '<a href="../index.html">2023</a>' in second
    assert "down 48 %" in tile(first, "Methamphetamine")
    assert "down 24 %" in tile(second, "Methamphetamine")
    words = said(folder, "drugs/methamphetamine.html")
    assert "2023 2025 −48 %" in words
    assert "2024 2025 −24 %" in words
    assert "2025 against 2024" in second


def test_unknown_protocol_is_refused_with_those_there_are(build):
    with pytest.raises(ValueError, match="euda, permille"):
        build(city(), headline_protocol="guizhou")


def test_folder_must_be_empty_and_database_must_exist(build, tmp_path):
    folder = build(city())
    with pytest.raises(FileExistsError, match="name an empty folder"):
        publish_site(folder.with_name("published.duckdb"), folder, **QUESTION)
    (tmp_path / "new").mkdir()
    with pytest.raises(FileNotFoundError, match="publish the warehouse first"):
        publish_site(tmp_path / "absent.duckdb", tmp_path / "new", **QUESTION)
    with pytest.raises(FileNotFoundError, match="make it first"):
        publish_site(folder.with_name("published.duckdb"), tmp_path / "absent", **QUESTION)


def test_database_is_only_read(tmp_path):
    database = write_warehouse(tmp_path / "site.duckdb", {})
    before = database.read_bytes()
    (tmp_path / "site").mkdir()
    publish_site(database, tmp_path / "site", **QUESTION)
    assert database.read_bytes() == before
    assert not (tmp_path / "site.duckdb.wal").exists()


def hostile_city():
    """A city in which every text a delivery can bring tries to break out."""
    tables = city(n_sites=4, n_areas=2, site_name=lambda n: f"{HOSTILE}{n}", file_name=f"{HOSTILE}.csv")
    evil = pl.lit(HOSTILE)
    tables["deliveries"] = tables["deliveries"].with_columns(
        sender=evil, source=evil, licence=evil, profile=evil, problem=evil
    )
    tables["area_periods"] = tables["area_periods"].with_columns(unit_name=evil)
    tables["changes"] = tables["changes"].with_columns(unit_name=evil)
    tables["quarantine"] = tables["quarantine"].with_columns(rule=evil, message=evil)
    tables["factors"] = rows_of("factors", [{**factor(drug), "source": HOSTILE} for drug in NAMES])
    return with_every_figure(tables, HOSTILE)


def test_hostile_texts_stay_texts(build):
    folder = build(hostile_city(), title=HOSTILE)
    for address, text in {**every_page(folder), "index.html": (folder / "index.html").read_text()}.items():
        outline = Outline(text)
        scripts = [attributes for tag, attributes in outline.tags if tag == "script"]
        files = {attributes["src"].rsplit("/", 1)[-1] for attributes in scripts if "src" in attributes}
        words = {f"words-{address[:2]}.js"} if "/" in address else set()
        assert files - words == {"permille.js", "compare.js"} if "compare" in address else {"permille.js"}
        kinds = {attributes.get("type") for attributes in scripts if "src" not in attributes}
        assert kinds <= {"application/json", "application/octet-stream"}
        assert not [tag for tag, _ in outline.tags if tag in ("img", "iframe", "object", "style")], address
        assert not [
            name for _, attributes in outline.tags for name in attributes if name.startswith("on") or name == "style"
        ], address
        assert "\u202e" not in text
        assert "\u2066" not in text
    overview = said(folder)
    assert "{{ 7*7 }}" in overview
    assert "alert(1)" in overview


def test_no_name_leads_out_of_the_folder_or_onto_another_page(build):
    """Numbers of sites become addresses: whatever stands in them, each has one page, inside the folder."""
    numbers = ["../../etc/passwd", "..", "con", "a/b", "a\\b", "A", "a", "北京", "x" * 300, "=cmd()", "😀", "a\u202eb"]
    tables = city(n_sites=len(numbers), n_areas=2)
    of = {f"s{n:03d}": number for n, number in enumerate(numbers)}
    for name, column in (("sites", "site_id"), ("site_periods", "site_id"), ("consumption", "site_id")):
        tables[name] = tables[name].with_columns(pl.col(column).replace(of))
    tables["changes"] = tables["changes"].with_columns(pl.col("unit_id").replace(of))
    folder = build(tables)
    found = list((folder / "en" / "sites").iterdir())
    assert len(found) == len(numbers)
    assert all(re.fullmatch(r"[a-z0-9-]{1,60}\.html", file.name) for file in found)
    assert {file.resolve().parent for file in found} == {(folder / "en" / "sites").resolve()}
    assert sorted(file.name for file in folder.iterdir()) == ["data", "en", "index.html", "static", "zh"]


def test_identifiers_are_our_own_and_unique(build):
    for address, text in every_page(build(hostile_city())).items():
        found = [attributes["id"] for _, attributes in Outline(text).tags if "id" in attributes]
        assert len(found) == len(set(found)), address
        assert all(re.fullmatch(r"[a-z0-9.-]+", name) for name in found), address


def test_every_page_is_in_order(build):
    """Language, one h1, no level of heading left out, captions, scopes, labels and places within that exist."""
    for address, text in every_page(build(city())).items():
        outline = Outline(text)
        assert f'<html lang="{"en" if address.startswith("en/") else "zh-Hans"}">' in text
        levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels.count(1) == 1, address
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), address
        assert text.count("<table") == text.count("<caption>"), address
        assert all("scope" in attributes for tag, attributes in outline.tags if tag == "th"), address
        identifiers = {attributes["id"] for _, attributes in outline.tags if "id" in attributes}
        named = {attributes["aria-labelledby"] for _, attributes in outline.tags if "aria-labelledby" in attributes}
        linked = {
            attributes["href"][1:]
            for tag, attributes in outline.tags
            if tag == "a" and attributes["href"].startswith("#")
        }
        drawn = {attributes["data-figure"] for _, attributes in outline.tags if "data-figure" in attributes}
        assert named | linked <= identifiers, address
        assert drawn == set(packed_figures(text)), address
        assert text.count("<figure") == text.count("<figcaption") <= text.count("<details"), address


def test_every_link_leads_to_a_page_that_exists_and_to_a_place_on_it(build):
    tables = city()
    other = tables["changes"].with_columns(baseline_period=pl.lit("2024"))
    tables["changes"] = pl.concat([tables["changes"], other])
    folder = build(tables, has_data=True)
    pages = {file: Outline(file.read_text(encoding="utf-8")) for file in sorted(folder.rglob("*.html"))}
    places = {
        file: {attributes["id"] for _, attributes in outline.tags if "id" in attributes}
        for file, outline in pages.items()
    }
    reached = set()
    for file, outline in pages.items():
        for tag, attributes in outline.tags:
            if tag in ("a", "link") or (tag == "script" and "src" in attributes):
                path, _, anchor = (attributes.get("href") or attributes["src"]).partition("#")
                target = (file.parent / path).resolve() if path else file
                assert target.is_file(), (file, path)
                if target.name == "compare.html" and "/" in anchor:
                    place, drug = anchor.split("/")
                    assert (folder / "data" / "series" / f"{place}.js").is_file(), (file, anchor)
                    assert drug in tables["changes"]["drug"].to_list()
                else:
                    assert not anchor or anchor in places[target], (file, path, anchor)
                reached.add(target)
    assert set(pages) - reached == {folder / "index.html"}, "every page can be reached"


def test_a_site_without_a_mean_of_any_drug_has_no_page_and_nothing_leads_to_one(build):
    """Its days are there, so it is named; but there is nothing to draw and nothing to compare."""
    tables = city(n_sites=4, n_areas=2)
    is_it = pl.col("site_id") == "s003"
    of_mdma = ~is_it | (pl.col("drug") == "mdma")
    tables["site_periods"] = tables["site_periods"].filter(of_mdma)
    tables["consumption"] = tables["consumption"].filter(of_mdma)
    tables["changes"] = tables["changes"].filter(pl.col("unit_id") != "s003")
    folder = build(tables)
    assert not (folder / "en" / "sites" / "s003.html").exists()
    assert "Plant 4" in page(folder, "areas/a01.html")
    for file in sorted(folder.rglob("*.html")):
        assert "s003.html" not in file.read_text(encoding="utf-8"), file


def test_each_language_has_the_same_pages_and_leads_to_the_other_at_the_same_page(build):
    folder = build(city())
    of = {
        code: {str(file.relative_to(folder / code)) for file in (folder / code).rglob("*.html")} for code in LANGUAGES
    }
    assert of["en"] == of["zh"]
    for address in of["en"]:
        assert f'zh/{address}" hreflang="zh"' in page(folder, address)
        assert f'en/{address}" hreflang="en"' in page(folder, address, "zh")


def test_nothing_english_is_left_on_chinese_pages(build):
    """But names and numbers of others, identifiers, and what is written in English in the data itself."""
    folder = build(city(site_name=lambda n: f"第{n}厂", file_name="结果.csv"))
    allowed = (
        r"Drugs in wastewater|English|Permille|EUDA / SCORE|District [A-C]\d?|Northern laboratory|simulated-north"
        r"|CC BY 4\.0|Weekly monitoring|<LOQ|mg/day(/1000)?|UTF-8|CSV|JavaScript|factor_status"
        r"|is_provisional|is_simulated|\w+\.(csv(\.zip)?|parquet|xlsx)|Parquet|columns|s0\d\d|a0\d|UTC|P|permille|euda"
    )
    for address in ("index.html", "places.html", "drugs/cocaine.html", "sites/s001.html", "areas/a01.html",
                    "quality.html", "restatements.html", "downloads.html", "about.html"):  # fmt: skip
        text = re.sub(r"<script.*?</script>", "", page(folder, address, "zh"), flags=re.S)
        words = re.sub(r"结果\.csv, row.*?Correct it\.", "", Outline(text).text)
        words = re.sub(allowed, "", words)
        assert not re.findall(r"[A-Za-z]{3,}", words), (address, re.findall(r".{20}[A-Za-z]{3,}.{20}", words))


def test_pages_ask_nothing_of_any_network(build):
    folder = build(city())
    assert "unsafe" not in CONTENT_POLICY
    for address, text in every_page(folder).items():
        assert f'content="{CONTENT_POLICY}"'.replace("'", "&#39;") in text, address
        assert not re.findall(r"https?://|//[a-z]+\.|url\(|@import", text), address
    for file in (folder / "static").iterdir():
        if file.name != "plotly.min.js":
            own = file.read_text(encoding="utf-8")
            assert not re.findall(r"https?://|//[a-z]+\.|url\(|@import|fetch\(|XMLHttpRequest", own), file.name


@pytest.mark.xdist_group("browser")  # where the same city is drawn
def test_pages_of_a_large_network_stay_small(build):
    """The budget: 250 kB compressed."""
    folder = build(large_city())
    sizes = {address: len(gzip.compress(text.encode(), mtime=0)) for address, text in every_page(folder).items()}
    assert max(sizes.values()) < 60_000, max(sizes, key=lambda address: sizes[address])


def test_csv_holds_every_row_with_nine_digits(build):
    folder = build(city(), has_data=True)
    with duckdb.connect(str(folder.with_name("published.duckdb")), read_only=True) as connection:
        for name in names("downloads"):
            table = connection.table(name).pl()
            rows = rows_in(folder, name)
            assert len(rows) == table.height
            assert list(rows[0]) == [*table.columns, "factor_status"]
            column = "change_percent" if name == "changes" else "mean_mg_per_day_per_1000"
            written = sorted(float(row[column]) for row in rows if row[column])
            assert written == pytest.approx(sorted(table[column].drop_nulls()), rel=5e-9)
            assert written == [float(f"{number:.9g}") for number in written]


def test_csv_of_an_empty_table_has_its_header(build):
    lines = csv_in(build({}, has_data=True), "changes").splitlines()
    assert len(lines) == 1
    assert lines[0].split(",")[0] == "state" or "level" in lines[0]


def test_formula_in_a_delivered_text_is_neutralised(build):
    starts = sorted(FORMULA_STARTS)
    tables = city(n_sites=len(starts), site_name=lambda n: f'{starts[n]}HYPERLINK("x",{n})')
    rows = rows_in(build(tables, has_data=True), "changes")
    names = {row["unit_name"] for row in rows if row["level"] == "site"}
    assert names == {f'\'{start}HYPERLINK("x",{n})' for n, start in enumerate(starts)}
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
        '\ufefflist,text,number\n1.5;;0.3,plain,-1.0\n"","a,b",1e-9\n,,\n'
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
    heading = dict(
        re.findall(r'<th scope="col" class="number"><a [^>]*><bdi>(.*?)</bdi></a>(.*?)(?=<th |</thead>)', text)
    )
    assert ">M</abbr>" in heading["Methamphetamine"]
    assert "<b>M</b> provisional population marker" in text


def test_sites_overseas_are_left_out_of_the_map_and_named(build):
    tables = judged_city(n_sites=12)
    is_far = pl.col("site_id") == "s005"
    tables["sites"] = tables["sites"].with_columns(longitude=pl.when(is_far).then(-120.0).otherwise("longitude"))
    folder = build(tables)
    assert re.search(r"\bmap\b[^.]*: Plant 6\.", said(folder, "drugs/cocaine.html"))
    assert "地图" in said(folder, "drugs/cocaine.html", "zh")
    drawn = packed_figures(page(folder, "drugs/cocaine.html"))["figure-map"]
    assert min(x for trace in drawn["data"] for x in trace["x"]) > 0


def test_an_interval_without_zero_beside_no_change_detected_is_explained_where_it_stands(build):
    folder = build(judged_city())
    note = "some intervals lie wholly above or below zero by chance alone"
    assert said(folder, "drugs/cocaine.html").count(note) >= 2
    assert note not in said(folder, "drugs/mdma.html"), "nothing to explain"


def test_a_change_that_is_not_supported_looks_like_none(build):
    tables = judged_city()
    tables["changes"] = tables["changes"].with_columns(
        credibility=pl.when(pl.col("verdict") == "fall").then(pl.lit("not supported")).otherwise("credibility")
    )
    folder = build(tables)
    text = page(folder)
    assert "▼ down" not in said(folder)
    assert "▽ down" in said(folder)
    assert re.search(r'class="heat fall doubted"', text)
    assert "Largest fall" not in said(folder)
    assert ", not supported (" in said(folder, "drugs/methamphetamine.html")


def test_a_title_does_not_call_a_fall_what_was_not_detected(build):
    folder = build(judged_city())
    (caption,) = re.findall(
        r'<figcaption id="caption-trend-cocaine">(.*?)</figcaption>', page(folder, "drugs/cocaine.html")
    )
    assert "Cocaine: no change detected (−12 %, −20 % to −2.6 %), from" in caption


def test_an_interval_that_reaches_above_a_figure_is_told(build):
    tables = city()
    has_mean = pl.col("mean_mg_per_day_per_1000").is_not_null()
    is_one = (pl.col("level") == "network") & (pl.col("period") == "2024-Q1") & has_mean
    tables["area_periods"] = tables["area_periods"].with_columns(
        ci_low_mg_per_day_per_1000=pl.when(is_one).then(1.0).otherwise("ci_low_mg_per_day_per_1000"),
        ci_high_mg_per_day_per_1000=pl.when(is_one).then(1e6).otherwise("ci_high_mg_per_day_per_1000"),
    )
    assert "The interval reaches above the figure" in said(build(tables), "drugs/cocaine.html")
