"""Training that is stopped anywhere goes on from its last checkpoint, to the same bits."""

import numpy as np
import pytest

from aebench.models import AutoEncoder
from aebench.models.fitting import fit_together
from aebench.training.checkpoints import Checkpoint

N = 60
SMALL = {"code_size": 6, "hidden": (12, 8), "epochs": 3, "batch_size": 5, "device": "cpu"}
GREEDY = {"pretraining_epochs": 1.6, "pretraining_batch_size": 20}
CONJUGATE = {"optimizer": "conjugate_gradients", "batch_size": 15}
WAYS = {
    "adam": {},
    "rbm, conjugate gradients": {"pretraining": "rbm", "activation": "sigmoid", **GREEDY}
    | CONJUGATE
    | {"loss": "cross_entropy"},
    "rbm, adam": {"pretraining": "rbm", "activation": "sigmoid", **GREEDY},
    "rbm of words": {
        "pretraining": "rbm",
        "pretraining_learning_rate": 0.001,
        "activation": "sigmoid",
        "loss": "multinomial",
        "weighting": "share",
        **GREEDY,
        **CONJUGATE,
    },
    "layer-wise": {"pretraining": "autoencoder", **GREEDY},
    "layer-wise denoising, tied": {"pretraining": "denoising", "tied": True, **GREEDY},
    "corruption and noise": {
        "corruption": "salt-and-pepper",
        "corruption_level": (0.1, 0.4),
        "code": "binary",
        "code_noise": 2.0,
        "weight_decay": 0.01,
    },
    "corruption, conjugate gradients": {
        "corruption": "masking",
        "penalties": {"l2": 0.01, "contractive": 0.1},
        **CONJUGATE,
    },
    "variational": {"code": "gaussian", "penalties": {"prior": 0.1}},
    "quantised": {"code": "quantised", "codebook_size": 8, "penalties": {"quantisation": 1.0}},
    "running mean": {"code": "sigmoid", "penalties": {"kl": 1.0, "cycle": 0.1, "l1": 0.01}},
    "pose": {"layers": "capsules", "code": "pose", "hidden": (4,), "furthest_shift": 1},
    "convolutional": {"layers": "convolutional", "hidden": (3,), "schedule": "constant"},
    "optimised codes": {"inference": "optimised", **CONJUGATE},
}


class Killed(BaseException):
    """What ends a training in the middle; nothing may catch it."""


def items(parameters):
    random = np.random.default_rng(0)
    if parameters.get("loss") == "multinomial":
        return (
            random.poisson(1.0, (N, 25)).astype(np.float32)
            + np.eye(25, dtype=np.float32)[np.arange(N) % 25]
        )
    prototypes = random.random((4, 25))
    noisy = prototypes[np.arange(N) % 4] + random.normal(0, 0.05, (N, 25))
    return noisy.clip(0, 1).astype(np.float32)


def make(parameters, seed):
    return AutoEncoder(**{**SMALL, "random_state": seed, **parameters})


def fit_alone(parameters, checkpoint=None):
    """Seeds one after another, as a CPU does."""
    return make(parameters, None).fit_seeds(items(parameters), [3, 4], checkpoint=checkpoint)


def fit_stacked(parameters, checkpoint=None):
    """Seeds as one stack, as a GPU does."""
    together, X = [make(parameters, seed) for seed in (3, 4)], items(parameters)
    for model in together:
        model.n_features_in_ = X.shape[1]
    if checkpoint is None:
        fit_together(together, *together[0]._resident(X))
    else:
        checkpoint.open({})
        fit_together(together, *together[0]._resident(X), checkpoint=checkpoint)
    return together


def outcome(models):
    """All bits: weights and losses, but not the seconds."""
    return [
        (
            {name: value.numpy().tobytes() for name, value in model.network_.state_dict().items()},
            [row[:4] for row in model.history_],
        )
        for model in models
    ]


class Killer:
    """Stops a training after some steps, and has its checkpoint written now and then."""

    def __init__(self, monkeypatch):
        self.steps, self.end, self.written = 0, float("inf"), []
        real = Checkpoint.step

        def step(checkpoint):
            self.steps += 1
            if self.steps in self.written:
                checkpoint.write()
            if self.steps == self.end:
                raise Killed
            return real(checkpoint)

        monkeypatch.setattr(Checkpoint, "step", step)

    def schedule(self, end, written):
        self.steps, self.end, self.written = 0, end, written


FITS = {"alone": fit_alone, "stacked": fit_stacked}


@pytest.mark.promise(
    "Resume", "Training of every kind stopped at any step goes on to the same weights and losses."
)
@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
@pytest.mark.parametrize("way", WAYS)
def test_a_stopped_training_ends_as_if_it_had_not_been(way, fit, tmp_path, monkeypatch, measured):
    killer, parameters = Killer(monkeypatch), WAYS[way]
    expected = outcome(fit(parameters))
    total, file = killer.steps, tmp_path / "checkpoint.safetensors"
    random = np.random.default_rng(len(way))
    kills = 0
    for _ in range(4):
        end = int(random.integers(1, total + 1))
        last = int(random.integers(max(1, end - 3), end + 1))
        killer.schedule(end, [last])
        try:
            models = fit(parameters, Checkpoint(file))
        except Killed:
            kills += 1
            continue
        break
    killer.schedule(float("inf"), [])
    if kills:
        before = killer.steps
        models = fit(parameters, Checkpoint(file))
        assert killer.steps - before < total
    measured("kills survived", kills)
    assert kills
    assert outcome(models) == expected
