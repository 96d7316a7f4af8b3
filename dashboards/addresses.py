"""The addresses of pages: stable from edition to edition, whatever a delivery calls its places. No pages here."""

import hashlib
import re

_MOST_SIGNS = 48
_LIKE_A_HASH = re.compile(r"(?:^|-)[0-9a-f]{8}$")
# Names that some systems keep for themselves, whatever follows the dot.
_KEPT = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def slug(name: str) -> str:
    """A name that is safe in a file's name, in an address and as an identifier.

    Where letters are lost or changed, a piece of the name's SHA-256 keeps two names apart, and so it does where a name
    ends as if it had one. It rests on this name only, so that an address stays what it is when other places join or
    leave.

    >>> slug("sim-01"), slug("methamphetamine")
    ('sim-01', 'methamphetamine')
    >>> slug("SIM-01"), slug("北京 1"), slug("../con"), slug("con")
    ('sim-01-4e6a865e', '1-3512a48f', 'con-a2436930', 'con-1143da2b')
    >>> slug("sim-01-4e6a865e")
    'sim-01-4e6a865e-cf290a91'
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_MOST_SIGNS].strip("-")
    if plain == name and plain not in _KEPT and not _LIKE_A_HASH.search(plain):
        return plain
    rest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}-{rest}" if plain else rest


def of_drug(drug: str) -> str:
    """The page of a drug."""
    return f"drugs/{slug(drug)}.html"


def of_place(level: str, unit_id: str) -> str:
    """The page of a site or an area; of the network that of all places.

    >>> of_place("site", "sim-01"), of_place("area", "north"), of_place("network", "network")
    ('sites/sim-01.html', 'areas/north.html', 'places.html')
    """
    return "places.html" if level == "network" else f"{level}s/{slug(unit_id)}.html"


def of_comparison(baseline: str, current: str, *, is_main: bool) -> str:
    """The overview of a comparison; that of the settings is the first page.

    >>> of_comparison("2023", "2025", is_main=True), of_comparison("2024-Q1", "2025-Q1", is_main=False)
    ('index.html', 'against/2024-q1-to-2025-q1.html')
    """
    return "index.html" if is_main else f"against/{baseline.lower()}-to-{current.lower()}.html".replace("..", "_")


def between(page: str, target: str) -> str:
    """The way from a page to another address, both counted from the same folder.

    >>> between("index.html", "drugs/cocaine.html"), between("drugs/cocaine.html", "index.html")
    ('drugs/cocaine.html', '../index.html')
    """
    return "../" * page.count("/") + target
