import numpy as np
import pytest
from scipy import sparse

from aebench.metrics import cost
from aebench.metrics.cost import throughput


class Clockwork:
    """A model that moves the clock by so much an item, and more at first.

    Notes how many items it encodes at a time.
    """

    def __init__(self, monkeypatch, seconds):
        self.now, self.seconds, self.given = 0.0, seconds, []
        monkeypatch.setattr(cost, "perf_counter", lambda: self.now)

    def transform(self, X):
        self.now += self.seconds * X.shape[0] * (1 if self.given else 10)
        # Every other time something else is running.
        self.now += 0.001 * (len(self.given) % 2)
        self.given.append(X.shape[0])

    def inverse_transform(self, Z):
        self.now += self.seconds * len(Z) / 2


@pytest.mark.parametrize("kind", [np.array, sparse.csr_matrix])
def test_items_a_second_once_warm_at_their_best(monkeypatch, kind):
    model = Clockwork(monkeypatch, 1e-4)
    found = throughput(model, kind(np.ones((2000, 2))), np.ones((2000, 1)))
    assert found["encode_items_per_second"] == pytest.approx(10_000)
    assert found["decode_items_per_second"] == pytest.approx(20_000)
    assert model.given == [16, 16, 1000, 1000, 1000]  # 0.3 s


def test_what_is_slow_is_asked_little(monkeypatch):
    model = Clockwork(monkeypatch, 0.01)
    found = throughput(model, np.ones((1000, 2)), np.ones((20, 1)))
    assert found["encode_items_per_second"] == pytest.approx(100)
    assert model.given[:3] == [16, 16, 29]
    model = Clockwork(monkeypatch, 1)
    throughput(model, np.ones((1000, 2)), np.ones((20, 1)))
    assert model.given == [16, 16, 16]
