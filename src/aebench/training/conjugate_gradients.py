"""Nonlinear conjugate gradients as used to fine-tune the deep autoencoders of 2006.

Polak-Ribiere directions with a line search that interpolates and extrapolates cubics until the
strong Wolfe-Powell conditions hold (C. E. Rasmussen's `minimize`, described in its own comments and
in Nocedal & Wright, Numerical Optimization, chapters 3 and 5). The constants are his. Three details
differ: an extrapolation below a known upper limit may stop anywhere in the inner 80% of the room,
where his goes to 90% of it; after a failed search the descent starts from the restored point's
gradient, where his takes the failed trial's; and a search makes at most 20 evaluations, his 21.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

SUFFICIENT_DECREASE = 0.01
CURVATURE = 0.5
MARGIN = 0.1  # an interpolated step keeps this share of the bracket away from its ends
EXTRAPOLATION = 3.0  # a step grows at most by this factor
MAX_EVALUATIONS = 20  # in one line search
MAX_SLOPE_RATIO = 100.0  # the first step of a line search grows at most by this factor

Objective = Callable[[torch.Tensor], tuple[float, torch.Tensor]]


@dataclass
class Point:
    """A point on the search line: its step, the value, the slope along the line, the gradient."""

    step: float
    value: float
    slope: float
    gradient: torch.Tensor


def _cubic_minimum(a: Point, b: Point) -> float:
    """Step of the minimum of the cubic through both points' values and slopes, or NaN."""
    width = b.step - a.step
    if width == 0:  # a slope that overflows makes the first step 0
        return math.nan
    theta = a.slope + b.slope - 3 * (b.value - a.value) / width
    square = theta * theta - a.slope * b.slope
    if not square >= 0:
        return math.nan
    root = math.copysign(math.sqrt(square), width)
    denominator = b.slope - a.slope + 2 * root
    if denominator == 0:
        return math.nan
    return b.step - width * (b.slope + root - theta) / denominator


def _quadratic_minimum(a: Point, b: Point) -> float:
    """Step of the minimum of the parabola through `a`, its slope, and `b`'s value, or NaN."""
    width = b.step - a.step
    curvature = b.value - a.value - a.slope * width
    return a.step - 0.5 * a.slope * width * width / curvature if curvature > 0 else math.nan


def _interpolate(left: Point, right: Point, too_high: bool) -> float:
    width = right.step - left.step
    step = _quadratic_minimum(left, right) if too_high else _cubic_minimum(left, right)
    if not math.isfinite(step):
        step = left.step + width / 2
    return min(max(step, left.step + MARGIN * width), right.step - MARGIN * width)


def _extrapolate(left: Point, right: Point, limit: float | None) -> float:
    """Step beyond `right`: the cubic's minimum, kept inside what is known or allowed."""
    step = _cubic_minimum(left, right)
    ahead = math.isfinite(step) and step > right.step
    if limit is None:
        furthest = right.step * EXTRAPOLATION
        if not ahead or step > furthest:
            return furthest
        return max(step, right.step + MARGIN * (right.step - left.step))
    room = limit - right.step
    if not ahead or step > limit:
        return right.step + room / 2
    return min(max(step, right.step + MARGIN * room), limit - MARGIN * room)


def _line_search(evaluate: Callable[[float], Point], origin: Point, step: float) -> Point | None:
    """Find a step that meets the Wolfe-Powell conditions, or None after MAX_EVALUATIONS."""

    def too_high(point: Point) -> bool:
        return not point.value <= origin.value + SUFFICIENT_DECREASE * point.step * origin.slope

    def beyond(point: Point) -> bool:
        return too_high(point) or not point.slope <= -CURVATURE * origin.slope

    left, point, limit = origin, evaluate(step), None
    evaluations = 1
    while True:
        while beyond(point) and evaluations < MAX_EVALUATIONS:
            limit = point.step
            point = evaluate(_interpolate(left, point, point.value > origin.value))
            evaluations += 1
        if beyond(point):
            return None
        if point.slope > CURVATURE * origin.slope:
            return point
        if evaluations >= MAX_EVALUATIONS:
            return None
        left, point = point, evaluate(_extrapolate(left, point, limit))
        evaluations += 1


def minimise(
    objective: Objective, x: torch.Tensor, line_searches: int
) -> tuple[torch.Tensor, float]:
    """Minimise `objective` from `x` with a number of line searches.

    Parameters
    ----------
    objective : callable
        Maps a vector to its value (float) and its gradient (vector of the same shape).
    x : tensor, shape [n]
        Where to start; not changed.
    line_searches : int
        How many line searches to make. It stops sooner when two in a row fail.

    Returns
    -------
    x : tensor, shape [n]
        The best point found.
    first_value : float
        The objective at the start, which costs nothing extra to report.
    """
    first_value, gradient = objective(x)
    value, direction = first_value, -gradient
    slope = -float(gradient @ gradient)
    step = 1 / (1 - slope)
    failed = False
    for _ in range(line_searches):
        origin = Point(0.0, value, slope, gradient)

        def evaluate(step: float, x: torch.Tensor = x, s: torch.Tensor = direction) -> Point:
            value, gradient = objective(torch.add(x, s, alpha=step))
            return Point(step, value, float(gradient @ s), gradient)

        point = _line_search(evaluate, origin, step)
        if point is None:
            if failed or slope == 0:
                break
            failed, direction = True, -gradient
            slope = -float(gradient @ gradient)
            step = 1 / (1 - slope)
            continue
        failed = False
        x = torch.add(x, direction, alpha=point.step)
        new = point.gradient
        scale = float((new @ new - gradient @ new) / (gradient @ gradient))
        direction = scale * direction - new
        value, gradient = point.value, new
        new_slope = float(new @ direction)
        if new_slope > 0:
            direction, new_slope = -new, -float(new @ new)
        step = point.step * min(MAX_SLOPE_RATIO, slope / (new_slope - 1e-30))
        slope = new_slope
    return x, first_value
