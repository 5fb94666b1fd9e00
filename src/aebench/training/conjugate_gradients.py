"""Nonlinear conjugate gradients as used to fine-tune the deep autoencoders of 2006.

Polak-Ribiere directions with a line search that interpolates and extrapolates cubics until the
strong Wolfe-Powell conditions hold (C. E. Rasmussen's `minimize`, described in its own comments and
in Nocedal & Wright, Numerical Optimization, chapters 3 and 5). The constants are his. Three details
differ: an extrapolation below a known upper limit may stop anywhere in the inner 80% of the room,
where his goes to 90% of it; after a failed search the descent starts from the restored point's
gradient, where his takes the failed trial's; and a search makes at most 20 evaluations, his 21.
"""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

import torch

SUFFICIENT_DECREASE = 0.01
CURVATURE = 0.5
MARGIN = 0.1  # an interpolated step keeps this share of the bracket away from its ends
EXTRAPOLATION = 3.0  # a step grows at most by this factor
MAX_EVALUATIONS = 20  # in one line search
MAX_SLOPE_RATIO = 100.0  # the first step of a line search grows at most by this factor

T = TypeVar("T")
Search = Generator[None, tuple[float, float], T]
"""Hands over where a value is needed, is sent the value and the slope, and returns a T."""


@dataclass
class Point:
    """A point on the search line: its step, the value, the slope along the line."""

    step: float
    value: float
    slope: float


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


def _line_search(
    evaluate: Callable[[float], Search[Point]], origin: Point, step: float
) -> Search[Point | None]:
    """Find a step that meets the Wolfe-Powell conditions, or None after MAX_EVALUATIONS.

    The point it returns is the last it evaluated.
    """

    def too_high(point: Point) -> bool:
        return not point.value <= origin.value + SUFFICIENT_DECREASE * point.step * origin.slope

    def beyond(point: Point) -> bool:
        return too_high(point) or not point.slope <= -CURVATURE * origin.slope

    left, limit = origin, None
    point = yield from evaluate(step)
    evaluations = 1
    while True:
        while beyond(point) and evaluations < MAX_EVALUATIONS:
            limit = point.step
            step = _interpolate(left, point, point.value > origin.value)
            point = yield from evaluate(step)
            evaluations += 1
        if beyond(point):
            return None
        if point.slope > CURVATURE * origin.slope:
            return point
        if evaluations >= MAX_EVALUATIONS:
            return None
        step = _extrapolate(left, point, limit)
        left = point
        point = yield from evaluate(step)
        evaluations += 1


def minimise(
    x: torch.Tensor, direction: torch.Tensor, gradient: torch.Tensor, line_searches: int
) -> Search[float]:
    """Minimise a function from `x` with a number of line searches.

    It never calls the function: it hands over whenever `x` is to be evaluated, so that one pass
    on a GPU can serve the searches of several seeds.

    Parameters
    ----------
    x : tensor, shape [n]
        Where to start. Every point to evaluate is written here, in the end the best one found.
    direction : tensor, shape [n]
        Written here; whoever evaluates sends back the slope along it, `gradient @ direction`.
    gradient : tensor, shape [n]
        Where whoever evaluates writes the gradient at `x`.
    line_searches : int
        How many line searches to make. It stops sooner when two in a row fail.

    Yields
    ------
    None
        To be resumed by `send((value, slope))`.

    Returns
    -------
    first_value : float
        The function at the start, which costs nothing extra to report.
    """
    first_value, _ = yield
    origin, at_origin = x.clone(), gradient.clone()
    value, square = first_value, float(gradient @ gradient)
    torch.neg(gradient, out=direction)
    slope, step, failed = -square, 1 / (1 + square), False

    def evaluate(step: float) -> Search[Point]:
        torch.add(origin, direction, alpha=step, out=x)
        return Point(step, *(yield))

    for _ in range(line_searches):
        point = yield from _line_search(evaluate, Point(0.0, value, slope), step)
        if point is None:
            x.copy_(origin)
            if failed or slope == 0:
                break
            failed = True
            torch.neg(at_origin, out=direction)
            slope, step = -square, 1 / (1 + square)
            continue
        failed = False
        new_square, across = torch.stack([gradient @ gradient, at_origin @ gradient]).tolist()
        scale = (new_square - across) / square
        direction.mul_(scale).sub_(gradient)
        new_slope = scale * point.slope - new_square
        if new_slope > 0:
            torch.neg(gradient, out=direction)
            new_slope = -new_square
        origin.copy_(x)
        at_origin.copy_(gradient)
        step = point.step * min(MAX_SLOPE_RATIO, slope / (new_slope - 1e-30))
        value, slope, square = point.value, new_slope, new_square
    return first_value
