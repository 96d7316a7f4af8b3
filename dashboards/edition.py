"""What an edition of the pages is made of: the rows of the published warehouse, read once, found again by their keys.

No words and no pages here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import polars as pl

from dashboards import addresses, datasets
from dashboards.labels import capital, printable
from dashboards.outlines import Line
from pipeline.robustness import other_counts
from pipeline.warehouse import Warehouse

Row = dict[str, Any]
Key = tuple[str, str]
"""The level and the number of a place."""
NETWORK: Key = ("network", "network")
_LEVELS = ("network", "area", "site")
_K = TypeVar("_K")
_V = TypeVar("_V")


class Comparison(NamedTuple):
    """Two periods that were compared."""

    baseline: str
    current: str


class Place(NamedTuple):
    """A place with figures: the network, an area or a site. Its name is a delivered text; None where it has none."""

    level: str
    unit_id: str
    name: str | None

    @property
    def key(self) -> Key:
        """By which its rows are found."""
        return self.level, self.unit_id

    @property
    def called(self) -> str:
        """Its name, or its number where it has none."""
        return self.name or self.unit_id

    @property
    def address(self) -> str:
        """Its page."""
        return addresses.of_place(self.level, self.unit_id)


class Edition:
    """One edition: what was published, by the protocol of the headline.

    Parameters
    ----------
    warehouse
        The published copy of the warehouse.
    protocol, title
        The protocol of the headline and the title of the pages.
    main
        The comparison of the settings; None where there are no two periods yet.
    outlines
        Lines to be drawn behind sites on maps, each of longitudes and latitudes [°].
    """

    def __init__(
        self,
        warehouse: Warehouse,
        *,
        protocol: str,
        title: str,
        main: Comparison | None,
        outlines: Sequence[Line] = (),
    ) -> None:
        self.outlines = outlines
        self.protocol = protocol
        self.title = title
        self.main = main
        self.asked = {
            "protocol": protocol,
            "baseline": main.baseline if main else None,
            "current": main.current if main else None,
        }
        self.data = {name: datasets.read(warehouse, name, self.asked) for name in datasets.names()}
        whole = self.data["whole_areas"]["unit_id"].to_list()
        is_whole = (pl.col("level") == "area") & pl.col("unit_id").is_in(whole)
        for name in ("changes", "series", "other_protocols", "trends", "credibility", "robustness", "newest"):
            self.data[name] = self.data[name].filter(~is_whole)
        self.data["areas"] = self.data["areas"].filter(~pl.col("unit_id").is_in(whole))
        self._rows: dict[str, list[Row]] = {}
        self.n_bytes: dict[str, int] = {}
        """The size of each data file beside the pages, once it is written."""

    def rows(self, name: str) -> list[Row]:
        """The rows of a data set."""
        if name not in self._rows:
            self._rows[name] = self.data[name].to_dicts()
        return self._rows[name]

    def word_for(self, level: str, unit_id: str) -> str:
        """What commands know a place by: its id, with its level where others have the same id."""
        return printable(f"{level}:{unit_id}" if self._n_places_with_id[unit_id] > 1 else unit_id)

    @cached_property
    def _n_places_with_id(self) -> Counter[str]:
        return Counter(place.unit_id for place in self.places)

    @cached_property
    def coverage(self) -> Row:
        """What the pages rest on."""
        return self.data["coverage"].row(0, named=True)

    @cached_property
    def is_simulated(self) -> bool:
        """Whether any of it is simulated."""
        return bool(self.data["simulated"]["any_simulated"][0])

    @cached_property
    def is_mixed(self) -> bool:
        """Whether simulated and real rows are mixed."""
        return self.is_simulated and bool(self.data["simulated"]["any_real"][0])

    @cached_property
    def protocol_title(self) -> str:
        """What the protocol of the headline is called."""
        return self.titles_of_protocols.get(self.protocol) or self.protocol

    @cached_property
    def titles_of_protocols(self) -> dict[str, str]:
        """What each protocol is called."""
        return dict(self.data["protocols"].select("protocol", "title").rows())

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """All that were stored, that of the settings first, then by how far back they reach."""
        found = {Comparison(*pair) for pair in self.data["changes"].select("baseline_period", "current_period").rows()}
        rest = sorted(found - {self.main})
        return ([self.main] if self.main else []) + rest

    @cached_property
    def changes(self) -> dict[tuple[str, str, str, Comparison], Row]:
        """The changes by level, place, drug and comparison."""
        return {(*_of(row), _compared(row)): row for row in self.rows("changes")}

    @cached_property
    def others(self) -> dict[tuple[str, str, str, Comparison], list[Row]]:
        """The same changes by the other protocols."""
        return _grouped(((*_of(row), _compared(row)), row) for row in self.rows("other_protocols"))

    @cached_property
    def tests(self) -> dict[tuple[str, str, str, Comparison], list[Row]]:
        """What else could have made each change."""
        return _grouped(((*_of(row), _compared(row)), row) for row in self.rows("credibility"))

    @cached_property
    def ways(self) -> dict[tuple[str, str, str], list[Row]]:
        """Each change of the settings' comparison under all ways of computing it."""
        return _grouped((_of(row), row) for row in self.rows("robustness"))

    @cached_property
    def other_counts(self) -> dict[tuple[str, str, str, Comparison], list[Row]]:
        """Of these ways those that count people otherwise, over the same sites, by the comparison as well."""
        rows = other_counts(self.data["robustness"]).to_dicts()
        return _grouped(((*_of(row), _compared(row)), row) for row in rows)

    @cached_property
    def trends(self) -> dict[tuple[str, str, str], list[Row]]:
        """Where each drug has been going at each place."""
        return _grouped((_of(row), row) for row in self.rows("trends"))

    @cached_property
    def newest(self) -> dict[tuple[str, str, str], Row]:
        """The newest sample behind the figures of each drug at each place."""
        return {_of(row): row for row in self.rows("newest")}

    @cached_property
    def series(self) -> dict[tuple[str, str, str], list[Row]]:
        """The means of periods by level, place and drug."""
        return _grouped((_of(row), row) for row in self.rows("series"))

    def has_mean(self, place: "Place", drug: str) -> bool:
        """Whether there is a mean of a drug at a place in any period: else there is nothing to draw."""
        return any(row["mean_mg_per_day_per_1000"] is not None for row in self.series.get((*place.key, drug), ()))

    def name_of(self, drug: str, language: str) -> str:
        """The name of a drug in a language, its English one where it has none in it, its number where it has none."""
        return self._names[drug].get(f"drug_name_{language}") or self._names[drug].get("drug_name") or drug

    def title_of(self, drug: str, language: str) -> str:
        """The same, as a line begins with it."""
        return capital(self.name_of(drug, language))

    @cached_property
    def _names(self) -> Mapping[str, Row]:
        return defaultdict(dict, {row["drug"]: row for row in self.rows("drugs")})

    @cached_property
    def drugs(self) -> list[str]:
        """All drugs with a change or a mean, those of the largest told change in the network first."""
        by_change = [row["drug"] for row in self.headline(self.main)] if self.main else []
        others = sorted({str(drug) for drug in self.data["series"]["drug"].unique()} - set(by_change))
        return by_change + others

    def headline(self, comparison: Comparison | None, place: Key = NETWORK) -> list[Row]:
        """The changes at a place, what matters first.

        That is: rises and falls that are told, those by experimental factors and those that are not supported after the
        others; then other changes, then what is not estimable; of each the largest first.
        """
        return self._sorted.get((place, comparison), []) if comparison else []

    @cached_property
    def _sorted(self) -> dict[tuple[Key, Comparison], list[Row]]:
        found = _grouped((((level, unit), compared), row) for (level, unit, _, compared), row in self.changes.items())
        return {key: sorted(rows, key=_what_matters) for key, rows in found.items()}

    @cached_property
    def places(self) -> list[Place]:
        """All places with figures: the network, then areas, then sites, by name."""
        named = {(row["level"], row["unit_id"]): row["place_name"] for row in self.rows("changes")}
        named |= {("site", row["site_id"]): row["site_name"] for row in self.rows("sites")}
        named |= {("area", row["unit_id"]): row["unit_name"] for row in self.rows("areas")}
        with_figures = {(level, unit) for level, unit, _ in self.series} | {key[:2] for key in self.changes}
        places = [Place(level, unit, named.get((level, unit))) for level, unit in with_figures]
        return sorted(places, key=lambda place: (_LEVELS.index(place.level), place.name or "", place.unit_id))

    @cached_property
    def sites_with_page(self) -> set[str]:
        """The sites that have a page: of one whose drugs have no mean anywhere there is nothing to show."""
        return {place.unit_id for place in self.places if place.level == "site"}

    @cached_property
    def sites_in(self) -> dict[str, list[str]]:
        """The sites within each area, at any depth."""
        return _grouped((row["unit_id"], row["site_id"]) for row in self.rows("areas"))

    @cached_property
    def findings(self) -> dict[str, list[Row]]:
        """What wants looking at, by site."""
        return _grouped((row["site_id"], row) for row in self.rows("plausibility"))

    @cached_property
    def laboratory_changes(self) -> dict[str, list[Row]]:
        """The days from which on another laboratory measured, by drug."""
        return _grouped((row["drug"], row) for row in self.rows("laboratory_changes"))

    @cached_property
    def rhythms(self) -> dict[str, list[Row]]:
        """The days of the week, by drug."""
        return _grouped((row["drug"], row) for row in self.rows("rhythm"))

    @cached_property
    def site_facts(self) -> dict[str, Row]:
        """What is known of each site."""
        return {row["site_id"]: row for row in self.rows("sites")}


def _of(row: Row) -> tuple[str, str, str]:
    return row["level"], row["unit_id"], row["drug"]


def _compared(row: Row) -> Comparison:
    return Comparison(row["baseline_period"], row["current_period"])


def _grouped(pairs: Iterable[tuple[_K, _V]]) -> dict[_K, list[_V]]:
    found: Mapping[_K, list[_V]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)


def _what_matters(row: Row) -> tuple[bool, int, float, str]:
    ratio = 1 + (row["change_percent"] or 0) / 100
    # A fall to a half is as large as a rise to the double.
    size = float("inf") if ratio <= 0 else max(ratio, 1 / ratio)
    is_told = row["verdict"] in ("fall", "rise")
    # Of these first what may be a headline.
    rank = (row["factor_status"] == "experimental") + 2 * (row["credibility"] == "not supported") if is_told else 9
    return row["change_percent"] is None, rank, -size, row["drug"]
