"""Places by drugs in one table, a change in each cell, as several pages hold it."""

from typing import Any

from dashboards import labels
from dashboards.edition import Comparison, Edition, Place, Row
from dashboards.pages import changes as told


def heat(
    edition: Edition, places: list[Place], drugs: list[Row], comparison: Comparison, language: str
) -> list[dict[str, Any]]:
    """The rows of a table of places by drugs; a cell is None where a drug was never measured there."""
    found = []
    for place in places:
        at_place = {row["drug"]: row for row in edition.headline(comparison, place.key)}
        cells = [_cell(edition, at_place.get(drug["drug"]), language) for drug in drugs]
        name = told.called(place, language)
        found.append({"level": place.level, "name": name, "address": place.address, "cells": cells})
    return found


def _cell(edition: Edition, row: Row | None, language: str) -> Row | None:
    if row is None:
        return None
    # A narrow cell has room for the first of several reasons; the place's page has all.
    first, *others = (row["reason"] or "").split() or [None]
    short = labels.shortly(first, language) + (" …" if others else "")
    return told.in_words(edition, row, language) | {"short": short}
