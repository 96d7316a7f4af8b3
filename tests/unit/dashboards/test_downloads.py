"""The data files: complete, the same each time, with their units, and safe whatever a delivery holds."""

import re
import zipfile
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from dashboards import workbook
from dashboards.downloads import unit_of, write_parquet
from dashboards.labels import size_of_file
from dashboards.pages.downloads import DOWNLOADS
from dashboards.site import publish_site
from schemas.columns import COLUMNS
from tests.unit.dashboards.conftest import QUESTION, city, factor, rows_of, write_warehouse
from tests.unit.dashboards.test_pages import HOSTILE, hostile_city, rows_in, said

TRAPS = (
    "=cmd|'/c calc'!A1",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "＝1+1",
    "\t=1+1",
    "{=1+1}",
    "https://example.org/",
    "internal:changes!A1",
    "mailto:a@example.org",
    "<script>alert(1)</script>",
    "<r><t>x</t></r></is></c><c r='A9'><f>1+1</f></c><c r='B9' t='inlineStr'><is><r><t>x</t></r>",
    "\"'&]]>",
    "a\u202eb\u2066c",
    "_x003D_1+1",
    "a\x00b\x0b\ufffe\uffff",
    "名" * 300,
    "😀🏴‍☠️",
)
"""Names that try to be run, to break out of their cell or to spoil the file."""


def sheets_in(folder: Path) -> dict[str, list[list[object]]]:
    """The cells of each sheet, as a spreadsheet reads them."""
    book = CalamineWorkbook.from_path(str(folder / "data" / "permille.xlsx"))
    return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}


def rows_of_sheet(folder: Path, name: str) -> list[dict[str, object]]:
    """The rows of a sheet by the names of their columns."""
    _, _, names, *rows = sheets_in(folder)[name]
    return [dict(zip(names, row, strict=True)) for row in rows]


def xml_in(folder: Path) -> dict[str, str]:
    """The parts of the workbook, as they are written."""
    with zipfile.ZipFile(folder / "data" / "permille.xlsx") as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


def trapped_city():
    """A city whose sites, areas, laboratories, files and sources are called as the traps."""
    tables = city(n_sites=len(TRAPS), site_name=lambda n: TRAPS[n])
    (row,) = tables["deliveries"].to_dicts()
    tables["deliveries"] = rows_of(
        "deliveries",
        [
            {
                **row,
                "delivery_id": f"{n:064x}",
                "receipt_number": n + 1,
                "place": n + 1,
                "file_name": trap,
                "sender": trap,
                "source": trap,
                "licence": trap,
            }
            for n, trap in enumerate(TRAPS)
        ],
    )
    tables["area_periods"] = tables["area_periods"].with_columns(unit_name=pl.lit(TRAPS[11]))
    tables["factors"] = rows_of("factors", [{**factor(drug), "source": TRAPS[0]} for drug in ("cocaine", "ketamine")])
    return tables


def test_every_data_file_is_listed_with_its_size_and_the_units_are_explained(build):
    folder = build(city())
    for language, unit in (("en", "Amounts are in mg/day per 1000 inhabitants."), ("zh", "用量单位为每千人每日毫克")):
        words = said(folder, "downloads.html", language)
        assert unit in words
        for name in DOWNLOADS:
            size = (folder / "data" / name).stat().st_size
            assert f"{name} ({size_of_file(size)})" in words
    on_disk = {file.name for file in (folder / "data").iterdir() if file.is_file()}
    assert on_disk == set(DOWNLOADS)


def test_the_workbook_says_what_it_is_and_its_sheets_follow(build):
    sheets = sheets_in(build(city()))
    assert list(sheets) == [workbook.READ_ME, *workbook.SHEETS]
    english, chinese = (list(column) for column in zip(*sheets[workbook.READ_ME], strict=True))
    assert english[0] == chinese[0] == "Drugs in wastewater"
    assert english[1].startswith("SIMULATED DATA: ")
    assert chinese[1].startswith("模拟数据: ")
    assert "Newest sample: 2025-12-28. Sites with figures: 8. Protocol: Permille." in english
    assert "最新采样：2025年12月28日。有数值的监测点：8个。方案：Permille。" in chinese
    assert "Periods compared first: 2023 and 2025." in english
    for name in workbook.SHEETS:
        assert [line for line in english if line.startswith(f"{name} – ")]
    assert not [line for line in chinese if re.search("[A-Za-z]{4,} [A-Za-z]{2,} [A-Za-z]{2,}", line.partition("（")[0])
                and line != chinese[0]]  # fmt: skip
    for name in workbook.SHEETS:
        assert sheets[name][0][0].startswith("SIMULATED DATA: ")


def test_real_data_are_not_called_simulated_in_the_workbook(build):
    assert "SIMULATED" not in "".join(xml_in(build(city(is_simulated=False))).values())


def test_each_column_of_each_sheet_is_explained_with_the_unit_of_the_schemas(build):
    folder = build(city())
    sheets = sheets_in(folder)
    explained = {(row["sheet"], row["column"]): row for row in rows_of_sheet(folder, "columns")}
    others = set(workbook.SHEETS) - {"columns"}
    assert set(explained) == {(name, column) for name in others for column in sheets[name][2]}
    for (name, column), row in explained.items():
        assert row["description"] == COLUMNS[column].description
        unit = unit_of(column) or ""
        assert row["unit"] == unit
        assert sheets[name][1][sheets[name][2].index(column)] == unit
    assert explained["areas", "mean_mg_per_day_per_1000"]["unit"] == "mg/day/1000"
    assert explained["changes", "change_percent"]["unit"] == "percent"


def test_changes_of_the_workbook_are_those_of_the_csv(build):
    folder = build(city())
    ours, theirs = rows_of_sheet(folder, "changes"), rows_in(folder, "changes")
    key = ("level", "unit_id", "drug", "protocol")
    by_key = {tuple(row[name] for name in key): row for row in ours}
    assert len(by_key) == len(ours) == len(theirs)
    for row in theirs:
        mine = by_key[tuple(row[name] for name in key)]
        assert list(mine) == [name for name in row if not name.endswith(("_log_variance", "days_df"))]
        assert mine["baseline_period"] == row["baseline_period"] == "2023"
        assert mine["is_simulated"] is True
        if row["change_percent"]:
            assert mine["change_percent"] == pytest.approx(float(row["change_percent"]), rel=1e-8)
        else:
            assert mine["change_percent"] == ""


def test_areas_of_the_workbook_have_years_and_quarters_and_all_protocols(build):
    tables = city()
    months = tables["area_periods"].filter(pl.col("period") == "2025").with_columns(
        period_kind=pl.lit("month"), period=pl.lit("2025-03")
    )  # fmt: skip
    tables["area_periods"] = pl.concat([tables["area_periods"], months])
    rows = rows_of_sheet(build(tables), "areas")
    assert len(rows) == tables["area_periods"].height - months.height
    assert {row["period_kind"] for row in rows} == {"year", "quarter"}
    assert {row["protocol"] for row in rows} == {"permille", "euda"}
    assert rows[0]["level"] == "network"
    assert rows[0]["protocol"] == "permille"


def test_sources_factors_and_protocols_stand_in_the_workbook(build):
    folder = build(city())
    (source,) = rows_of_sheet(folder, "sources")
    assert source["file_name"] == "north/results-2025.xlsx"
    assert source["licence"] == "CC BY 4.0"
    assert source["received_at"] == "2026-01-05 09:30"
    assert source["n_rows"] == 1203
    cocaine = next(row for row in rows_of_sheet(folder, "factors") if row["drug"] == "cocaine")
    assert (cocaine["factor_status"], cocaine["evidence"]) == ("approved", "V")
    assert cocaine["source"] == "A paper, doi:10.1000/example"
    assert [row["protocol"] for row in rows_of_sheet(folder, "protocols")] == ["permille", "euda"]


def test_what_has_no_room_is_left_out_in_whole_parts_and_told(build, monkeypatch):
    """Network and areas of the headline come first; nothing is cut in the middle, and the reader is sent to the CSV."""
    monkeypatch.setitem(workbook.MOST_ROWS, "changes", 30)
    folder = build(city(), "no room")
    kept = {(row["level"], row["protocol"]) for row in rows_of_sheet(folder, "changes")}
    assert kept == {("network", "permille"), ("area", "permille"), ("network", "euda")}
    assert len(rows_of_sheet(folder, "changes")) == 4 + 12 + 4
    english, chinese = sheets_in(folder)["changes"][0][0].split(" / ")
    told = "each site by the protocol of the headline; each area by other protocols; each site by other protocols"
    assert f"Left out for want of room: {told}. All rows are in changes.csv.zip." in english
    assert "因篇幅所限未列入：各监测点（主要方案）；" in chinese
    assert [line for line, *_ in sheets_in(folder)[workbook.READ_ME] if told in line]
    assert len(rows_in(folder, "changes")) == 2 * 4 * (1 + 3 + 8)


def test_of_many_files_the_newest_stand_in_the_workbook(build, monkeypatch):
    monkeypatch.setitem(workbook.MOST_ROWS, "sources", 3)
    sheet = sheets_in(build(trapped_city(), "no room"))["sources"]
    assert len(sheet) == workbook.N_HEADERS + 3
    assert f"The newest 3 of {len(TRAPS)} files." in sheet[0][0]


def test_no_name_becomes_a_formula_a_link_or_markup_in_the_workbook(build):
    folder = build(trapped_city(), title="=1+1")
    parts = xml_in(folder)
    for name, text in parts.items():
        assert not re.search(r"<f[ >/]", text), name
        assert not re.search(r"<hyperlinks?[ >/]", text), name
        assert "TargetMode" not in text, name
        assert "<r>" not in text, name
    assert not [name for name in parts if "external" in name.lower() or name.endswith((".bin", ".vml"))]
    names = {str(row["unit_name"]) for row in rows_of_sheet(folder, "changes") if row["level"] == "site"}
    assert len(names) == len(TRAPS)
    assert not [name for name in names if name.startswith(("=", "+", "-", "@", "＝", "<r>"))]
    assert "'=cmd|'/c calc'!A1" in names
    assert "https://example.org/" in names
    assert "_x003D_1+1" in names
    assert "名" * 300 in names
    assert not [name for name in names if re.search("[\u202a-\u202e\u2066-\u2069\x00-\x1f]", name)]
    files = [row["file_name"] for row in rows_of_sheet(folder, "sources")]
    assert len(files) == len(TRAPS)
    assert sheets_in(folder)[workbook.READ_ME][0][0] == "'=1+1"


def test_hostile_texts_of_every_kind_leave_the_workbook_whole(build):
    folder = build(hostile_city(), title=HOSTILE)
    sheets = sheets_in(folder)
    assert "{{ 7*7 }}" in sheets[workbook.READ_ME][0][0]
    assert "<script>" not in "".join(xml_in(folder).values())


def test_a_text_longer_than_a_cell_ends_with_a_sign_and_what_is_no_number_is_empty(tmp_path):
    database = write_warehouse(tmp_path / "published.duckdb", city())
    with duckdb.connect(str(database)) as connection:
        connection.execute("update changes set panel = repeat('😀', 20000), p_value = 'nan'")
    (tmp_path / "site").mkdir()
    publish_site(database, tmp_path / "site", **QUESTION)
    (first, *_) = rows_of_sheet(tmp_path / "site", "changes")
    assert first["panel"] == "😀" * 16_383 + "…"
    assert first["p_value"] == ""


def test_the_same_warehouse_gives_the_same_bytes(build):
    one, two = build(trapped_city(), "one") / "data", build(trapped_city(), "two") / "data"
    for name in DOWNLOADS:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_a_workbook_without_rows_has_its_headers(build):
    sheets = sheets_in(build({}))
    for name in workbook.SHEETS:
        assert len(sheets[name]) == (workbook.N_HEADERS if name != "columns" else len(sheets["columns"]))
    assert "level" in sheets["changes"][2]


@pytest.mark.parametrize("name", ["changes", "area_periods", "site_periods"])
def test_parquet_holds_every_row_as_it_is_with_unit_and_description(build, name):
    folder = build(trapped_city())
    file = folder / "data" / f"{name}.parquet"
    read = pl.read_parquet(file)
    with duckdb.connect(str(folder.with_name("published.duckdb")), read_only=True) as connection:
        table = connection.table(name).pl()
    assert read.drop("factor_status").sort(_key(name)).equals(table.sort(_key(name)))
    about = pq.read_metadata(file)
    assert {about.row_group(0).column(n).compression for n in range(about.num_columns)} == {"ZSTD"}
    for field in pq.read_schema(file):
        assert field.metadata[b"description"].decode() == COLUMNS[field.name].description
        assert field.metadata.get(b"unit", b"").decode() == (unit_of(field.name) or "")


def _key(name: str) -> list[str]:
    return {
        "changes": ["level", "unit_id", "drug", "protocol", "baseline_period", "current_period"],
        "area_periods": ["level", "unit_id", "drug", "protocol", "period"],
        "site_periods": ["site_id", "drug", "protocol", "period"],
    }[name]


def test_parquet_is_written_part_by_part_and_an_empty_table_has_its_columns(tmp_path):
    frame = pl.DataFrame({"site_id": ["a", "=1+1"], "n_days": [1, 2]})
    write_parquet([frame.clear(), frame, frame.clear(), frame], tmp_path / "t.parquet")
    assert pl.read_parquet(tmp_path / "t.parquet").rows() == 2 * frame.rows()
    assert pq.read_metadata(tmp_path / "t.parquet").num_row_groups == 2
    write_parquet([frame.clear()], tmp_path / "empty.parquet")
    assert pl.read_parquet(tmp_path / "empty.parquet").schema == frame.schema
