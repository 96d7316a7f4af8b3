"""What samplers, plants and laboratories make of the truth: flows and concentrations, with errors and limits.

No truth is drawn here (`truth.py`) and no file written (`laboratories.py`).
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.simulation import world
from pipeline.simulation.truth import Truth, lognormal


class Laboratory(NamedTuple):
    """One laboratory.

    Attributes:
        laboratory: our identifier.
        name: as it writes itself, with the word SIMULATED or 模拟.
        batch_prefix: beginning of its batch numbers.
        limit_factor: its limits over those of `LOQ_NG_PER_L` [dimensionless].
        analysis_rsd: relative standard deviation of one analysis within a batch [dimensionless].
        batch_rsd: relative standard deviation between batches, for each residue of its own [dimensionless].
        bias_rsd: relative standard deviation of its lasting bias, for each residue of its own
            [dimensionless].
    """

    laboratory: str
    name: str
    batch_prefix: str
    limit_factor: float
    analysis_rsd: float
    batch_rsd: float
    bias_rsd: float


# Analysis, batch and bias together lie within the 6 to 26 % of interlaboratory studies (Castiglioni 2013).
LABORATORIES = {
    laboratory.laboratory: laboratory
    for laboratory in (
        Laboratory("north", "SIMULATED Laboratory North", "N", 1.0, 0.05, 0.05, 0.04),
        Laboratory("south", "模拟南方实验室", "S", 1.5, 0.08, 0.07, 0.05),
        Laboratory("west", "SIMULATED Laboratory West", "W", 2.5, 0.10, 0.08, 0.06),
        Laboratory("daily", "SIMULATED Reference Laboratory", "R", 0.8, 0.05, 0.04, 0.03),
    )
}

LOQ_NG_PER_L = {
    "methamphetamine": 2.0,
    "amphetamine": 1.0,
    "mdma": 1.0,
    "benzoylecgonine": 1.0,
    "ketamine": 2.0,
    "norketamine": 1.0,
    "6-mam": 1.0,
    "thc-cooh": 5.0,
    "codeine": 2.0,
    "etomidate-acid": 1.0,
    "cotinine": 10.0,
    "caffeine": 50.0,
}
"""Limit of quantification of a laboratory with `limit_factor` 1 [ng/L]."""
LOD_TO_LOQ = 0.3
"""Limit of detection over limit of quantification [dimensionless]."""

SAMPLING_RSD = 0.05
"""Relative standard deviation of a composite sample about the day's water [dimensionless]: best practice."""
METER_BIAS_RSD = 0.05
"""Relative standard deviation of the lasting bias of a plant's flow meter [dimensionless]."""
METER_RSD = 0.02
"""Relative standard deviation of a day's metered flow about the meter's own bias [dimensionless]."""


def limits() -> pl.DataFrame:
    """The limits of each laboratory and residue.

    Returns
    -------
    polars.DataFrame
        `laboratory`, `residue`, `lod_ng_per_l` [ng/L], `loq_ng_per_l` [ng/L].
    """
    rows = [
        (laboratory.laboratory, residue, loq * laboratory.limit_factor)
        for laboratory in LABORATORIES.values()
        for residue, loq in LOQ_NG_PER_L.items()
    ]
    frame = pl.DataFrame(rows, schema=["laboratory", "residue", "loq_ng_per_l"], orient="row")
    return frame.select(
        "laboratory",
        "residue",
        (pl.col("loq_ng_per_l") * LOD_TO_LOQ).round(6).alias("lod_ng_per_l"),
        pl.col("loq_ng_per_l").round(6),
    )


def measure_flows(truth: Truth, seeds: np.random.SeedSequence) -> pl.DataFrame:
    """The flows as the plants metered them, on every day a site belongs to the network.

    Parameters
    ----------
    truth : Truth
        The city.
    seeds : numpy.random.SeedSequence
        Seed.

    Returns
    -------
    polars.DataFrame
        `site_id`, `sampled_on`, `flow_m3_per_day` [m³/day], rounded to 1 m³/day.
    """
    generator = np.random.default_rng(seeds)
    bias = pl.DataFrame(
        {
            "site_id": truth.sites["site_id"],
            "bias": lognormal(generator, METER_BIAS_RSD, (truth.sites.height,)),
        }
    )
    chance = pl.Series("chance", lognormal(generator, METER_RSD, (truth.days.height,)))
    return (
        truth.days.with_columns(chance)
        .join(bias, on="site_id", maintain_order="left")
        .select(
            "site_id",
            "sampled_on",
            (pl.col("flow_m3_per_day") * pl.col("bias") * pl.col("chance")).round(0).alias("flow_m3_per_day"),
        )
    )


def samples(truth: Truth) -> pl.DataFrame:
    """The samples taken: every day of the campaigns at all sites of the network, every day at the daily site.

    Parameters
    ----------
    truth : Truth
        The city.

    Returns
    -------
    polars.DataFrame
        `site_id`, `sampled_on`, `campaign` (empty outside campaigns), `laboratory`.
    """
    in_campaign = (
        truth.days.select("site_id", "sampled_on")
        .join(truth.campaigns, how="cross")
        .filter(pl.col("sampled_on").is_between("first_day", "last_day"))
        .select("site_id", "sampled_on", "campaign")
    )
    return (
        truth.days.select("site_id", "sampled_on")
        .join(in_campaign, on=["site_id", "sampled_on"], how="left", maintain_order="left")
        .join(truth.laboratories, on=["site_id", "campaign"], how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("site_id") == world.DAILY_SITE)
            .then(pl.lit("daily"))
            .otherwise("laboratory")
            .alias("laboratory")
        )
        .filter(pl.col("laboratory").is_not_null())
    )


def measure_results(truth: Truth, seeds: np.random.SeedSequence) -> pl.DataFrame:
    """The concentrations as the laboratories measured them, before anybody wrote them into a file.

    Parameters
    ----------
    truth : Truth
        The city.
    seeds : numpy.random.SeedSequence
        Seed.

    Returns
    -------
    polars.DataFrame
        One row a sample and residue: `site_id`, `sampled_on`, `campaign`, `laboratory`, `batch`, `residue`,
        `qualifier` (`=`, `<LOD`, `<LOQ`), `concentration_ng_per_l` [ng/L, four significant digits, empty
        below the limits], `true_concentration_ng_per_l` [ng/L], `lod_ng_per_l`, `loq_ng_per_l` [ng/L].

    Notes
    -----
    A batch is a calendar month of a laboratory: for campaigns that is the campaign. The error of a batch is
    shared by all its samples of a residue and does not shrink with more sites or days.
    """
    generator = np.random.default_rng(seeds)
    by_laboratory = limits().with_columns(
        pl.col("laboratory").replace_strict({k: v.bias_rsd for k, v in LABORATORIES.items()}).alias("bias_rsd"),
        pl.col("laboratory").replace_strict({k: v.batch_rsd for k, v in LABORATORIES.items()}).alias("batch_rsd"),
    )
    bias = by_laboratory.with_columns(_lognormal_each(generator, by_laboratory["bias_rsd"]).alias("bias"))
    months = pl.date_range(world.FIRST_DAY, world.LAST_DAY, "1mo", eager=True).dt.strftime("%Y-%m").alias("month")
    batches = bias.join(pl.DataFrame([months]), how="cross")
    batches = batches.with_columns(_lognormal_each(generator, batches["batch_rsd"]).alias("batch_bias"))

    taken = samples(truth)
    composite = pl.Series("composite", lognormal(generator, SAMPLING_RSD, (taken.height,)))
    rows = (
        taken.with_columns(composite, pl.col("sampled_on").dt.strftime("%Y-%m").alias("month"))
        .join(truth.days, on=["site_id", "sampled_on"], maintain_order="left")
        .join(truth.loads, on=["site_id", "sampled_on"], maintain_order="left_right")
        .join(batches, on=["laboratory", "residue", "month"], maintain_order="left")
    )
    analysis_rsd = rows.select(
        pl.col("laboratory").replace_strict({k: v.analysis_rsd for k, v in LABORATORIES.items()})
    ).to_series()
    error = pl.col("composite") * pl.col("bias") * pl.col("batch_bias") * pl.col("analysis")
    # mg/day/1000 * persons / 1000 / (m³/day) = mg/m³ = µg/L, times 1000 = ng/L
    true_ng_per_l = pl.col("load_mg_per_day_per_1000") * pl.col("population") / pl.col("flow_m3_per_day")
    return (
        rows.with_columns(_lognormal_each(generator, analysis_rsd).alias("analysis"))
        .with_columns(
            true_ng_per_l.alias("true_concentration_ng_per_l"),
            (true_ng_per_l * error).round_sig_figs(4).alias("measured"),
        )
        .with_columns(
            pl.when(pl.col("measured") < pl.col("lod_ng_per_l"))
            .then(pl.lit("<LOD"))
            .when(pl.col("measured") < pl.col("loq_ng_per_l"))
            .then(pl.lit("<LOQ"))
            .otherwise(pl.lit("="))
            .alias("qualifier")
        )
        .select(
            "site_id",
            "sampled_on",
            "campaign",
            "laboratory",
            pl.format(
                "{}-{}",
                pl.col("laboratory").replace_strict({k: v.batch_prefix for k, v in LABORATORIES.items()}),
                "month",
            ).alias("batch"),
            "residue",
            "qualifier",
            pl.when(pl.col("qualifier") == "=").then("measured").alias("concentration_ng_per_l"),
            "true_concentration_ng_per_l",
            "lod_ng_per_l",
            "loq_ng_per_l",
        )
    )


def _lognormal_each(generator: np.random.Generator, rsd: pl.Series) -> pl.Series:
    """A lognormal factor of mean 1 for each relative standard deviation of the series."""
    variance = np.log1p(rsd.to_numpy() ** 2)
    return pl.Series(np.exp(np.sqrt(variance) * generator.standard_normal(len(rsd)) - variance / 2))
