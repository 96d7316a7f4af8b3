"""The interval of a change by its days alone: by the closed form, and by drawing the days anew, beside each other.

Nothing here is published: it checks what `changes.py` computes. The drawing is `pipeline/statistics/bootstrap.py`.
"""

import zlib

import numpy as np
import polars as pl

from pipeline.changes import Compared
from pipeline.periods import array_of
from pipeline.statements import sql
from pipeline.statistics.bootstrap import Resampled, resampled_ratio
from pipeline.statistics.intervals import log_interval
from pipeline.warehouse import Warehouse

_CHANGE = ["level", "unit_id", "drug", "protocol"]
_DRAWN = {
    "n_resamples": pl.Int64, "seed": pl.Int64, "bootstrap_log_sd": pl.Float64, "bootstrap_low_percent": pl.Float64,
    "bootstrap_high_percent": pl.Float64,
}  # fmt: skip


def beside(
    warehouse: Warehouse, compared: Compared, changes: pl.DataFrame, *, n_resamples: int, seed: int
) -> pl.DataFrame:
    """Changes just compared in this warehouse, all of one level, with what their days leave in doubt, found twice.

    Parameters
    ----------
    compared : Compared
        What `changes.between` gave: the view `spanned_days` is still its own.
    changes : polars.DataFrame
        Those of its changes that are asked for.
    n_resamples, seed : int
        As of `resampled_ratio`; each change has a stream of its own, so that it does not matter which others are drawn.

    Returns
    -------
    polars.DataFrame
        The changes with `days_log_sd`, `days_low_percent`, `days_high_percent` (closed form, the days' part alone) and
        `bootstrap_log_sd`, `bootstrap_low_percent`, `bootstrap_high_percent`, `n_resamples`, `seed`. Null where there
        is no change, or some of its days lie below limits: what is expected there cannot be drawn.
    """
    variance, df = array_of(changes, "days_log_variance"), array_of(changes, "days_df")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 1 + array_of(changes, "change_percent") / 100
        low, high = log_interval(np.where(ratio > 0, ratio, np.nan), variance, df, np.zeros(len(variance)))
    by_form = changes.with_columns(
        days_log_sd=pl.Series(np.sqrt(variance)).fill_nan(None),
        days_low_percent=pl.Series(100 * (low - 1)).fill_nan(None),
        days_high_percent=pl.Series(100 * (high - 1)).fill_nan(None),
    )
    estimated = changes.filter(pl.col("state") == "estimated")
    if estimated.is_empty():
        return by_form.with_columns(pl.lit(None, kind).alias(name) for name, kind in _DRAWN.items())
    with warehouse.known_as("compared_sites", compared.sites):
        days = warehouse.query(sql("resampled_days"), {"level": estimated["level"][0]})
    wanted = days.join(estimated, on=_CHANGE, how="semi", maintain_order="left")
    rows = []
    for key, of in wanted.partition_by(_CHANGE, maintain_order=True, as_dict=True).items():
        found = _resampled(of, n_resamples, [seed, zlib.crc32("\n".join(map(str, key)).encode())])
        if found is not None:
            ends = (100 * (found.low - 1), 100 * (found.high - 1))
            rows.append((*key, n_resamples, seed, found.log_sd, *ends))
    drawn = pl.DataFrame(rows, schema={**dict.fromkeys(_CHANGE, pl.String), **_DRAWN}, orient="row").with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )
    return by_form.join(drawn, on=_CHANGE, how="left", maintain_order="left", validate="1:1")


def _resampled(days: pl.DataFrame, n_resamples: int, seed: list[int]) -> Resampled | None:
    """The days of one change drawn anew; None where some lie below limits."""
    is_measured = ~pl.col("is_censored") & (pl.col("amount_mg_per_day_per_1000") > 0).fill_null(value=False)
    if not days.select(is_measured.all()).item():
        return None
    site = days["site_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    return resampled_ratio(
        days["amount_mg_per_day_per_1000"].to_numpy(), site, days["is_current"].to_numpy(),
        days["weekday"].cast(pl.Int64).to_numpy(),
        days.group_by("site_id").agg(pl.col("weight").first()).sort("site_id")["weight"].to_numpy(),
        n_resamples=n_resamples, seed=seed,
    )  # fmt: skip
