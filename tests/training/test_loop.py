"""The Adam loop and the conjugate gradients over batches."""

import math
from itertools import chain

import numpy as np
import pytest
import torch
from torch import nn

from aebench.console import Progress
from aebench.errors import TrainingError
from aebench.training import loop, losses
from aebench.training.items import Items

CPU = torch.device("cpu")
N = 40


class Watched:
    """A one-layer network on items whose first feature says which item it is."""

    def __init__(self):
        random = np.random.default_rng(0)
        X = random.normal(size=(N, 4)).astype(np.float32)
        X[:, 0] = np.arange(N) / N
        self.items = Items(X, CPU)
        self.network = nn.Linear(4, 4)
        with torch.no_grad():
            weights = random.normal(0, 0.3, (4, 4)).astype(np.float32)
            self.network.weight.copy_(torch.from_numpy(weights))
            self.network.bias.zero_()
        self.batches, self.epochs, self.points, self.means = [], [], [], []

    def loss(self, output, target):
        self.batches.append((target[:, 0] * N).round().int().tolist())
        return losses.squared_error(output, target)

    def record(self, position, epoch, mean):
        self.points.append(epoch)
        self.means.append(mean)

    def run(self, how, seed=0, **parameters):
        defaults = {"epochs": 2, "batch_size": 10}
        if how is loop.adam:
            defaults |= {"learning_rate": 0.01, "schedule": "cosine", "weight_decay": 0.0}
        else:
            defaults |= {"line_searches": 3}
        how(
            [loop.Objective(self.network, parameters.pop("loss", self.loss))],
            self.items,
            self.items,
            [seed],
            progress=Progress("test", every=float("inf")),
            on_epoch=lambda position, epoch: self.epochs.append(epoch),
            record=self.record,
            **{**defaults, **parameters},
        )
        return self


def rates(monkeypatch, **parameters):
    """The learning rate at each step of a run."""
    seen = []
    real = torch.optim.AdamW.step

    def step(self, *arguments):
        seen.append(float(self.param_groups[0]["lr"]))
        return real(self, *arguments)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    Watched().run(loop.adam, **parameters)
    return seen


def test_the_cosine_schedule_warms_up_over_a_tenth_and_falls_to_nearly_nothing(monkeypatch):
    seen = rates(monkeypatch, epochs=10, learning_rate=0.5)
    steps = np.arange(40)
    cosine = 0.5 * 0.5 * (1 + np.cos(np.pi * steps / 40))
    np.testing.assert_allclose(seen, np.minimum(1, (steps + 1) / 4) * cosine, rtol=1e-6)
    assert 0 < seen[-1] < 0.002 * 0.5


def test_the_constant_schedule_is_constant(monkeypatch):
    assert rates(monkeypatch, schedule="constant", learning_rate=0.5) == [0.5] * 8


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_a_constant_rate_is_plain_adamw(weight_decay):
    watched = Watched().run(
        loop.adam, epochs=3, batch_size=N, schedule="constant", weight_decay=weight_decay
    )
    plain = Watched()
    optimiser = torch.optim.AdamW(plain.network.parameters(), lr=0.01, weight_decay=weight_decay)
    X = torch.cat(list(plain.items.blocks(N)))
    for _ in range(3):
        optimiser.zero_grad()
        ((plain.network(X) - X) ** 2).sum(1).mean().backward()
        optimiser.step()
    torch.testing.assert_close(watched.network.weight, plain.network.weight, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(watched.network.bias, plain.network.bias, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("epochs", "batches", "ends"), [(0.5, 2, [1]), (1.5, 6, [1, 2]), (2, 8, [1, 2]), (0.01, 1, [1])]
)
def test_a_fraction_of_an_epoch_visits_that_share_of_the_batches(epochs, batches, ends):
    watched = Watched().run(loop.adam, epochs=epochs)
    assert len(watched.batches) == batches
    assert watched.epochs == ends
    conjugate = Watched().run(loop.conjugate_gradients, epochs=epochs)
    assert len({tuple(batch) for batch in conjugate.batches}) == min(batches, 4)
    assert conjugate.epochs == ends


def test_every_epoch_of_adam_visits_every_item_once_in_a_fresh_order():
    batches = Watched().run(loop.adam).batches
    first, second = [*chain(*batches[:4])], [*chain(*batches[4:])]
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second


@pytest.mark.parametrize("how", [loop.adam, loop.conjugate_gradients])
def test_the_order_of_the_batches_is_the_seeds(how):
    runs = [Watched().run(how, seed=seed) for seed in (1, 1, 2)]
    assert runs[0].batches == runs[1].batches
    assert torch.equal(runs[0].network.weight, runs[1].network.weight)
    assert runs[0].batches[0] != runs[2].batches[0]


def test_conjugate_gradients_keep_their_batches_and_use_every_item():
    watched = Watched().run(loop.conjugate_gradients, epochs=3, batch_size=15)
    kept = {tuple(batch) for batch in watched.batches}
    assert [len(batch) for batch in kept] == [15, 15, 15]
    assert set(chain(*kept)) == set(range(N))


def test_conjugate_gradients_report_the_loss_before_each_search_and_lower_it():
    watched = Watched()
    X = torch.cat(list(watched.items.blocks(N)))

    def error():
        with torch.no_grad():
            return float(((watched.network(X) - X) ** 2).sum(1).mean())

    before = error()
    watched.run(loop.conjugate_gradients, batch_size=N, epochs=12)
    assert watched.means[0] == pytest.approx(before, rel=1e-5)
    assert watched.means == sorted(watched.means, reverse=True)
    assert error() < 1e-3 * before


def test_conjugate_gradients_start_afresh_on_every_batch(monkeypatch):
    calls = []
    real = loop.minimise
    monkeypatch.setattr(loop, "minimise", lambda *rows: calls.append(rows[-1]) or real(*rows))
    Watched().run(loop.conjugate_gradients, epochs=2, line_searches=3)
    assert calls == [3] * 8


def test_the_reported_loss_is_the_mean_over_the_epochs_batches():
    watched = Watched().run(loop.adam, learning_rate=1e-12, epochs=2)
    X = torch.cat(list(watched.items.blocks(N)))
    with torch.no_grad():
        mean = float(((watched.network(X) - X) ** 2).sum(1).mean())
    assert watched.points == [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]
    for epoch in (watched.means[:4], watched.means[4:]):
        assert np.mean(epoch) == pytest.approx(mean, rel=1e-5)


def test_a_batch_size_beyond_the_items_is_all_of_them():
    assert [len(b) for b in Watched().run(loop.adam, batch_size=500).batches] == [N, N]


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_a_loss_that_is_no_number_names_epoch_and_learning_rate(schedule, capfd):
    watched = Watched()
    with pytest.raises(TrainingError, match=r"^the loss became (nan|inf) in epoch 1 of 3 .*1e\+30"):
        watched.run(loop.adam, epochs=3, learning_rate=1e30, schedule=schedule)
    assert watched.epochs == []
    assert capfd.readouterr() == ("", "")


def test_a_loss_that_fails_later_names_that_epoch():
    watched = Watched()

    def loss(output, target):
        values = watched.loss(output, target)
        return values * math.nan if len(watched.batches) > 9 else values

    with pytest.raises(TrainingError, match="in epoch 3 of 5"):
        watched.run(loop.adam, epochs=5, loss=loss)
    assert watched.epochs == [1, 2]


def test_conjugate_gradients_without_numbers_say_so():
    watched = Watched()
    with pytest.raises(TrainingError, match="nan in epoch 1 of 2 at conjugate gradients"):
        watched.run(
            loop.conjugate_gradients,
            loss=lambda output, target: losses.squared_error(output, target) * math.nan,
        )
    assert watched.epochs == []


def points(epochs, per_epoch, steps):
    curve = loop.Curve(epochs, per_epoch, record=None, setting="")
    return [done for done in range(1, steps + 1) if curve.has_point(done, last=done == steps)]


def test_a_short_training_has_a_curve_of_several_points():
    """Nine batches a point; the five left over join the last."""
    assert points(epochs=1, per_epoch=95, steps=95) == [9, 18, 27, 36, 45, 54, 63, 72, 81, 95]


def test_a_long_training_has_one_point_an_epoch():
    assert points(epochs=40, per_epoch=5, steps=15) == [5, 10, 15]


def test_a_point_is_the_mean_since_the_last():
    """With a learning rate of nearly 0, the means of the points are the batches' own losses."""
    watched = Watched().run(loop.adam, learning_rate=1e-12, epochs=1)
    X = torch.cat(list(watched.items.blocks(N)))
    with torch.no_grad():
        losses = ((watched.network(X) - X) ** 2).sum(1)
    expected = [float(losses[batch].mean()) for batch in watched.batches]
    np.testing.assert_allclose(watched.means, expected, rtol=1e-5)
