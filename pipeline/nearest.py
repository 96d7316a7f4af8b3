"""What is meant by a name that is not there."""

import difflib


def perhaps(said: str, there: list[str]) -> str:
    """What is nearest to a name that is not there; nothing where nothing is near.

    >>> perhaps("Methampetamine", ["cocaine", "methamphetamine"]), perhaps("2019", ["2018"])
    (" (perhaps 'methamphetamine')", '')
    """
    small = {name.casefold(): name for name in there}
    near = [] if said[:1].isdigit() else difflib.get_close_matches(said.casefold(), list(small), n=1, cutoff=0.8)
    return f" (perhaps {small[near[0]]!r})" if near else ""


def instead(said: str, there: list[str]) -> str:
    """What is nearest to a name that is not there, or what there is.

    >>> instead("methampetamine", ["cocaine", "methamphetamine"])
    " (perhaps 'methamphetamine')"
    >>> instead("2019", ["2023", "2024"])
    '; there are 2023, 2024'
    """
    if near := perhaps(said, there):
        return near
    shown = ", ".join(there[:8]) + (f" ... {there[-1]}" if len(there) > 8 else "")
    return f"; there are {shown or 'none'}"
