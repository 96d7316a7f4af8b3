"""How a page becomes a file: templates, the words and signs in them, figures as data inside a page. No content here."""

import base64
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.utils import PlotlyJSONEncoder

from dashboards import drawing_library, labels
from dashboards.languages import words

HERE = Path(__file__).parent
STATIC = HERE / "static"
_PARTS_OF_ONE_FIGURE = ("base", "fitting", "figures")
_PARTS = ("base", "fitting", "figures", "origins", "saving", "search", "contents")
"""The parts of the script, each after those it uses, what matters most first: an error ends the rest. They are one
file, for pages from the disk may import no module."""

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; base-uri 'none';"
    " form-action 'none'"
)
"""What a page may load: its own files and nothing else. No inline script, no inline style, no connection. Images that
it draws itself are allowed, for figures are saved as such."""

_POLICY_OF_ONE_FILE = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " form-action 'none'"
)
"""What a page that is one file may load: what stands in it. No connection."""

_POLICY_OF_PAPER = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a page of paper may load: the style that stands in it, and nothing else."""


@cache
def environment(language: str) -> Environment:
    """The templates in a language: `_` translates a text, filters say numbers as the language does.

    Every value is escaped unless it is `Markup`; what a page does not give is an error.
    """
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    in_language = {
        name: partial(getattr(labels, name), language=language)
        for name in (
            "because", "change_in_words", "day", "magnitude", "percent", "period", "resting_on", "shortly", "things",
        )
    }  # fmt: skip
    made.filters.update(
        in_language,
        amount=labels.amount,
        coordinate=labels.coordinate,
        count=labels.count,
        delivered=labels.delivered,
        from_figure=Markup,  # escaped as a figure's text already
        left_to_right=labels.left_to_right,
        printable=labels.printable,
        reference=labels.reference,
        sign_of=labels.sign_of,
        unbroken=labels.unbroken,
    )
    made.globals.update(_=words(language), interval=partial(labels.interval, language=language), **in_language)
    return made


def figure_page(
    figure: go.Figure,
    *,
    title: str,
    key: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    is_simulated: bool,
) -> str:
    """A figure as a page of one file, plotly.js in it: it opens without a network. The same input gives the same text.

    Parameters
    ----------
    figure
        What is drawn.
    title, key
        The finding, and how to read the figure.
    headers, rows
        The numbers in it, in words.
    is_simulated
        Whether any of them is.
    """
    return environment("en").get_template("figure.html.j2").render(
        language="en", content_policy=_POLICY_OF_ONE_FILE, title=labels.printable(title),
        key=labels.printable(key), subtitle=figure.layout.title.subtitle.text, headers=headers, rows=rows,
        is_simulated=is_simulated, simulated=labels.SIMULATED,
        island=json_island(figure.to_plotly_json()), plotly=_inline(drawing_library.shipped()),
        style=_inline((STATIC / "permille.css").read_bytes()), script=_inline(_joined(_PARTS_OF_ONE_FIGURE)),
    )  # fmt: skip


def paper_page(template: str, style: str, language: str, content: Mapping[str, Any]) -> str:
    """A page of paper as one file: its style stands in it, and no script. The same input gives the same text.

    Parameters
    ----------
    template, style
        The names of the two files.
    content
        What the template says.
    """
    return environment(language).get_template(template).render(
        {"language": language, "content_policy": _POLICY_OF_PAPER, **content},
        style=_inline((STATIC / style).read_bytes()),
    )  # fmt: skip


def static_files() -> dict[str, bytes]:
    """The style and the scripts that all pages share, by the names that pages know them under."""
    return {
        "permille.css": (STATIC / "permille.css").read_bytes(),
        "permille.js": _joined(_PARTS),
        "compare.js": _joined(("compare",)),
    }


def _joined(parts: Sequence[str]) -> bytes:
    return b"\n".join((STATIC / "script" / f"{part}.js").read_bytes() for part in parts)


def _inline(code: bytes) -> Markup:
    """Our own files, and plotly's, inside a page. Raises `ValueError` where one would end its element."""
    text = code.decode("utf-8")
    if re.search(r"</(script|style)|<!--", text, re.IGNORECASE):
        raise ValueError("a script or style that is written into a page holds the end of its element")
    return Markup(text)  # noqa: S704  no delivered text


def json_island(data: Mapping[str, Any] | Sequence[Any]) -> Markup:
    """Data as JSON that may stand inside a script element, or be a script: nothing in it can end the element.

    >>> json_island({"title": "</script>"})
    Markup('{"title":"\\\\u003c/script\\\\u003e"}')
    """
    text = json.dumps(data, cls=PlotlyJSONEncoder, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704  just escaped, for the place it stands in


def packed(data: Mapping[str, Any] | Sequence[Any]) -> Markup:
    """Data as JSON, compressed, in letters and digits: for what is long and of which a page has many.

    >>> packed({"title": "</script>"}).isascii()
    True
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # No time in it: the same data are the same bytes. Level 9 takes three times as long and saves a twentieth.
    compressed = gzip.compress(text.encode("utf-8"), compresslevel=6, mtime=0)
    return Markup(base64.b64encode(compressed).decode("ascii"))  # noqa: S704


_ENDS_OF_CELLS = re.compile(r"</t[dhr]>\s*(?=<t[dhr][ >]|</tr>|</tbody>|</thead>)")


def lean(page: str) -> str:
    """A page without the ends of cells and rows, which HTML does not ask for: a third of what long tables take.

    >>> lean("<tbody><tr><td>1</td><td>2</td></tr></tbody>")
    '<tbody><tr><td>1<td>2</tbody>'
    """
    return _ENDS_OF_CELLS.sub("", page).replace('<th scope="row">', "<th scope=row>")
