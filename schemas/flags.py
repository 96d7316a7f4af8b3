"""What may be doubtful about a figure though it counts: flags, each with the rule that raises it.

A flag travels from a result to all estimates that rest on it, several separated by a blank. What makes a row unusable
is no flag: such rows go to quarantine (`pipeline/findings.py`).
"""

FLAGS: dict[str, str] = {
    "approximate": "the laboratory calls the value approximate",
    "identification_uncertain": "the ratio of ions, by which the residue is identified, was outside its range",
    "value_below_loq": "the value lies below its own limit of quantification, and the laboratory does not say so",
    "limit_differs": "two different limits are stated for the result; the one beside the value counts",
}
"""Each flag and what it says."""
