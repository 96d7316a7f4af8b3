"""The shipped profiles: each loads, is told apart by its headers, and reads what it was written for."""

from pathlib import Path

import polars as pl
import pytest

from pipeline.deliveries import read_and_judge
from pipeline.reading.canonical import wanted_headers
from schemas.profile import FIELDS, SHIPPED, Profile, TableProfile, load_profile, load_profiles
from schemas.reference_data import load_residues
from tests.conftest import RECEIPT, shared

DATA = Path(__file__).parents[2] / "data"
FILES = sorted(SHIPPED.glob("*.toml"))
PLAIN = [
    f"permille-{what}"
    for what in (
        "areas", "composites", "corrections", "events", "flow-readings", "flows", "populations", "quality-controls",
        "results", "site-decisions", "sites",
    )
]  # fmt: skip
RESULTS = "site_id,sampled_on,residue,concentration,unit,lod,loq,laboratory,batch\n"


def headers_of(profile: Profile) -> frozenset[tuple[str, str]]:
    """The sheet and header of each column a profile reads, as a file shows them."""
    return frozenset(
        ((table.sheet or "").casefold(), name.casefold())
        for table in profile.tables
        for names in wanted_headers(table)
        for name in names
    )


def read(path: Path, *, sites=None, profiles=None):
    return read_and_judge(
        path.read_bytes(), path.name, profiles=profiles or load_profiles(), known_sites=sites, receipt=RECEIPT
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_profile_loads_and_is_named_like_its_file(file):
    profile = load_profile(file)
    assert profile.name == file.stem
    assert file.read_text(encoding="utf-8").startswith("# "), "a profile opens with what it reads"


def test_no_two_profiles_read_the_same_headers():
    found = [headers_of(profile) for profile in load_profiles().values()]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_layout_maps_all_fields_a_person_may_send(name):
    (table,) = load_profile(SHIPPED / f"{name}.toml").tables
    fields = {field.rstrip("*") for field in FIELDS[table.table]}
    # Results come by day, or by start and end of the composite.
    other = {"sampled_on"} if name == "permille-composites" else {"composite_start_at", "composite_end_at"}
    # In our own layouts the numbers of sites are ours: they need no name.
    other |= {"site_label"} if table.table != "site_decisions" else set()
    assert set(table.columns) == fields - other


def test_the_readme_lists_the_headers_of_the_plain_layouts():
    readme = (DATA.parents[1] / "README.md").read_text(encoding="utf-8")
    for name in (name for name in PLAIN if name != "permille-composites"):
        (table,) = load_profile(SHIPPED / f"{name}.toml").tables
        optional = {table.columns[field] for field in table.optional}
        headers = [names[0] for names in wanted_headers(table)]
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{name}` |"))
        for header in headers:
            assert (f"[`{header}`]" if header in optional else f" `{header}` ") in row, header


def test_columns_that_may_be_left_out_are_empty(profiles):
    delivery = read_and_judge(
        b"site_id,sampled_on,residue,concentration,unit\nS1,2025-03-11,METH,5,ng/L\n", "may.csv",
        profiles=profiles, known_sites={"S1"}, receipt=RECEIPT,
    )  # fmt: skip
    row = delivery.accepted["results"].row(0, named=True)
    assert (row["concentration_ng_per_l"], row["lod_ng_per_l"], row["batch"]) == (5, None, None)
    assert delivery.status == "accepted"


def test_a_file_that_lacks_a_column_is_meant_for_the_profile_that_reads_most_of_it(profiles):
    """It holds all a site list needs, and yet is none."""
    delivery = read_and_judge(
        b"site_id,site_name,sampled_on,residue,concentration,lod,loq\nS1,One,2025-03-11,METH,5,1,2\n", "may.csv",
        profiles=profiles, known_sites={"S1"}, receipt=RECEIPT,
    )  # fmt: skip
    assert delivery.messages == (
        (
            "may.csv: column 'unit' is missing, which profile permille-results reads."
            " Add the column, or correct the profile."
        ),
    )
    assert delivery.n_quarantined == 1


@pytest.mark.parametrize("name", [*PLAIN, "euda-data", "euda-sites"])
def test_a_file_with_the_headers_of_a_profile_is_read_by_it(name):
    profile = load_profile(SHIPPED / f"{name}.toml")
    headers = sorted({names[0] for table in profile.tables for names in wanted_headers(table)})
    delivery = read_and_judge(
        (",".join(headers) + "\n" + "x," * len(headers)).encode(), "a.csv",
        profiles=load_profiles(), known_sites=None, receipt=RECEIPT,
    )  # fmt: skip
    assert delivery.record["profile"].item() == name


@pytest.mark.parametrize("profile", load_profiles().values(), ids=lambda profile: profile.name)
def test_profiles_map_to_residues_of_the_vocabulary(profile):
    known = set(load_residues()["residue"])
    for table in profile.tables:
        mapped = set(table.values.get("residue", {}).values()) | set(table.limits)
        if table.wide and table.wide.into == "residue":
            mapped |= {str(residue) for residue in table.wide.columns.values()}
        assert mapped <= known


@pytest.mark.parametrize(
    ("written", "qualifier"),
    [
        ("12.5", "="), ("<LOD", "<LOD"), ("N.D.", "<LOD"), ("nd", "<LOD"), ("未检出", "<LOD"), ("<LOQ", "<LOQ"),
        ("<3", "<LOQ"), (">900", ">ULOQ"), ("NA", "not measured"), ("", "not measured"),
    ],
)  # fmt: skip
def test_words_of_the_plain_layout(written, qualifier, judge_text):
    delivery = judge_text(RESULTS + f"S1,2025-03-11,METH,{written},µg/L,0.001,0.003,Lab,B1\n")
    row = delivery.accepted["results"].row(0, named=True)
    assert row["qualifier"] == qualifier
    assert row["lod_ng_per_l"] == pytest.approx(1), "limits are in the unit of the value"
    assert row["loq_ng_per_l"] == pytest.approx(3000 if written == "<3" else 3)


def test_weekdays_of_euda_are_iso_weekdays():
    (table,) = load_profile(SHIPPED / "euda-data.toml").tables
    order = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    assert table.wide is not None
    assert table.wide.columns == {day: number for number, day in enumerate(order, start=1)}


def test_euda_sites_are_all_read():
    delivery = read(shared("euda/ww2025-site-info-table.csv"))
    assert delivery.status == "accepted"
    assert {table: rows.height for table, rows in delivery.accepted.items()} == {
        "areas": 40, "sites": 217, "populations": 217,
    }  # fmt: skip
    sites = delivery.accepted["sites"]
    assert set(sites["area_id"]) <= set(delivery.accepted["areas"]["area_id"])
    assert sites["site_name"].is_unique().all()
    # Written with three no-break spaces behind it.
    assert sites.row(by_predicate=pl.col("site_name") == "Bordeaux I", named=True)["latitude"] == pytest.approx(
        44.837789
    )
    assert sites.row(by_predicate=pl.col("site_name") == "Debrecen", named=True)["area_id"] == "HU"
    names = delivery.accepted["areas"].select("area_id", "area_name")
    assert names.filter(pl.col("area_name") == pl.col("area_id")).is_empty(), "a country without a name: add it"


def test_euda_data_are_all_read():
    delivery = read(shared("euda/ww2025-all-data.csv"))
    assert delivery.status == "accepted"
    assert delivery.notes == []
    rows = delivery.accepted["reported_loads"]
    assert rows.height == 4_376 * 7
    assert dict(rows["qualifier"].value_counts().iter_rows()) == {"=": 27_890, "<LOQ": 2_393, "not measured": 349}


def test_bergen_point_is_all_read_and_its_smallest_numbers_stay_numbers():
    site = read(DATA / "bergen-point-site.csv").accepted["sites"]
    population = read(DATA / "bergen-point-population.csv", sites=site["site_id"]).accepted["populations"]
    delivery = read(shared("bergen-point/bergen-point-drugs.xlsx"), sites=site["site_id"])
    assert population.select("site_id", "population", "population_method").row(0) == ("bergen-point", 330_000, "served")
    assert delivery.status == "accepted"
    assert delivery.notes == []
    rows = delivery.accepted["results"]
    assert rows.height == 111 * 18
    assert rows.select(pl.col("sampled_on").min(), last=pl.col("sampled_on").max()).row(0) == (
        rows["sampled_on"][0], rows["sampled_on"][-1],
    )  # fmt: skip
    first = rows.row(by_predicate=(pl.col("row_number") == 3) & (pl.col("residue") == "caffeine"), named=True)
    assert first["concentration_ng_per_l"] == pytest.approx(79_601.9)  # 79.6019 µg/L
    smallest = rows.filter(pl.col("value_as_written") == "0.0005")
    assert smallest.height == 196
    assert set(smallest["qualifier"]) == {"="}


def test_the_page_about_profiles_names_every_key():
    text = (DATA.parents[1] / "docs" / "profiles.md").read_text(encoding="utf-8")
    for model in (Profile, TableProfile):
        for name in set(model.model_fields) - {"digest", "is_simulated", "tables"}:
            assert f"`{name}`" in text or f"[tables.{name}" in text, name
