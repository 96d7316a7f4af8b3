"""The words: each reason the warehouse can give has a sentence, and the formula shown is the one computed."""

import re
from pathlib import Path

import pytest
from markupsafe import Markup

from dashboards import labels, theme
from schemas.flags import FLAGS

SQL = Path(__file__).parents[3] / "pipeline" / "sql"
OTHER_WORDS = {
    "half_limit", "weekday_means", "is_corrected", "is_simulated", "stddev_samp", "pooled_spread", *FLAGS
}  # fmt: skip
"""What stands in quotes in the SQL and is no reason: settings of protocols, flags, fields of a struct."""


def test_each_reason_of_the_sql_has_a_sentence():
    tables = ("loads", "consumption", "site_periods", "area_periods", "dose_totals", "changes", "targets")
    text = "\n".join((SQL / f"{table}.sql").read_text(encoding="utf-8") for table in tables)
    said = set(re.findall(r"'([a-z]+(?:_[a-z]+)+)'(?!:)", text)) - OTHER_WORDS  # but for names of fields
    assert said, "the SQL gives no reasons any more?"
    assert said <= set(labels.REASONS), "add them to REASONS in dashboards/labels.py, or to OTHER_WORDS here"


def test_each_reason_is_said_once():
    text = Path(labels.__file__).read_text(encoding="utf-8")
    assert len(re.findall(r"^    Reason\(", text, re.M)) == len(labels.REASONS), "two have the same name"


def test_several_reasons_are_several_sentences():
    assert labels.because("no_flow no_population").split(". ") == [
        "The flow of the sampled day was not delivered, so there is no load",
        "The population of a site is not known, or not by its primary method.",
    ]


def test_unknown_reason_is_shown_as_it_is():
    assert labels.because("brand_new") == "brand_new"
    assert labels.reasons("<script>")[0].short == "<script>"
    assert labels.because(None) == ""
    assert labels.because("no_flow", n_sites=9) == labels.because("no_flow")


def test_formula_shown_is_the_formula_computed():
    macros = re.sub(r"\s+", " ", (SQL / "macros.sql").read_text(encoding="utf-8"))
    for name, text in labels.FORMULA:
        assert f"macro {name}(" in macros, f"{name} is no macro: correct FORMULA in dashboards/labels.py"
        assert text in macros, f"{name} is computed otherwise: correct FORMULA in dashboards/labels.py"


@pytest.mark.parametrize(
    ("change", "words", "sign"),
    [
        (-43.2, "down 43 %", "−43 %"),
        (-9.96, "down 10 %", "−10 %"),
        (-9.94, "down 9.9 %", "−9.9 %"),
        (3.0, "up 3.0 %", "+3.0 %"),
        (-0.04, "unchanged", "0 %"),
        (-99.99, "down 99.9 %", "−99.9 %"),
        (-100.0, "down 100 %", "−100 %"),
        (2500.0, "up 2,500 %", "+2,500 %"),
    ],
)
def test_change_in_words(change, words, sign):
    assert labels.change_in_words(change) == words
    assert labels.percent(change) == sign


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999.6, "1,000"),
        (99.96, "100"),
        (9.996, "10.0"),
        (0.000123, "0.000123"),
        (1e-14, "0.000000000000"),
        (7.0, "7.00"),
    ],
)
def test_amount_has_three_digits_and_no_exponent(value, text):
    assert labels.amount(value) == text


def test_delivered_text_is_escaped_and_bare_of_what_cannot_be_seen():
    shown = labels.delivered('<b>"\u202eevil\u2066\x07\n')
    assert isinstance(shown, Markup)
    assert shown == "<bdi>&lt;b&gt;&#34;�evil�� </bdi>"


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2 defines it: 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def in_band(paper: str) -> str:
    """A page's colour where a band lies over it."""
    *band, opacity = (float(part) for part in re.findall(r"[\d.]+", theme.BAND))
    parts = [int(paper[n : n + 2], 16) for n in (1, 3, 5)]
    mixed = (over * opacity + under * (1 - opacity) for over, under in zip(band, parts, strict=True))
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


def palettes() -> list[dict[str, str]]:
    """The colours of the stylesheet: light, dark, paper."""
    css = (Path(theme.__file__).parent / "static" / "permille.css").read_text(encoding="utf-8")
    return [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)
    ]


def test_lines_of_drugs_can_be_seen_on_the_light_and_the_dark_page():
    light, dark, _ = palettes()
    for colour in [*theme.COLOURS.values(), theme.OTHER_COLOUR, theme.QUIET]:
        for paper in (light["paper"], dark["paper"]):
            assert contrast(colour, paper) >= 3, colour
            if colour != theme.QUIET:
                assert contrast(colour, in_band(paper)) >= 3, colour


def test_text_can_be_read_on_the_light_and_the_dark_page():
    light, dark, _ = palettes()
    for colours in (light, {**light, **dark}):
        for ink, papers in {
            "ink": ("paper", "raised", "caution-paper"),
            "quiet": ("paper", "raised"),
            "link": ("paper", "raised"),
            "alarm-ink": ("alarm",),
            "caution": ("caution-paper",),
        }.items():
            for paper in papers:
                assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
