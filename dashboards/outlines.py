"""Reading the outlines drawn behind the sites on maps: an office's own GeoJSON. Nothing is fetched."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Line = tuple[tuple[float, float], ...]
"""Longitudes and latitudes [°]."""

MOST_POINTS = 10_000
"""Every map holds the outlines: more points than these make pages slow."""
_DIGITS = 4  # ten metres
_DEPTH = {"LineString": 0, "MultiLineString": 1, "Polygon": 1, "MultiPolygon": 2}
"""How deep the lines of a geometry lie in its coordinates. Points have none."""
_COLLECTIONS = {"FeatureCollection": "features", "GeometryCollection": "geometries"}


class OutlinesError(ValueError):
    """Outlines that cannot be drawn; the message names the file and what to mend."""


def read_outlines(file: Path | None) -> tuple[Line, ...]:
    """The lines of a GeoJSON file, or none where no file is named. [1]_

    Raises `OutlinesError` for what is no GeoJSON, has no lines, no degrees, or too many points.

    .. [1] RFC 7946, "The GeoJSON Format", doi:10.17487/RFC7946.
    """
    if file is None:
        return ()
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise OutlinesError(
            f"{file} cannot be read ({error.strerror}): name a GeoJSON file in the setting outlines, or leave it out."
        ) from None
    except ValueError as error:
        raise OutlinesError(f"{file} is no GeoJSON: {error}.") from None
    except RecursionError:
        raise OutlinesError(f"{file} is no GeoJSON: its parts lie too deep in each other.") from None
    drawn = (_line(points, file) for geometry in _geometries(found, file) for points in _points(geometry, file))
    lines = tuple(line for line in drawn if line)
    n_points = sum(map(len, lines))
    if not lines:
        raise OutlinesError(f"{file} holds no outlines: it needs polygons or lines (type Polygon, LineString, ...).")
    if n_points > MOST_POINTS:
        raise OutlinesError(
            f"{file} holds {n_points:,} points, more than the {MOST_POINTS:,} that a map can hold: simplify its lines"
            " (in QGIS: Vector, Geometry Tools, Simplify)."
        )
    return lines


def _geometries(found: Any, file: Path) -> Iterator[dict[str, Any]]:
    """Those that have lines, in their order, however deep they lie."""
    open_parts = [found]
    while open_parts:
        part = open_parts.pop()
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str):
            continue
        if kind in _DEPTH:
            yield part
        elif kind == "Feature":
            open_parts.append(part.get("geometry"))
        elif kind in _COLLECTIONS:
            inner = part.get(_COLLECTIONS[kind]) or []
            if not isinstance(inner, list):
                raise OutlinesError(f"{file}: the {_COLLECTIONS[kind]} of a {kind} are no list, as GeoJSON asks for.")
            open_parts += reversed(inner)


def _points(geometry: dict[str, Any], file: Path) -> Iterator[Any]:
    level: list[Any] = [geometry.get("coordinates")]
    for _step in range(_DEPTH[geometry["type"]]):
        if not all(isinstance(part, list) for part in level):
            raise OutlinesError(f"{file}: the coordinates of a {geometry['type']} are not what GeoJSON asks for.")
        level = [inner for part in level for inner in part]
    yield from level


def _line(points: Any, file: Path) -> Line:
    try:
        # A third number would be a height.
        line = tuple((round(float(point[0]), _DIGITS), round(float(point[1]), _DIGITS)) for point in points)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        raise OutlinesError(f"{file}: a line has points that are no pairs of longitude and latitude.") from None
    for longitude, latitude in line:
        if not (abs(longitude) <= 180 and abs(latitude) <= 90):
            raise OutlinesError(
                f"{file}: {longitude}, {latitude} are no degrees: save it with longitudes and latitudes"
                " (WGS 84, EPSG:4326)."
            )
    return line
