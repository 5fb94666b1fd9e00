"""Conjugate gradients against scipy and against the conditions they promise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from aebench.training.conjugate_gradients import (
    CURVATURE,
    MAX_EVALUATIONS,
    SUFFICIENT_DECREASE,
    Point,
    _line_search,
)
from aebench.training.conjugate_gradients import minimise as search


def minimise(objective, start, line_searches):
    """Drive the search of one function, as the training loop does for those of all seeds."""
    x = start.clone()
    direction, gradient = torch.zeros_like(x), torch.zeros_like(x)
    running = search(x, direction, gradient, line_searches)
    next(running)
    while True:
        value, found = objective(x)
        gradient.copy_(found)
        try:
            running.send((value, float(gradient @ direction)))
        except StopIteration as end:
            return x, end.value


class Counted:
    """A function of numpy vectors as an objective that counts its evaluations."""

    def __init__(self, value, gradient):
        self.value, self.gradient, self.evaluations = value, gradient, 0

    def __call__(self, x):
        self.evaluations += 1
        with np.errstate(all="ignore"):
            value, gradient = self.value(x.numpy()), self.gradient(x.numpy())
        return float(value), torch.as_tensor(gradient, dtype=x.dtype)


def rosenbrock():
    return Counted(optimize.rosen, optimize.rosen_der)


@pytest.mark.parametrize("start", [[-1.2, 1.0], [0.0, 3.0], [1.3, 0.7] * 5, [0.5] * 10])
def test_rosenbrock_ends_where_scipy_ends(start):
    x, first = minimise(rosenbrock(), torch.tensor(start, dtype=torch.float64), 600)
    reference = optimize.minimize(optimize.rosen, start, jac=optimize.rosen_der, method="BFGS")
    assert first == optimize.rosen(start)
    assert optimize.rosen(x.numpy()) < 1e-9
    np.testing.assert_allclose(x, reference.x, atol=1e-4)


def quadratic(n, condition=100.0):
    random = np.random.default_rng(n)
    Q, _ = np.linalg.qr(random.normal(size=(n, n)))
    A = Q @ np.diag(np.geomspace(1, condition, n)) @ Q.T
    b = random.normal(size=n)
    minimum = np.linalg.solve(A, b)
    return Counted(lambda x: 0.5 * x @ A @ x - b @ x, lambda x: A @ x - b), minimum


@pytest.mark.parametrize("n", [5, 10, 20])
def test_a_quadratic_takes_a_few_times_n_line_searches(n):
    """After as many, steepest descent with the same line search is off by 3e-3 to 2e-2."""
    objective, minimum = quadratic(n)
    x, _ = minimise(objective, torch.zeros(n, dtype=torch.float64), 4 * n)
    found, best = objective.value(x.numpy()), objective.value(minimum)
    assert 0 <= found - best + 1e-12 < 5e-4 * abs(best)


def line(value, slope):
    return lambda step: Point(step, value(step), slope(step))


def run_line_search(evaluate, origin, step):
    def at_once(step):
        return evaluate(step)
        yield

    running = _line_search(at_once, origin, step)
    with pytest.raises(StopIteration) as end:
        next(running)
    return end.value.value


LINES = {
    "dip, then a plateau": (lambda t: -t * math.exp(-t), lambda t: (t - 1) * math.exp(-t)),
    "parabola": (lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1)),
    "steep": (lambda t: math.exp(min(3 * t, 700)) - 20 * t, lambda t: 3 * math.exp(3 * t) - 20),
    "waves": (
        lambda t: math.cos(3 * t) - 0.1 * t - 1 * math.sin(t),
        lambda t: -3 * math.sin(3 * t) - 0.1 - math.cos(t),
    ),
    "flat then up": (
        lambda t: math.sqrt(1 + (t - 5) ** 2),
        lambda t: (t - 5) / math.sqrt(1 + (t - 5) ** 2),
    ),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("step", [1e-4, 0.01, 0.3, 1.0, 3.0, 30.0, 200.0])
def test_a_line_search_meets_the_wolfe_powell_conditions(name, step):
    evaluate = line(*LINES[name])
    origin = evaluate(0.0)
    assert origin.slope < 0
    point = run_line_search(evaluate, origin, step)
    assert point is not None
    assert point.step > 0
    assert point.value <= origin.value + SUFFICIENT_DECREASE * point.step * origin.slope
    assert abs(point.slope) <= CURVATURE * abs(origin.slope)


@pytest.mark.parametrize("outside", [math.nan, math.inf])
@pytest.mark.parametrize("gradient_too", [True, False])
def test_regions_without_numbers_are_survived(outside, gradient_too):
    """x - 9 ln x has its minimum at 9 and no value below 0; the first step lands there."""

    def value(x):
        return float(np.sum(x - 9 * np.log(x))) if (x > 0).all() else outside

    def gradient(x):
        inside = (x > 0).all() or not gradient_too
        return 1 - 9 / x if inside else np.full_like(x, outside)

    start = torch.tensor([60.0, 0.01, 8.0], dtype=torch.float64)
    x, _ = minimise(Counted(value, gradient), start, 60)
    np.testing.assert_allclose(x, 9, rtol=1e-4)


@pytest.mark.parametrize(
    ("value", "slope"), [(math.nan, 1.0), (1.0, math.nan), (math.inf, 1.0), (1.0, 1e30), (1, 0)]
)
def test_a_hopeless_start_comes_back_unchanged(value, slope):
    """Among them a slope whose square is beyond float32, which makes the first step 0."""
    objective = Counted(lambda x: value, lambda x: np.full(3, slope))
    start = torch.ones(3)
    x, first = minimise(objective, start, 5)
    assert torch.equal(x, start)
    assert first == value or math.isnan(first)
    assert objective.evaluations <= 5 * MAX_EVALUATIONS + 1


def rough(seed, dimensions):
    """A bowl with waves; where `seed` is odd, parts of it have no value."""
    random = np.random.default_rng(seed)
    frequency, phase = random.normal(0, 4, dimensions), random.normal(0, 3, dimensions)

    def value(x):
        wave = np.sin(frequency * x + phase)
        return math.nan if seed % 2 and x[0] > 1.5 else float((0.05 * x**2 + wave).sum())

    return Counted(value, lambda x: 0.1 * x + frequency * np.cos(frequency * x + phase))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 7), st.floats(-1, 1))
def test_never_worse_than_the_start_and_never_too_many_evaluations(seed, n, searches, at):
    objective = rough(seed, n)
    start = torch.full((n,), at, dtype=torch.float64)
    kept = start.clone()
    x, first = minimise(objective, start, searches)
    assert objective.evaluations <= MAX_EVALUATIONS * searches + 1
    assert torch.equal(start, kept)
    assert first == objective.value(start.numpy())
    assert objective.value(x.numpy()) <= first


@pytest.mark.parametrize("searches", [1, 2, 10])
@pytest.mark.parametrize(
    "objective",
    [
        Counted(lambda x: -x.sum(), lambda x: -np.ones_like(x)),  # no bottom
        Counted(lambda x: x.sum(), lambda x: -np.ones_like(x)),  # a wrong gradient: always fails
    ],
    ids=["bottomless", "wrong gradient"],
)
def test_searches_that_fail_end_after_two_in_a_row(objective, searches):
    objective.evaluations = 0
    minimise(objective, torch.zeros(2, dtype=torch.float64), searches)
    assert objective.evaluations == MAX_EVALUATIONS * min(searches, 2) + 1


def test_the_constants_are_those_of_the_released_code():
    from aebench.training import conjugate_gradients as module

    assert (module.SUFFICIENT_DECREASE, module.CURVATURE, module.MARGIN) == (0.01, 0.5, 0.1)
    assert (module.EXTRAPOLATION, module.MAX_EVALUATIONS, module.MAX_SLOPE_RATIO) == (3, 20, 100)
