"""Rhythm and spread of days: regression by another library, likelihoods by integrals, moments of chi-square."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma, polygamma

from pipeline.statistics.spread import (
    _HETEROGENEITY,
    _NODES,
    _log_prior,
    _of_log_moments,
    _rhythm,
    locations,
    log_likelihood,
    pooled_spread,
)


def drawn(n_levels, n_weeks, log_sd, seed=3):
    """Whole weeks of some levels: log value, level, weekday (1 to 7)."""
    rng = np.random.default_rng(seed)
    level, _, day = (part.ravel() for part in np.indices((n_levels, n_weeks, 7)))
    effect = np.array([-0.1, -0.1, 0, 0, 0, 0.15, 0.05])
    return 2 + 0.5 * level + effect[day] + log_sd * rng.standard_normal(level.shape), level, day + 1


def regression(y, level, day):
    """Effects that add up to 0, residual variance and what was fitted, by least squares."""
    x = np.concatenate([np.eye(level.max() + 1)[level], np.eye(7)[day - 1]], axis=1)
    solved = np.linalg.lstsq(x, y, rcond=None)[0]
    effects = solved[-7:] - solved[-7:].mean()
    n_fitted = np.linalg.matrix_rank(x)
    return effects, ((y - x @ solved) ** 2).sum() / (len(y) - n_fitted), n_fitted


def test_the_density_of_what_is_measured_and_the_probability_of_what_lies_below():
    found = log_likelihood(np.array([1.0, 1.0]), np.array([False, True]), np.array([0.4, 0.4]), 0.5)
    assert found == pytest.approx([stats.norm.logpdf(1, 0.4, 0.5), stats.norm.logcdf(1, 0.4, 0.5)])


def test_levels_begin_anywhere():
    y, below, group = np.array([0.2, 0.9, 1.4, 5.0]), np.array([False, True, False, False]), np.array([0, 0, 0, 1])
    plain = locations(y, below, group, 2, 0.6, 0.0)
    for start in (np.array([30.0, np.nan]), np.array([-30.0, 5.0])):
        assert locations(y, below, group, 2, 0.6, 0.0, start)[0] == pytest.approx(plain[0])
    shifted = locations(y + np.array([1, 2, 3, 4]), below, group, 2, np.full(4, 0.6), np.array([1.0, 2, 3, 4]))
    assert shifted[0] == pytest.approx(plain[0])
    assert shifted[1] == pytest.approx(plain[1])


def test_the_rhythm_is_that_of_least_squares():
    y, level, day = drawn(3, 4, 0.3)
    kept = np.arange(len(y)) % 5 > 0  # unbalanced
    y, level, day = y[kept], level[kept], day[kept]
    below = np.zeros(len(y), bool)
    found, n_effects = _rhythm(y, below, level, day - 1, 3, 2, is_whole_week=True)
    assert n_effects == 6
    assert found == pytest.approx(regression(y, level, day)[0], abs=1e-5)


def test_a_rhythm_of_some_weekdays_only():
    """Mondays, Tuesdays and Fridays: three effects that add up to 0, the others 0."""
    y, level, day = drawn(6, 1, 0.2)
    kept = np.isin(day, [1, 2, 5])
    y, level, day = y[kept], level[kept], day[kept]
    found, n_effects = _rhythm(y, np.zeros(len(y), bool), level, day - 1, 6, 5, is_whole_week=False)
    assert n_effects == 2
    means = np.array([y[day == one].mean() for one in (1, 2, 5)])
    assert found[[0, 1, 4]] == pytest.approx(means - means.mean(), abs=1e-5)
    assert found[[2, 3, 5, 6]].tolist() == [0, 0, 0, 0]
    assert _rhythm(y, np.zeros(len(y), bool), level, day - 1, 6, 5, is_whole_week=True)[1] == 0


def rhythm_of(days, *, fewest_weeks, below=None, is_whole_week=False):
    level, day = (np.array(part) for part in zip(*days, strict=True))
    y = np.random.default_rng(1).standard_normal(len(day))
    below = np.zeros(len(day), bool) if below is None else below
    return _rhythm(y, below, level, day, level.max() + 1, fewest_weeks, is_whole_week=is_whole_week)[1]


def test_a_weekday_counts_where_it_was_measured_beside_others():
    both = [(level, day) for level in range(5) for day in (0, 1)]
    assert rhythm_of(both, fewest_weeks=5) == 1
    assert rhythm_of(both, fewest_weeks=6) == 0
    # A week of one weekday alone is none; nor one whose other day lies below its limit.
    assert rhythm_of([*both[:-2], (4, 0), (5, 1)], fewest_weeks=5) == 0
    assert rhythm_of([*both[:-2], (4, 0), (5, 1)], fewest_weeks=4) == 1
    # One day of a third weekday asks for its effect as well.
    assert rhythm_of([*both, (0, 2)], fewest_weeks=5) == 0
    assert rhythm_of([*both, (0, 2)], fewest_weeks=1) == 2
    assert rhythm_of(both, fewest_weeks=5, below=np.arange(10) == 9) == 0
    assert rhythm_of(both, fewest_weeks=4, below=np.arange(10) == 9) == 1


def test_three_degrees_of_freedom_must_be_left():
    """Days less levels less effects: 8 - 4 - 1 are three, 6 - 3 - 1 are two."""
    assert rhythm_of([(level, day) for level in range(4) for day in (0, 1)], fewest_weeks=2) == 1
    assert rhythm_of([(level, day) for level in range(3) for day in (0, 1)], fewest_weeks=2) == 0
    assert rhythm_of([(level, 0) for level in range(4) for _ in range(3)], fewest_weeks=0) == 0


def test_effects_below_limits_are_where_the_likelihood_is_highest():
    """Levels, effects and spread in turn: at the end no derivative is left, and squares are what is expected."""
    y, level, day = drawn(3, 5, 0.4)
    limit = np.where(np.arange(len(y)) % 3 == 0, 2.2 + 0.5 * level, -9)
    below = y < limit
    y = np.where(below, limit, y)
    found, _ = _rhythm(y, below, level, day - 1, 3, 3, is_whole_week=True)
    n_left = len(y) - 3 - 6

    def spread_of(log_sd):
        mean = locations(y, below, level, 3, log_sd, found[day - 1])[0][level] + found[day - 1]
        z = (y - mean) / log_sd
        square = np.where(below, 1 - z * stats.norm.pdf(z) / stats.norm.cdf(z), z**2).sum()
        return log_sd * np.sqrt(square / n_left)

    log_sd = 0.4
    for _ in range(60):
        log_sd = spread_of(log_sd)
    again = locations(y, below, day - 1, 7, log_sd, locations(y, below, level, 3, log_sd, found[day - 1])[0][level])[0]
    assert found == pytest.approx(again - again.mean(), abs=1e-4)


def test_moments_of_the_logarithm_of_a_spread():
    """Of sigma, sigma^2 being n s^2 over chi-square: variance trigamma(n/2) / 4, mean (ln(n/2) - digamma(n/2)) / 2."""
    df = np.array([1.0, 2, 6, 40, 500])
    log_sd, found = _of_log_moments(0.3 + (np.log(df / 2) - digamma(df / 2)) / 2, polygamma(1, df / 2) / 4)
    assert found == pytest.approx(df, rel=1e-8)
    assert log_sd == pytest.approx(np.full(5, 0.3), abs=1e-8)


def test_spreads_lie_about_a_common_one():
    nodes = np.log(_NODES)
    prior = np.exp(_log_prior(nodes, 20, 0.3))
    density = stats.norm.pdf(nodes, nodes[20], 0.3)
    assert prior == pytest.approx(density / density.sum())
    assert np.exp(_log_prior(nodes, 20, 0.0)).tolist() == (np.arange(len(nodes)) == 20).astype(float).tolist()


def test_the_spread_of_one_site_is_that_of_a_regression():
    """Root of the squares of the residuals over what is left, and as many degrees of freedom, but for the grid."""
    y, level, day = drawn(4, 3, 0.3, seed=5)
    found = pooled_spread(y, np.zeros(len(y), bool), level, np.zeros(len(y), int), day, 1, fewest_weeks=3)
    effects, variance, n_fitted = regression(y, level, day)
    assert found.has_rhythm
    assert found.rhythm == pytest.approx(effects, abs=1e-5)
    assert found.log_sd[0] == pytest.approx(np.sqrt(variance), rel=0.01)
    assert found.df[0] == pytest.approx(len(y) - n_fitted, rel=0.03)
    assert found.is_common
    # The middle is one of the spreads that are tried.
    assert np.log(found.pooled_log_sd) == pytest.approx(np.log(np.sqrt(variance)), abs=0.11)


def log_marginal(y, level, log_sd):
    """Levels integrated out under a flat prior: of a level of n days log N less its largest part, exactly."""
    total = 0.0
    for one in np.unique(level):
        of = y[level == one]
        squares = ((of - of.mean()) ** 2).sum()
        total += -(len(of) - 1) * np.log(log_sd) - squares / (2 * log_sd**2)
    return total


def by_grid(y, level, site, n_sites):
    """Each site's spread and degrees of freedom about the common one that explains all best: the definition."""
    nodes = np.log(_NODES)
    each = np.array([[log_marginal(y[site == s], level[site == s], sd) for sd in _NODES] for s in range(n_sites)])
    best = None
    for apart in _HETEROGENEITY:
        for middle in range(len(nodes)):
            prior = (
                np.where(np.arange(len(nodes)) == middle, 1.0, 0.0)
                if apart == 0
                else stats.norm.pdf(nodes, nodes[middle], apart)
            )
            with np.errstate(divide="ignore"):
                prior = np.log(prior / prior.sum())
            total = np.logaddexp.reduce(each + prior, axis=1).sum()
            if best is None or total > best[0] + 1e-9:
                best = (total, apart, middle, prior)
    _, apart, middle, prior = best
    weight = np.exp(each + prior - np.logaddexp.reduce(each + prior, axis=1)[:, None])
    if apart == 0:
        together = np.exp(each.sum(axis=0) - each.sum(axis=0).max())
        weight = np.tile(together / together.sum(), (n_sites, 1))
    mean = weight @ nodes
    variance = np.maximum(weight @ nodes**2 - mean**2, (nodes[1] - nodes[0]) ** 2 / 12)
    return apart, _NODES[middle], mean, variance


@pytest.mark.parametrize(("spreads", "is_common"), [((0.3, 0.3, 0.3), True), ((0.1, 0.3, 0.9), False)])
def test_spreads_of_sites_are_those_of_the_definition(spreads, is_common):
    """Two weekdays, so that no rhythm is learnt; levels of different length, a site with few days."""
    rng = np.random.default_rng(6)
    site = np.repeat([0, 1, 2], [40, 30, 12])
    level = np.concatenate([np.arange(40) // 8, 5 + np.arange(30) // 15, 7 + np.arange(12) // 4])
    y = level + np.array(spreads)[site] * rng.standard_normal(82)
    found = pooled_spread(y, np.zeros(82, bool), level, site, np.ones(82, int), 3)
    apart, middle, mean, variance = by_grid(y, level, site, 3)
    assert found.is_common == (apart == 0) == is_common
    assert found.pooled_log_sd == pytest.approx(middle)
    assert not found.has_rhythm
    assert polygamma(1, found.df / 2) / 4 == pytest.approx(variance, rel=1e-6)
    bias = (np.log(found.df / 2) - digamma(found.df / 2)) / 2
    assert np.log(found.log_sd) + bias == pytest.approx(mean, rel=1e-6)


def moments_of(found, left=1.0):
    """Mean and variance of the logarithm of a spread of which a share of the degrees of freedom is left."""
    df = found.df / left
    return np.log(found.log_sd * np.sqrt(left)) + (np.log(df / 2) - digamma(df / 2)) / 2, polygamma(1, df / 2) / 4


def test_what_the_rhythm_takes_of_the_days_is_given_back():
    """Twelve weeks of four levels: of 84 - 4 degrees of freedom six are taken."""
    y, level, day = drawn(4, 3, 0.3, seed=5)
    found = pooled_spread(y, np.zeros(84, bool), level, np.zeros(84, int), day, 1, fewest_weeks=3)
    _, _, mean, variance = by_grid(y - found.rhythm[day - 1], level, np.zeros(84, int), 1)
    told = moments_of(found, (80 - 6) / 80)
    assert told[0] == pytest.approx(mean, rel=1e-6)
    assert told[1] == pytest.approx(variance, rel=1e-6)


def test_a_rhythm_of_two_weekdays_is_one_if_asked():
    y, level, day = drawn(8, 1, 0.2)
    kept = np.isin(day, [1, 6])
    of = (y[kept], np.zeros(16, bool), level[kept], np.zeros(16, int), day[kept], 1)
    assert not pooled_spread(*of).has_rhythm
    found = pooled_spread(*of, is_whole_week=False)
    assert found.has_rhythm
    rise = y[day == 6].mean() - y[day == 1].mean()
    assert found.rhythm[[0, 5]] == pytest.approx([-rise / 2, rise / 2], abs=1e-5)


def test_a_spread_is_known_no_better_than_the_grid_tells():
    """Of any number of days at most as if it lay anywhere between two of the spreads that are tried."""
    n = 20_000
    y = 0.3 * np.random.default_rng(9).standard_normal(n)
    found = pooled_spread(y, np.zeros(n, bool), np.zeros(n, int), np.zeros(n, int), np.ones(n, int), 1)
    assert moments_of(found)[1] == pytest.approx(np.log(_NODES[1] / _NODES[0]) ** 2 / 12, rel=1e-6)


def test_of_nothing_sites_are_alike():
    none = np.zeros(0)
    found = pooled_spread(none, none.astype(bool), none.astype(int), none.astype(int), none.astype(int), 2)
    assert found.is_common
    assert found.log_sd.shape == (2,)


def test_a_level_with_one_measured_day_tells_by_those_below_their_limits():
    y, level, site = np.random.default_rng(7).standard_normal(20), np.zeros(20, int), np.zeros(20, int)
    alone = pooled_spread(y, np.zeros(20, bool), level, site, np.ones(20, int), 1)
    more = pooled_spread(
        np.append(y, [3.0, -3.0]), np.append(np.zeros(20, bool), [False, True]), np.append(level, [1, 1]),
        np.zeros(22, int), np.ones(22, int), 1,
    )  # fmt: skip
    assert more.log_sd[0] > 1.01 * alone.log_sd[0]


def test_levels_all_below_their_limits_are_left_out():
    """A level without a measured day and a site without any: nothing moves, that site has the common spread."""
    y, level, day = drawn(5, 1, 0.3)
    n = len(y)
    alone = pooled_spread(y, np.zeros(n, bool), level, np.zeros(n, int), day, 1)
    assert alone.has_rhythm
    more = pooled_spread(
        np.append(y, [5.0, 5, 7]), np.append(np.zeros(n, bool), [True] * 3), np.append(level, [5, 5, 6]),
        np.append(np.zeros(n, int), [0, 0, 1]), np.append(day, [1, 2, 3]), 2,
    )  # fmt: skip
    assert more.rhythm == pytest.approx(alone.rhythm)
    assert more.log_sd == pytest.approx([alone.log_sd[0]] * 2)
    assert more.df[0] == pytest.approx(alone.df[0])
