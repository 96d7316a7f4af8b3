"""Censored series: published answers, other software, what must change nothing, and whatever may be delivered."""

import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from pipeline.statistics.censoring import (
    curvature,
    expected_below,
    hazard,
    kaplan_meier,
    lognormal_mle,
    regression_on_order_statistics,
)

# NADA manual, `censtats`: dissolved iron of the Great Lakes, summer.
DFE_SUMMER = "20 <10 <10 <10 <10 7 3 <3 <3"
# NADA manual, `ros`.
ROS_EXAMPLE = "<.5 .5 1 <1.5 5 10 100"
# NADA, data set Oahu: arsenic.
OAHU = "<1 <1 1.7 <1 <1 <2 3.2 <2 <2 2.8 <2 <2 <2 <2 <2 0.7 0.9 0.5 0.5 <0.9 0.5 0.7 0.6 1.5"
# US EPA (2009), Unified Guidance, example 15-1: manganese; as EnvStats prints its answers.
MANGANESE = "<5 12.1 16.9 21.6 <2 <5 7.7 53.6 9.5 45.9 <5 5.3 12.6 106.3 34.5 6.3 11.9 10 <2 77.2 17.9 22.7 3.3 8.4 <2"
METHODS = {
    "lognormal_mle": lognormal_mle,
    "kaplan_meier": kaplan_meier,
    "regression_on_order_statistics": regression_on_order_statistics,
}
QUICK = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def read(text):
    words = text.split()
    return np.array([[float(word.strip("<")) for word in words]]), np.array([[word[0] == "<" for word in words]])


def drawn(n_series, n_values, *, seed, share=0.4, spread=0.8, middle=3.0):
    """Lognormal series, each value below its own limit with about the given probability."""
    draw = np.random.default_rng(seed)
    logs = middle + spread * draw.standard_normal((n_series, n_values))
    away = spread * np.sqrt(2) * stats.norm.ppf(share)
    limits = middle + away + spread * draw.standard_normal((n_series, n_values))
    return np.exp(np.maximum(logs, limits)), logs < limits


def log_likelihood(logs, censored, mu, sigma):
    return stats.norm.logpdf(logs[~censored], mu, sigma).sum() + stats.norm.logcdf(logs[censored], mu, sigma).sum()


# --- Published --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "median", "mean", "sd"),
    [(DFE_SUMMER, 3.131899, 5.211599, 6.931668), (OAHU, None, 0.9452585166, None)],
)
def test_lognormal_mle_as_published(text, median, mean, sd):
    fit = lognormal_mle(*read(text))
    assert fit.mean[0] == pytest.approx(mean, abs=1e-6)
    if median:
        assert np.exp(fit.mu[0]) == pytest.approx(median, abs=1e-6)
        assert fit.mean[0] * np.sqrt(np.expm1(fit.sigma[0] ** 2)) == pytest.approx(sd, abs=1e-6)


def test_lognormal_mle_of_manganese():
    fit = lognormal_mle(*read(MANGANESE))
    assert (fit.n[0], fit.n_detects[0]) == (25, 19)
    assert fit.mu[0] == pytest.approx(2.21590467, abs=1e-8)
    assert fit.sigma[0] == pytest.approx(1.35629118, abs=1e-8)
    assert fit.mean[0] == pytest.approx(23.0039872, abs=1e-6)
    assert np.sqrt(np.expm1(fit.sigma[0] ** 2)) == pytest.approx(2.30077226, abs=1e-7)


def test_kaplan_meier_as_published():
    iron = kaplan_meier(*read(DFE_SUMMER))
    assert [iron.median[0], iron.mean[0], iron.sd[0]] == pytest.approx([3.0, 5.777778, 6.776867], abs=5e-7)
    assert kaplan_meier(*read(OAHU)).mean[0] == pytest.approx(0.9489583333, abs=1e-10)
    manganese = kaplan_meier(*read(MANGANESE))
    assert manganese.mean[0] == pytest.approx(20.14, abs=1e-10)
    assert manganese.se[0] == pytest.approx(5.1637074, abs=5e-8)
    # EnvStats' standard deviation is that of the distribution, NADA's comes from the standard error.
    assert manganese.sd_of_distribution[0] == pytest.approx(25.1299184, abs=5e-8)
    assert manganese.sd[0] == pytest.approx(5 * 5.1637074, abs=5e-7)


def test_regression_on_order_statistics_as_published():
    iron = regression_on_order_statistics(*read(DFE_SUMMER))
    assert [iron.median[0], iron.mean[0], iron.sd[0]] == pytest.approx([2.763843, 4.667484, 6.138230], abs=5e-7)
    example = regression_on_order_statistics(*read(ROS_EXAMPLE))
    assert [example.mean[0], example.sd[0], example.median[0]] == pytest.approx(
        [16.68977305, 36.91544108, 1.0], abs=5e-9
    )
    assert regression_on_order_statistics(*read(OAHU)).mean[0] == pytest.approx(0.9724632417, abs=1e-10)


def test_plotting_position_decides_the_mean_of_manganese():
    # EnvStats plots at (r - 3/8) / (n + 1/4); ours and NADA's are Weibull's.
    blom = regression_on_order_statistics(*read(MANGANESE), plotting_constant=3 / 8)
    assert blom.mean[0] == pytest.approx(19.8861797, abs=5e-8)
    assert regression_on_order_statistics(*read(MANGANESE)).mean[0] == pytest.approx(19.8276733, abs=5e-8)


@pytest.mark.parametrize("text", ["<1 2 5 9", "<1 <1 3 <4 8 20", "3 4 5"])
def test_the_plotting_constant_of_hazen_is_the_end_of_those_before_it(text):
    """1/2, where n + 1 - 2 a is nothing for a limit that no value has."""
    nearly, hazen = (regression_on_order_statistics(*read(text), constant) for constant in (0.5 - 1e-12, 0.5))
    assert [number[0] for number in hazen] == pytest.approx([number[0] for number in nearly], rel=1e-9)
    assert np.isfinite(hazen.mean[0])


# --- Other software ---------------------------------------------------------------------------------------------------


def test_lognormal_mle_agrees_with_scipy():
    def search(function, start, args, disp):
        return optimize.fmin(function, start, args=args, disp=disp, xtol=1e-9, ftol=1e-12, maxfun=10_000)

    for share in (0.0, 0.2, 0.5, 0.8):
        values, is_censored = drawn(15, 30, seed=int(10 * share), share=share)
        fit = lognormal_mle(values, is_censored)
        for row, censored, mu, sigma in zip(values, is_censored, fit.mu, fit.sigma, strict=True):
            logs = np.log(row)
            data = stats.CensoredData(uncensored=logs[~censored], left=logs[censored])
            assert [mu, sigma] == pytest.approx(stats.norm.fit(data, optimizer=search), abs=1e-6)
    data = stats.CensoredData(uncensored=row[~censored], left=row[censored])
    shape, _, scale = stats.lognorm.fit(data, floc=0, optimizer=search)
    assert [mu, sigma] == pytest.approx([np.log(scale), shape], abs=1e-5)


def test_covariance_is_the_curvature_of_the_likelihood():
    values, is_censored = drawn(5, 20, seed=4)
    fit = lognormal_mle(values, is_censored)
    step = 1e-4
    for row, censored, mu, sigma, var_mu, var_sigma, cov in zip(
        values, is_censored, fit.mu, fit.sigma, fit.var_mu, fit.var_sigma, fit.cov_mu_sigma, strict=True
    ):
        at = {
            (i, j): log_likelihood(np.log(row), censored, mu + i * step, sigma + j * step)
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
        }
        bend_mu = (at[1, 0] - 2 * at[0, 0] + at[-1, 0]) / step**2
        bend_sigma = (at[0, 1] - 2 * at[0, 0] + at[0, -1]) / step**2
        bend_both = (at[1, 1] - at[1, -1] - at[-1, 1] + at[-1, -1]) / (4 * step**2)
        covariance = np.linalg.inv(-np.array([[bend_mu, bend_both], [bend_both, bend_sigma]]))
        assert [var_mu, var_sigma, cov] == pytest.approx(
            [covariance[0, 0], covariance[1, 1], covariance[0, 1]], rel=1e-4
        )


def test_expected_below_agrees_with_an_integral():
    for mu, sigma, limit in [(0, 1, 1), (2, 0.5, 1), (-3, 1.5, 40), (1, 3, 2.5), (0, 0.2, 1e3), (5, 1, 0.1)]:
        density = stats.lognorm(sigma, scale=np.exp(mu))
        top = min(limit, np.exp(mu + 12 * sigma))
        points = np.exp(mu + sigma * np.array([-6, -3, -1, 0, 1, 3]))
        above, mass = (
            integrate.quad(f, 0, top, points=points[points < top], limit=500, epsabs=0, epsrel=1e-12)[0]
            for f in (lambda x, d=density: x * d.pdf(x), density.pdf)
        )
        assert float(expected_below(mu, sigma, limit)) == pytest.approx(above / mass, rel=1e-8)


def test_expected_below_loses_nothing_far_below_the_middle():
    # There X / limit is 1 over the exponential of an exponential variable of rate -z / sigma - and a little.
    z = np.array([1e3, 1e5, 1e8, 1e12])
    share = expected_below(z, 1.0, 1.0)
    assert 1 - share == pytest.approx(1 / (z + 1), rel=1e-3)
    assert np.all((share > 0) & (share < 1))
    assert expected_below(0.0, 0.0, [0.5, 1, 2]).tolist() == [0.5, 1, 1]
    assert np.isnan(expected_below([np.nan, 0, 0], [1, np.nan, 1], [1, 1, np.nan])).all()
    assert float(expected_below(0, 1, 1e12)) == pytest.approx(np.exp(0.5))


def kaplan_meier_by_hand(values, censored):
    left, mean, parts = 1.0, 0.0, []
    for level in sorted(set(values[~censored]), reverse=True):
        at_risk, at_once = np.sum(values <= level), np.sum((values == level) & ~censored)
        mean += level * left * at_once / at_risk
        left *= 1 - at_once / at_risk
        parts.append((level, left))
    mean += left * parts[-1][0]
    return mean, next((level for level, below in parts if below < 0.5 * (1 - 1e-9)), np.nan)


def ros_by_hand(values, censored):
    detects, limits = np.sort(values[~censored]), np.sort(values[censored & (values <= values[~censored].max())])
    borders = [0.0, *sorted(set(limits)), np.inf]
    share, positions, of_limits = {np.inf: 1.0, 0.0: 0.0}, [], []
    for low, high in list(pairwise(borders))[:0:-1]:
        above = np.sum((detects >= low) & (detects < high))
        below = np.sum(detects < low) + np.sum(limits <= low)
        share[low] = share[high] * below / (above + below)
    for low, high in pairwise(borders):
        n = np.sum((detects >= low) & (detects < high))
        positions += [share[low] + (share[high] - share[low]) * r / (n + 1) for r in range(1, n + 1)]
        n = np.sum(limits == low)
        of_limits += [share[low] * r / (n + 1) for r in range(1, n + 1)]
    slope, start = np.polyfit(stats.norm.ppf(positions), np.log(detects), 1)
    filled = np.concatenate([detects, np.exp(start + slope * stats.norm.ppf(of_limits))])
    return filled.mean(), filled.std(ddof=1), np.median(filled)


def test_ranks_agree_with_the_definitions_where_values_are_equal():
    draw = np.random.default_rng(7)
    values = draw.integers(1, 9, (300, 12)).astype(float)
    is_censored = draw.random((300, 12)) < 0.4
    product_limit, ros = (
        kaplan_meier(values, is_censored),
        regression_on_order_statistics(values, is_censored),
    )
    for i in range(300):
        assert (product_limit.mean[i], product_limit.median[i]) == pytest.approx(
            kaplan_meier_by_hand(values[i], is_censored[i]), nan_ok=True
        )
        if np.sum(~is_censored[i]) > 1:
            assert [number[i] for number in ros] == pytest.approx(ros_by_hand(values[i], is_censored[i]))


def test_agrees_with_survival_in_r(tmp_path):
    rscript = shutil.which("Rscript")
    has_survival = (
        rscript
        and not subprocess.run([rscript, "-e", "library(survival)"], capture_output=True, check=False).returncode
    )
    if not has_survival:
        pytest.skip("needs R with its package survival")
    values, is_censored = drawn(20, 25, seed=8)
    given = tmp_path / "series.csv"
    np.savetxt(given, np.column_stack([np.repeat(range(20), 25), values.ravel(), ~is_censored.ravel()]), fmt="%.17g")
    script = tmp_path / "fit.R"
    script.write_text("""
        library(survival)
        rows <- read.table("series.csv", col.names = c("series", "x", "detect"))
        for (row in split(rows, rows$series)) {
          f <- survreg(Surv(x, detect, type = "left") ~ 1, row, dist = "lognormal",
                       control = survreg.control(rel.tolerance = 1e-13, maxiter = 100))
          s <- survfit(Surv(2 * max(x) - x, detect) ~ 1, row)
          event <- s$n.event > 0
          level <- 2 * max(row$x) - s$time[event]; below <- s$surv[event]; k <- length(level)
          mean <- sum(level * (c(1, below[-k]) - below)) + below[k] * level[k]
          cat(sprintf("%.15g", c(coef(f), f$scale, f$var[1, 1], f$var[2, 2] * f$scale^2, f$var[1, 2] * f$scale, mean)),
              "\\n")
        }
    """)
    done = subprocess.run([rscript, script.name], cwd=tmp_path, capture_output=True, text=True, check=True)
    theirs = np.array([[float(word) for word in line.split()] for line in done.stdout.splitlines()]).T
    fit = lognormal_mle(values, is_censored)
    ours = [fit.mu, fit.sigma, fit.var_mu, fit.var_sigma, fit.cov_mu_sigma, kaplan_meier(values, is_censored).mean]
    for mine, other, tolerance in zip(ours, theirs, [1e-8, 1e-8, 1e-6, 1e-6, 1e-6, 1e-12], strict=True):
        assert mine == pytest.approx(other, rel=tolerance)


# --- What must change nothing -----------------------------------------------------------------------------------------


def same(found, expected, rows=slice(None)):
    for name, mine, other in zip(found._fields, found, expected, strict=True):
        np.testing.assert_allclose(mine, np.asarray(other)[rows], rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("name", METHODS)
def test_order_of_values_and_of_series_and_padding_change_nothing(name):
    method = METHODS[name]
    values, is_censored = drawn(30, 12, seed=9)
    values[:, -3:] = np.where(np.arange(30)[:, None] % 3 == 0, np.nan, values[:, -3:])
    plain = method(values, is_censored)
    draw = np.random.default_rng(10)
    order = draw.permutation(12)
    same(method(values[:, order], is_censored[:, order]), plain)
    turn = draw.permutation(30)
    same(method(values[turn], is_censored[turn]), plain, turn)
    wide, flags = np.full((30, 20), np.nan), draw.random((30, 20)) < 0.5
    wide[:, 2:14], flags[:, 2:14] = values, is_censored
    same(method(wide, flags), plain)
    same(method(values[3:4], is_censored[3:4]), plain, slice(3, 4))


@pytest.mark.parametrize("factor", [1e-9, 0.37, 1e9])
def test_the_unit_changes_only_the_unit(factor):
    values, is_censored = drawn(30, 12, seed=11)
    fit, other = lognormal_mle(values, is_censored), lognormal_mle(factor * values, is_censored)
    shift = np.log(factor)
    same(other, fit._replace(mu=fit.mu + shift, mean=factor * fit.mean))
    for name in ("kaplan_meier", "regression_on_order_statistics"):
        plain = METHODS[name](values, is_censored)
        same(METHODS[name](factor * values, is_censored), [factor * number for number in plain])
    np.testing.assert_allclose(expected_below(1 + shift, 0.7, 2 * factor), factor * expected_below(1, 0.7, 2))


def test_without_censoring_all_are_the_plain_estimates():
    values, _ = drawn(20, 11, seed=12, share=0.5)
    nowhere = np.zeros(values.shape, dtype=bool)
    mean, sd, median = values.mean(axis=1), values.std(axis=1, ddof=1), np.median(values, axis=1)
    product_limit = kaplan_meier(values, nowhere)
    same(product_limit, [mean, sd, median, sd / np.sqrt(11), values.std(axis=1)])
    same(regression_on_order_statistics(values, nowhere), [mean, sd, median])
    fit, logs = lognormal_mle(values, nowhere), np.log(values)
    np.testing.assert_allclose(fit.mu, logs.mean(axis=1))
    np.testing.assert_allclose(fit.sigma, logs.std(axis=1))
    np.testing.assert_allclose(fit.var_mu, fit.sigma**2 / 11)
    np.testing.assert_allclose(fit.var_sigma, fit.sigma**2 / 22)


# --- The edges --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["7", "<7", "<7 <3", "7 <3", "7 7 7", "7 7 <3 <9"])
def test_fewer_than_two_detects_that_differ_give_no_lognormal_distribution(text):
    fit = lognormal_mle(*read(text))
    assert not fit.has_converged[0]
    assert np.isnan([number[0] for number in fit[2:-1]]).all()


def test_what_little_there_is():
    one = kaplan_meier(*read("7"))
    assert (one.mean[0], one.median[0], one.sd_of_distribution[0]) == (7, 7, 0)
    assert np.isnan([one.se[0], one.sd[0]]).all()
    assert np.isnan(np.array(kaplan_meier(*read("<7 <3")))).all()
    most_below = kaplan_meier(*read("<3 <3 <3 7"))
    assert most_below.mean[0] == 7
    assert np.isnan(most_below.median[0])
    assert np.isnan(np.array(regression_on_order_statistics(*read("7 <3")))).all()
    assert np.isnan(np.array(regression_on_order_statistics(*read("<7 <3")))).all()
    assert regression_on_order_statistics(*read("7")).mean[0] == 7


def test_limits_above_all_detects_are_left_out():
    for method in (kaplan_meier, regression_on_order_statistics):
        few, more = method(*read("<2 3 4 5")), method(*read("<2 3 4 5 <9 <50"))
        assert (more.mean[0], more.median[0]) == pytest.approx((few.mean[0], few.median[0]))
    # They say next to nothing of the lognormal distribution either.
    few, more = lognormal_mle(*read("<2 3 4 5")), lognormal_mle(*read("<2 3 4 5 <9000 <5e9"))
    assert more.mu[0] == pytest.approx(few.mu[0], abs=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_refuses_what_is_no_value(name):
    flags = np.zeros((1, 2), dtype=bool)
    for wrong in (0.0, -1.0, np.inf):
        with pytest.raises(ValueError, match="must be positive and finite"):
            METHODS[name]([[1.0, wrong]], flags)
    with pytest.raises(ValueError, match="need the same shape"):
        METHODS[name]([[1.0, 2.0, 3.0]], flags)
    with pytest.raises(ValueError, match="an array of one row"):
        METHODS[name]([1.0, 2.0], flags[0])
    with pytest.raises(ValueError, match="true and false"):
        METHODS[name]([[1.0, 2.0]], [[0, 1]])


def test_refuses_impossible_arguments():
    values, flags = read("1 <2 3")
    for sigma in (-1, np.inf):
        with pytest.raises(ValueError, match="sigma must not be"):
            expected_below(0, sigma, 1)
    for limit in (0, -1, np.inf):
        with pytest.raises(ValueError, match="A limit must be"):
            expected_below(0, 1, limit)
    with pytest.raises(ValueError, match="A plotting constant"):
        regression_on_order_statistics(values, flags, 1)


VALUE = st.one_of(
    st.sampled_from([np.nan, 1.0, 1.0 + 1e-9, 1.0 + 1e-12, 2.0, 3.0, 1e-9, 1e12, 5e-324, 1e300]),
    st.floats(1e-9, 1e12),
    st.floats(0.5, 2),
)


@QUICK
@given(data=st.data(), n_series=st.integers(0, 5), n_values=st.integers(0, 9))
def test_any_mixture(data, n_series, n_values):
    """No warning, nothing infinite, and a series says the same alone as among others."""
    n = n_series * n_values
    values = np.array(data.draw(st.lists(VALUE, min_size=n, max_size=n)), dtype=float).reshape(n_series, n_values)
    flags = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
    flags = flags.reshape(n_series, n_values)
    is_detect = ~np.isnan(values) & ~flags
    found = {name: method(values, flags) for name, method in METHODS.items()}
    for name, result in found.items():
        for field, numbers in zip(result._fields, result, strict=True):
            assert numbers.shape == (n_series,), (name, field)
            assert not np.isinf(numbers).any(), (name, field)
        for i in range(n_series):
            same(METHODS[name](values[i : i + 1], flags[i : i + 1]), result, slice(i, i + 1))
    fit = found["lognormal_mle"]
    logs = np.log(values)
    for i in range(n_series):
        levels = logs[i][is_detect[i]]
        assert fit.has_converged[i] == (levels.size > 1 and bool(np.ptp(levels) > 1e-10))
        assert np.isnan(found["kaplan_meier"].mean[i]) == (levels.size == 0)
    told = fit.has_converged
    assert np.all(fit.sigma[told] > 0)
    assert np.all(fit.var_mu[told] > 0)
    assert np.all(fit.var_sigma[told] > 0)


@QUICK
@given(mu=st.floats(-700, 700), sigma=st.floats(0, 1e3), limit=st.floats(1e-300, 1e300))
def test_expectation_below_a_limit_is_below_it(mu, sigma, limit):
    assert 0 <= float(expected_below(mu, sigma, limit)) <= limit * (1 + 1e-12)


# --- Does it find the truth? ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_mu_is_nearly_unbiased(share):
    values, is_censored = drawn(20_000, 30, seed=13, share=share)
    fit = lognormal_mle(values, is_censored)
    assert fit.has_converged.mean() > 0.999
    # Chance leaves 0.001 to 0.002; the maximum of the likelihood itself is off by an order of 1 / n.
    assert np.nanmean(fit.mu) == pytest.approx(3.0, abs=0.02)
    # The errors it states are those it makes.
    assert np.nanstd(fit.mu) == pytest.approx(np.sqrt(np.nanmean(fit.var_mu)), rel=0.06)


# --- By hand ----------------------------------------------------------------------------------------------------------


def test_kaplan_meier_by_hand():
    """Down from 8: one of four, then one of three; below 2 lies what is left, half, put at 2.

    Greenwood's sum over 4 and 8: areas (4 - 2) / 2 = 1 and 1 + (8 - 4) 3/4 = 4: 1 / (3 x 2) + 16 / (4 x 3), times 3/2.
    """
    found = kaplan_meier(*read("8 4 2 <1"))
    assert found.mean[0] == pytest.approx((8 + 4 + 2 * 2) / 4)
    assert found.se[0] == pytest.approx(np.sqrt((1 / 6 + 16 / 12) * 3 / 2))
    assert found.sd[0] == pytest.approx(2 * found.se[0])
    assert found.sd_of_distribution[0] == pytest.approx(np.sqrt((16 + 0 + 2 * 4) / 4))
    # Exactly half below 4: the lower of the middle pair is 2.
    assert kaplan_meier(*read("8 4 2 1")).median[0] == 2
    two = kaplan_meier(*read("3 1"))
    assert two.se[0] == pytest.approx(1)


def test_order_statistics_by_hand():
    """Two detects and a limit below both: Q = 1/3; limits at Q/2, detects at 5/9 and 7/9 of Weibull's positions."""
    found = regression_on_order_statistics(*read("2 8 <1"))
    x = stats.norm.ppf([5 / 9, 7 / 9])
    slope = np.log(4) / (x[1] - x[0])
    filled = np.exp(np.log(2) + slope * (stats.norm.ppf(1 / 6) - x[0]))
    assert found.mean[0] == pytest.approx((2 + 8 + filled) / 3)
    assert found.median[0] == 2
    assert found.sd[0] == pytest.approx(np.std([2, 8, filled], ddof=1))
    # Blom's: (1 - 3/8) / (2 + 1/4) of the way, and a limit alone in the middle again.
    x = stats.norm.ppf([1 / 3 + 2 / 3 * 5 / 18, 1 / 3 + 2 / 3 * 13 / 18])
    filled = np.exp(np.log(2) + np.log(4) / (x[1] - x[0]) * (stats.norm.ppf(1 / 6) - x[0]))
    assert regression_on_order_statistics(*read("2 8 <1"), 3 / 8).mean[0] == pytest.approx((2 + 8 + filled) / 3)


def test_a_limit_at_the_largest_detect_stays():
    """<8 lies below a measured 8, and says that it does."""
    assert regression_on_order_statistics(*read("2 8 <8")).mean[0] != pytest.approx(5)
    assert regression_on_order_statistics(*read("2 8 <9")).mean[0] == pytest.approx(5)


def test_an_expectation_of_all_sizes():
    """Small and large amounts alike: nothing is scaled by 1."""
    for factor in (1e-200, 1e200):
        values, below = read("1 2 3 <2")
        found = kaplan_meier(factor * values, below)
        plain = kaplan_meier(values, below)
        assert found.mean[0] / factor == pytest.approx(plain.mean[0])
        assert found.sd_of_distribution[0] / factor == pytest.approx(plain.sd_of_distribution[0])
    two = regression_on_order_statistics(*read("1 3"))
    assert (two.mean[0], two.sd[0], two.median[0]) == pytest.approx((2, np.sqrt(2), 2))


def test_far_below_the_middle_the_curvature_is_that_of_its_series():
    """1 - 1/z^2 + 6/z^4, and by the definition, h (z + h), where that keeps its digits."""
    z = np.array([-2e3, -1e5])
    assert curvature(z, hazard(z)) == pytest.approx(1 - 1 / z**2 + 6 / z**4, abs=1e-11)
    ratio = stats.norm.pdf(-2.0) / stats.norm.cdf(-2.0)
    assert curvature(np.array([-2.0]), hazard(np.array([-2.0])))[0] == pytest.approx(ratio * (ratio - 2))


def test_an_expectation_between_the_middle_and_a_spread_above_it():
    """A limit half and one and a half spreads up, sigma 1.5: exp(sigma^2 / 2) Phi(z - sigma) / Phi(z)."""
    z = np.array([0.5, 1.4, 2.5])
    by_hand = np.exp(1.5**2 / 2) * stats.norm.cdf(z - 1.5) / stats.norm.cdf(z)
    assert expected_below(0.0, 1.5, np.exp(1.5 * z)) == pytest.approx(by_hand, rel=1e-10)
