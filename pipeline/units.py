"""Units as senders write them, turned into factors to our units. Each distinct unit is parsed once, by pint.

No values are converted here: the reader multiplies by the factor.
"""

import re
from functools import cache

import pint

OURS = {
    "concentration": ("ng/L", "a concentration in water"),
    "flow": ("m^3/day", "a flow"),
    "population": ("person", "a number of inhabitants"),
    "reported_load": ("mg/day", "a mass a day"),
}
"""The unit each measured field is kept in, and what it is in words."""

# Spellings pint does not know. Longer ones first: each is replaced as text.
_SPELLINGS = {
    "微克": "µg",
    "纳克": "ng",
    "毫克": "mg",
    "吨/天": "m^3/day",  # a tonne of wastewater is taken as a cubic metre, as plants do
    "万m": "1e4 m",
    "日": "day",
    "升": "L",
    "千人": "1e3 person",
    "万人": "1e4 person",
    "人": "person",
    "万立方米": "1e4 m^3",
    "立方米": "m^3",
    "天": "day",
    "μ": "µ",
    "m³": "m^3",
    "m3": "m^3",
    "MGD": "1e6 gallon/day",
    "ML": "1e6 L",
    "inhabitants": "person",
    "inhabitant": "person",
    "persons": "person",
    "people": "person",
    "count": "person",
}


# What may be handed to pint, which evaluates expressions: a factor, then names with small powers. `9^9^9` may not.
_UNIT = re.compile(r"(1e\d )?([^\W\d_]+(\^[1-3])?)([/*·. ][^\W\d_]+(\^[1-3])?){0,3}")


class UnitError(ValueError):
    """A unit that is unknown or measures something else; the message says which."""


@cache
def _registry() -> "pint.UnitRegistry[float]":
    registry: pint.UnitRegistry[float] = pint.UnitRegistry(cache_folder=None)
    registry.define("person = [person]")  # with a dimension of its own: mg/day/person is no mg/day
    return registry


@cache
def factor_to_ours(unit: str, field: str) -> float:
    """What a number in `unit` is multiplied by to be in our unit of `field`.

    Parameters: `unit` as written; `field` one of `OURS`.
    Raises `UnitError` where the unit is unknown or has another dimension; never guesses.

    >>> factor_to_ours("µg/l", "concentration")
    1000.0
    >>> factor_to_ours("万m³/d", "flow")
    10000.0
    >>> factor_to_ours("mg/kg", "concentration")
    Traceback (most recent call last):
    pipeline.units.UnitError: is not a concentration in water (ours: ng/L)
    """
    ours, words = OURS[field]
    text = unit.strip()
    for spelling, known in _SPELLINGS.items():
        text = text.replace(spelling, known)
    text = text.removesuffix("/d") + "/day" if text.endswith("/d") else text
    if not _UNIT.fullmatch(text):
        raise UnitError(f"is unknown as {words} (ours: {ours})")
    try:
        factor = _registry().parse_expression(text).to(ours).magnitude
    except pint.DimensionalityError as error:
        raise UnitError(f"is not {words} (ours: {ours})") from error
    except pint.errors.PintError as error:  # unknown, or no expression at all
        raise UnitError(f"is unknown as {words} (ours: {ours})") from error
    # 1e3 * 1e9 / 1e9 in binary leaves dust in the last digit; units are ratios of short decimals.
    return float(f"{factor:.12g}")
