"""What a page is: its address, its template and what the template says. No page is made here."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Page(NamedTuple):
    """A page in one language.

    Attributes:
        address: counted from the language's folder.
        template: the file that makes it.
        title: its name, as text of nobody's making but ours or escaped by whoever shows it.
        above: names and addresses of the pages it lies below, the first page left out.
        content: what its template says besides what all pages say.
    """

    address: str
    template: str
    title: str
    above: tuple[tuple[str, str], ...]
    content: Mapping[str, Any]
