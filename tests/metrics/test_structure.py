"""How well the true factors can be read from a code: what theory says of known codes."""

import numpy as np
import pytest

from aebench.metrics.structure import factor_recovery

RANDOM = np.random.default_rng(5)
TRAIN, TEST = (RANDOM.uniform(6, 22, (n, 3)).astype(np.float32) for n in (1000, 300))


def recovery(code):
    """Recovery from what `code` makes of the factors."""
    return factor_recovery(code(TRAIN), TRAIN, code(TEST), TEST)


def test_a_linear_image_of_the_factors_gives_1():
    mixing = RANDOM.standard_normal((3, 5))  # five columns of rank three
    assert recovery(lambda F: (F @ mixing - 40).astype(np.float32)) == pytest.approx(1, abs=1e-6)


def test_a_constant_code_gives_exactly_0():
    assert recovery(lambda F: np.full((len(F), 2), 0.3, np.float32)) == 0


def test_a_code_that_says_nothing_gives_about_0():
    assert recovery(lambda F: RANDOM.standard_normal((len(F), 4)).astype(np.float32)) < 0.02


def test_one_factor_of_three_gives_a_third():
    assert recovery(lambda F: F[:, :1]) == pytest.approx(1 / 3, abs=0.02)


def test_bits_are_codes_too():
    # A uniform variable's half explains 3/4 of its variance.
    assert recovery(lambda F: (F > 14).astype(np.uint8)) == pytest.approx(3 / 4, abs=0.03)


def test_the_scale_of_a_factor_does_not_weigh_it():
    scale = np.array([1e4, 1, 1])
    found = factor_recovery(TRAIN[:, :1], TRAIN * scale, TEST[:, :1], TEST * scale)
    assert found == pytest.approx(recovery(lambda F: F[:, :1]), abs=1e-6)


def test_rarely_active_units_do_little_harm():
    # Nearly as many units as items: least squares alone would learn their noise.
    def code(F):
        random = np.random.default_rng(len(F))
        rare = random.random((len(F), 900)) < 0.002
        return np.c_[F + random.normal(0, 2, F.shape), rare].astype(np.float32)

    assert recovery(lambda F: code(F)[:, :3]) == pytest.approx(0.84, abs=0.03)  # 21.3 / (21.3 + 4)
    assert recovery(code) > 0.4
