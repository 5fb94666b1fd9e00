"""CURVES: images of a smooth curve through three random points, whose six factors are known.

The data file of Hinton and Salakhutdinov, Science 313 (2006), is no longer public; what is known of
it is that 28 x 28 images show curves made from three random points in two dimensions, 20,000 for
training and 10,000 for the test.
"""

from itertools import product

import numpy as np

from aebench.datasets.images import images
from aebench.datasets.store import Dataset
from aebench.datasets.subset import choose

TRAIN, TEST = 20_000, 10_000
SIDE = 28
LOW, HIGH = 6.0, 22.0
"""Pixels between which the points lie; the curve, which may swing out, stays in the frame."""

PEN = 1.0
"""Standard deviation of the pen's ink across its stroke, pixels."""

INK = 0.65
"""Ink a pixel of length: above about 0.4 the middle of a stroke is full. With frame and pen it
makes PCA with 18 components leave a squared error near the 5.90 of 2006."""

STEPS = 100  # of the pen along a curve: at most a pixel apart
_AT_ONCE = 1_000  # images; 45 MB

CLASSES = [
    " ".join(words) for words in product(("falling", "rising"), ("bowl", "arch"), ("left", "right"))
]


def curves(train_items: int | None, test_items: int | None, seed: int) -> Dataset:
    """Draw curves: 20,000 for training, 10,000 for the test.

    The three points are joined from left to right, by the one quadratic in t that is at the points
    for t = 0, 1/2, 1. The order makes the factors a function of the image: the same three points
    joined otherwise are another curve, and a curve drawn backwards is the same image.

    Returns
    -------
    Dataset
        Its factors are x and y of the left, the middle and the right point, pixels from the upper
        left corner. The class says how the curve goes, see `classes_of`.
    """
    notes = [
        "Generated anew after the description of 2006, whose own images are not public: the points "
        f"lie in the middle {HIGH - LOW:g} x {HIGH - LOW:g} pixels and are joined from left to "
        "right. The frame and the pen were chosen so that PCA with 18 components leaves about the "
        "5.90 of 2006.",
        "A class says how a curve goes: the right end above the left one (rising) or below, the "
        "middle above the straight line between the ends (arch) or below (bowl), and nearer to the "
        "left or to the right end. The classes are not of 2006.",
    ]
    points = np.sort(
        np.random.default_rng((seed, 2)).uniform(LOW, HIGH, (TRAIN + TEST, 3)).astype(np.float32)
    )  # x
    heights = np.random.default_rng((seed, 3)).uniform(LOW, HIGH, points.shape)
    points = np.stack([points, heights.astype(np.float32)], axis=2)
    train = points[:TRAIN][choose(TRAIN, train_items, seed, "training curves", notes)]
    test = points[TRAIN:][choose(TEST, test_items, seed, "test curves", notes)]
    parts = [(draw(part), classes_of(part)) for part in (train, test)]
    dataset = images("curves", parts[0], parts[1], CLASSES, notes)
    dataset.train_factors, dataset.test_factors = (part.reshape(-1, 6) for part in (train, test))
    return dataset


def classes_of(points: np.ndarray) -> np.ndarray:
    """Return the positions in CLASSES of curves through points [n, 3, 2]; y points down."""
    (x, y) = points[:, :, 0], points[:, :, 1]
    rising = y[:, 2] < y[:, 0]
    arch = y[:, 1] < (y[:, 0] + y[:, 2]) / 2
    right = x[:, 1] > (x[:, 0] + x[:, 2]) / 2
    return 4 * rising.astype(np.int64) + 2 * arch + right


def draw(points: np.ndarray) -> np.ndarray:
    """Draw the curves through points [n, 3, 2] (x, y in pixels): grey [n, 28, 28] of uint8.

    The pen lays down equal ink on equal lengths, spread by a Gaussian, until the paper is full.
    """
    t = (np.arange(STEPS) + 0.5) / STEPS
    place = np.stack([(1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1)]).astype(np.float32)
    speed = np.stack([4 * t - 3, 4 - 8 * t, 4 * t - 1]).astype(np.float32)
    pixel = np.arange(SIDE, dtype=np.float32)[:, None] + 0.5
    grey = np.empty((len(points), SIDE, SIDE), np.uint8)
    for start in range(0, len(points), _AT_ONCE):
        ends = points[start : start + _AT_ONCE].transpose(0, 2, 1)
        length = np.linalg.norm(ends @ speed, axis=1)[:, None] / STEPS
        x, y = (np.exp(-((pixel - (ends @ place)[:, i, None]) ** 2) / (2 * PEN**2)) for i in (0, 1))
        ink = np.minimum(INK * (y * length) @ x.transpose(0, 2, 1), 1)
        grey[start : start + _AT_ONCE] = np.rint(255 * ink)
    return grey
