"""The way back from a figure: which cells of which files it comes from, and each step of the formula with its numbers.

Nothing is computed here: the steps evaluate the macros of the warehouse and are held against what its tables say.
"""

from pipeline.explain.area import AreaExplained, explain_area
from pipeline.explain.cells import Archive, Source, history
from pipeline.explain.day import DayExplained, explain_day
from pipeline.explain.period import PeriodExplained, budget_of_period, explain_period
from pipeline.explain.place_names import Place, place_of
from pipeline.explain.refusals import ExplainError
from pipeline.explain.steps import Part, Step
from pipeline.nearest import instead

__all__ = [
    "Archive",
    "AreaExplained",
    "DayExplained",
    "ExplainError",
    "Part",
    "PeriodExplained",
    "Place",
    "Source",
    "Step",
    "budget_of_period",
    "explain_area",
    "explain_day",
    "explain_period",
    "history",
    "instead",
    "place_of",
]
