"""Outlines are an office's own file: what cannot be drawn is told with its name and what to do."""

import json

import pytest

from dashboards.outlines import MOST_POINTS, OutlinesError, read_outlines
from tests.conftest import lay_tiny
from tests.test_command_line import call

SQUARE = [[10.0, 60.0], [11.0, 60.0], [11.0, 61.00004], [10.0, 60.0]]


def written(folder, found):
    file = folder / "outlines.geojson"
    file.write_text(found if isinstance(found, str) else json.dumps(found), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("geometry", "n_lines"),
    [
        ({"type": "LineString", "coordinates": SQUARE}, 1),
        ({"type": "Polygon", "coordinates": [SQUARE, SQUARE]}, 2),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE, SQUARE]]}, 3),
        ({"type": "GeometryCollection", "geometries": [{"type": "MultiLineString", "coordinates": [SQUARE]}]}, 1),
    ],
)
def test_lines_of_every_kind_of_geometry_are_read(tmp_path, geometry, n_lines):
    features = [{"type": "Feature", "geometry": geometry}, {"type": "Feature", "geometry": None}]
    lines = read_outlines(written(tmp_path, {"type": "FeatureCollection", "features": features}))
    assert len(lines) == n_lines
    assert lines[0] == ((10.0, 60.0), (11.0, 60.0), (11.0, 61.0), (10.0, 60.0))


def test_collections_may_lie_in_each_other_however_deep(tmp_path):
    found = {"type": "LineString", "coordinates": SQUARE}
    for _ in range(300):
        found = {"type": "GeometryCollection", "geometries": [found]}
    assert len(read_outlines(written(tmp_path, found))) == 1


def test_heights_are_left_out(tmp_path):
    assert read_outlines(written(tmp_path, {"type": "LineString", "coordinates": [[1, 2, 300], [2, 3, 301]]})) == (
        ((1.0, 2.0), (2.0, 3.0)),
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("no json", "is no GeoJSON"),
        ([1, 2], "holds no outlines"),
        ({"type": "Point", "coordinates": [1, 2]}, "holds no outlines"),
        ({"type": "LineString", "coordinates": [[500000, 4649776], [500100, 4649776]]}, "are no degrees"),
        ({"type": "LineString", "coordinates": [["east", "north"]]}, "no pairs of longitude and latitude"),
        ({"type": "LineString", "coordinates": [[1]]}, "no pairs of longitude and latitude"),
        ({"type": ["LineString"]}, "holds no outlines"),
        ({"type": "LineString", "coordinates": []}, "holds no outlines"),
        ({"type": "FeatureCollection", "features": 5}, "the features of a FeatureCollection are no list"),
        ("[" * 200_000, "too deep in each other"),
        ({"type": "LineString", "coordinates": [[10**400, 2], [1, 2]]}, "no pairs of longitude and latitude"),
        ({"type": "LineString", "coordinates": 7}, "no pairs of longitude and latitude"),
        ({"type": "Polygon", "coordinates": None}, "not what GeoJSON asks for"),
        ({"type": "LineString", "coordinates": [[1, 2]] * (MOST_POINTS + 1)}, "simplify its lines"),
    ],
)
def test_what_cannot_be_drawn_is_told_with_the_file(tmp_path, found, said):
    with pytest.raises(OutlinesError, match=said) as error:
        read_outlines(written(tmp_path, found))
    assert "outlines.geojson" in str(error.value)


def test_a_missing_file_is_told_with_the_setting(tmp_path):
    with pytest.raises(OutlinesError, match="the setting outlines"):
        read_outlines(tmp_path / "absent.geojson")


def test_a_run_is_told_of_outlines_that_are_missing_before_it_takes_anything_in(workspace):
    lay_tiny(workspace)
    (workspace.folder / "permille.toml").write_text('outlines = "absent.geojson"\n')
    said = " ".join(call("run", "-w", workspace.folder, code=1).split())
    assert "name a GeoJSON file in the setting outlines" in said
    assert not workspace.warehouse.exists()
