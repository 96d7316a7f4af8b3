"""The page about this edition, and that of what changed since earlier ones."""

from collections.abc import Iterator

from dashboards import labels, restatements
from dashboards.edition import Edition, Row
from dashboards.languages import words
from dashboards.pages.page import Page
from pipeline.receipts import called

_MOST_EDITIONS = 30
_MOST_FIGURES = 40


def pages(edition: Edition, language: str) -> Iterator[Page]:
    """Both pages."""
    _ = words(language)
    yield Page("about.html", "about.html.j2", _("About"), (), {"licences": edition.rows("licences")})
    content = {
        "corrections": edition.rows("corrections"),
        "history": _history(edition, language),
        "n_editions": len(edition.rows("editions")),
        "most_figures": _MOST_FIGURES,
    }
    yield Page("restatements.html", "restatements.html.j2", _("Restatements"), (), content)


def _history(edition: Edition, language: str) -> list[Row]:
    """The newest editions, each with what it restated, in words."""
    editions = edition.rows("editions")
    before = [*editions[1:], None][: len(editions)]
    files = {row["delivery_id"]: called(row["file_name"], row["receipt_number"]) for row in edition.rows("deliveries")}
    return [
        {
            **now,
            "causes_in_words": restatements.causes_in_words(now["causes"], language),
            "compared": _compared(now, language),
            "compared_before": _compared(then, language) if then and _compared(then) != _compared(now) else None,
            "figures": _figures(edition, now["edition_number"], files, language),
        }
        for now, then in list(zip(editions, before, strict=True))[:_MOST_EDITIONS]
    ]


def _compared(row: Row, language: str = "en") -> str:
    _ = words(language)
    if row["baseline_period"] is None:
        return _("no two periods, by {protocol}").format(protocol=row["protocol"])
    current, baseline = (labels.period(row[name], language) for name in ("current_period", "baseline_period"))
    return _("{current} against {baseline}, by {protocol}").format(
        current=current, baseline=baseline, protocol=row["protocol"]
    )


def _figures(edition: Edition, number: int, files: dict[str, str], language: str) -> list[Row]:
    """The figures that an edition restated, in words, in the order in which they are shown."""
    moved = restatements.in_order(edition.data["restatements"].filter(edition_number=number))
    return [
        {
            "drug": edition.title_of(row["drug"], language),
            "place": row["unit_name"] or row["unit_id"],
            "is_network": row["level"] == "network",
            "was": restatements.figure(row, is_before=True, language=language),
            "now": restatements.figure(row, is_before=False, language=language),
            "levels_were": restatements.levels(row, is_before=True),
            "levels_now": restatements.levels(row, is_before=False),
            "causes": restatements.causes_in_words(row["causes"], language),
            "files": restatements.files_of(row["caused_by"], files, language),
        }
        for row in moved.iter_rows(named=True)
    ]
