"""What is meant by a name that is not there."""

import difflib


def instead(said: str, there: list[str]) -> str:
    """What is nearest to a name that is not there, or what there is.

    >>> instead("methampetamine", ["cocaine", "methamphetamine"])
    " (perhaps 'methamphetamine')"
    >>> instead("2019", ["2023", "2024"])
    '; there are 2023, 2024'
    """
    near = [] if said[:1].isdigit() else difflib.get_close_matches(said, there, n=1, cutoff=0.8)
    if near:
        return f" (perhaps {near[0]!r})"
    shown = ", ".join(there[:8]) + (f" ... {there[-1]}" if len(there) > 8 else "")
    return f"; there are {shown or 'none'}"
