"""What may be doubtful about a figure though it counts: flags, each with the rule that raises it.

A flag travels from a result to all estimates that rest on it, several separated by a blank. What makes a row unusable
is no flag: such rows go to quarantine (`pipeline/findings.py`).
"""

FLAGS: dict[str, str] = {
    "approximate": "the laboratory calls the value approximate",
    "identification_uncertain": "the ratio of ions, by which the residue is identified, was outside its range",
    "value_below_loq": "the value lies below its own limit of quantification, and the laboratory does not say so",
    "blank_above_loq": "a blank of the batch was above its limit of quantification",
    "spike_recovery": "a spike of the batch was recovered to less than 70 or more than 120 percent",
    "z_questionable": "a proficiency test of the batch gave |z| above 2",
    "z_unsatisfactory": "a proficiency test of the batch gave |z| of 3 or more",
    "order_undecided": "two deliveries that came in together state the value differently, and no person has decided",
    "corrected": "an analyst corrected a value the figure rests on: see the table corrections",
    "derived_differs": "what the sender computed from the value does not follow from it",
    "half_life_outside_range": "no half-life is known at the temperature of the sewage: the nearest one stands in",
    "residue_ratio": "the ratio to another residue is not one of use: some of the drug may have been poured away",
    "sewer_loss_corrected": "loss in the sewer is corrected by half-lives in wastewater; films on its walls add to it",
    "unstable_residue": "the residue is lost in the sewer, and nothing is corrected for it: the figure is too low",
    "flow_filled": "the day has no flow: the median of the same weekday in the month stands in for it",
    "grab_sample": "a grab sample: a moment of the day, not its mean",
    "multi_day_composite": "the composite lasted more than 30 hours",
    "partly_below_limit": "some of the day's measurements lay below their limit and count as half of it",
    "several_laboratories": "the day's figure is the mean of several laboratories'",
    "several_samples": "the day's figure is the mean of several samples, each counting alike",
    "few_detects": "nearly all days of the period lie below limits: the figure rests on the site's year",
    "methamphetamine_unknown": "days of amphetamine without the methamphetamine to subtract from it are left out",
    "population_of_reporter": "a reported load, divided by its reporter's inhabitants, not by the protocol's",
    "short_composite": "the composite lasted less than 20 hours",
    "limit_differs": "two different limits are stated for the result; the one beside the value counts",
}
"""Each flag and what it says."""
