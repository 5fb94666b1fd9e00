"""Training: an epoch of the deep autoencoder, an RBM's epoch, seconds to a test error."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice, pairwise

import numpy as np
import torch
from torch import nn

from aebench import datasets
from aebench.models import AutoEncoder
from works.measure import OURS, Row, Scale, emit, race, rows, say, timed

OURS_IN_BFLOAT16 = f"{OURS}, bfloat16"
"""Products as `precision: medium` takes them; float32 where the processor has no such products."""
CODE_SIZE = 30
BATCH = 250
RBM_BATCH = 100
LEARNING_RATE = 3e-3

RECIPE = {
    "loss": "cross_entropy",
    "batch_size": 125,
    "learning_rate": 3e-3,
    "weight_decay": 0.15,
    "epochs": 20,
}
"""Of the time to a test error, chosen on 10,000 of the training images (2.80 there after 22)."""
ERRORS = (8.0, 4.0, 3.0)
"""From the largest."""
OCTAVE_HOURS = {3.0: 13}
"""The authors' own code under Octave: a published figure, not measured here."""


# ---------------------------------------------------------------- an epoch


def epoch(scale: Scale) -> Iterator[Row]:
    """An epoch of Adam: this suite, its matrix products alone, and what people use instead."""
    mnist = datasets.prepare("mnist", scale.train, scale.test)
    sizes = [mnist.train.shape[1], *scale.hidden, CODE_SIZE]
    batches = min(scale.batches, len(mnist.train) // BATCH)
    X = torch.from_numpy(mnist.train)
    contestants = {
        OURS: partial(_our_epoch, mnist.train, scale.hidden, batches),
        OURS_IN_BFLOAT16: partial(_our_epoch, mnist.train, scale.hidden, batches, "medium"),
        "its matrix products alone": partial(_epoch_products, sizes, batches),
        "plain PyTorch loop over a tensor": partial(_tensor_epoch, X, sizes, batches),
        "PyTorch DataLoader loop": partial(_dataloader_epoch, X, sizes, batches),
        "pythae trainer": partial(_pythae_epoch, X, sizes, batches),
    }
    best = race(contestants, scale)
    share = len(mnist.train) / BATCH / batches
    whole = {name: seconds * share for name, seconds in best.items()}
    size = f"{'-'.join(map(str, sizes))}, batch {BATCH}"
    yield from _in_both_precisions("training epoch", size, "AutoEncoder, Adam", whole)


def _in_both_precisions(
    work: str, size: str, ours: str, best: Mapping[str, float]
) -> Iterator[Row]:
    """Rows of this suite as it is by default, then with products in bfloat16."""
    peers = {name: seconds for name, seconds in best.items() if name != OURS_IN_BFLOAT16}
    yield from rows(work, size, ours, peers)
    if OURS_IN_BFLOAT16 in best:
        peers[OURS] = best[OURS_IN_BFLOAT16]
        yield from rows(f"{work}, bfloat16", size, f"{ours}, precision medium", peers)


def _our_epoch(
    X: np.ndarray, hidden: Sequence[int], batches: int, precision: str = "high"
) -> float:
    """Seconds of these batches, by the clock of `on_epoch`: checks and initialisation come before.

    The share of an epoch is asked for, so that batches are taken from all the items.
    """
    moments: list[float] = []
    AutoEncoder(
        CODE_SIZE,
        hidden,
        loss="cross_entropy",
        epochs=batches * BATCH / len(X),
        batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        device="cpu",
        precision=precision,
        random_state=0,
    ).fit(X, on_epoch=lambda *_: moments.append(time.perf_counter()))
    return moments[-1] - moments[0]


def _epoch_products(sizes: Sequence[int], batches: int) -> float:
    """Forward, gradient of weights, gradient of inputs of every layer: what cannot be saved."""
    layers = list(pairwise([*sizes, *sizes[-2::-1]]))
    prepared = []
    for n_in, n_out in layers:
        x, gradient = torch.randn(BATCH, n_in), torch.randn(BATCH, n_out)
        weight = torch.randn(n_out, n_in)
        outputs = torch.empty(BATCH, n_out), torch.empty(n_out, n_in), torch.empty(BATCH, n_in)
        prepared.append((x, gradient, weight, outputs))

    def work() -> None:
        for _ in range(batches):
            for x, _gradient, weight, (output, _, _) in prepared:
                torch.mm(x, weight.T, out=output)
            for place, (x, gradient, weight, (_, of_weight, of_input)) in enumerate(prepared):
                torch.mm(gradient.T, x, out=of_weight)
                if place:  # the data have no gradient
                    torch.mm(gradient, weight, out=of_input)

    return timed(work)


def _stack(sizes: Sequence[int]) -> nn.Sequential:
    layers = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.SiLU())]
    return nn.Sequential(*layers[:-1])


def _tensor_epoch(X: torch.Tensor, sizes: Sequence[int], batches: int) -> float:
    """The leanest loop one would write by hand: data in one tensor, a fused optimiser."""
    model = nn.Sequential(_stack(sizes), _stack(sizes[::-1]))
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)

    def work() -> None:
        for index in islice(torch.randperm(len(X)).split(BATCH), batches):
            batch = X[index]
            optimiser.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(model(batch), batch)
            loss.backward()
            optimiser.step()

    return timed(work)


def _dataloader_epoch(X: torch.Tensor, sizes: Sequence[int], batches: int) -> float:
    """The loop of the tutorials."""
    from torch.utils.data import DataLoader, TensorDataset

    model = nn.Sequential(_stack(sizes), _stack(sizes[::-1]))
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    loader = DataLoader(TensorDataset(X), batch_size=BATCH, shuffle=True)

    def work() -> None:
        for (batch,) in islice(loader, batches):
            optimiser.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(model(batch), batch)
            loss.backward()
            optimiser.step()

    return timed(work)


def _pythae_epoch(X: torch.Tensor, sizes: Sequence[int], batches: int) -> float:
    """One epoch of its BaseTrainer, with the network and the loss of the others.

    Its `train_step` alone: saving and copying the model after the epoch is not counted.
    """
    import logging

    from pythae.data.datasets import BaseDataset, collate_dataset_output
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from torch.utils.data import DataLoader, RandomSampler

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = _stack(sizes)

        def forward(self, x: torch.Tensor) -> ModelOutput:
            return ModelOutput(embedding=self.layers(x))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = _stack(sizes[::-1])

        def forward(self, z: torch.Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.layers(z))

    class Model(AE):
        def loss_function(self, recon_x: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.binary_cross_entropy_with_logits(recon_x, x)

    class Trainer(BaseTrainer):
        def get_train_dataloader(self, train_dataset: BaseDataset) -> DataLoader:
            """Its own loader but for the end after a share of the epoch."""
            sampler = RandomSampler(train_dataset, num_samples=batches * BATCH)
            return DataLoader(
                train_dataset, BATCH, sampler=sampler, collate_fn=collate_dataset_output
            )

    logging.disable(logging.INFO)
    model = Model(AEConfig(input_dim=(sizes[0],), latent_dim=sizes[-1]), Encoder(), Decoder())
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model,
            BaseDataset(X, torch.zeros(len(X))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                num_epochs=1,
                per_device_train_batch_size=BATCH,
                learning_rate=LEARNING_RATE,
                no_cuda=True,
            ),
        )
        trainer.prepare_training()
        return timed(lambda: trainer.train_step(1))


# ---------------------------------------------------------------- an RBM


def rbm(scale: Scale) -> Iterator[Row]:
    """An epoch of CD-1: this suite, its matrix products alone, scikit-learn's PCD."""
    mnist = datasets.prepare("mnist", scale.train, scale.test)
    X = mnist.train[: scale.rbm_items]
    hidden = scale.hidden[0]
    contestants = {
        OURS: partial(our_rbm_epoch, X, hidden),
        OURS_IN_BFLOAT16: partial(our_rbm_epoch, X, hidden, "medium"),
        "its matrix products alone": partial(_rbm_products, X.shape, hidden),
        "scikit-learn BernoulliRBM": partial(_scikit_learn_rbm, X, hidden),
    }
    best = race(contestants, scale)
    whole = {name: seconds * len(mnist.train) / len(X) for name, seconds in best.items()}
    size = f"{X.shape[1]}-{hidden}, batch {RBM_BATCH}"
    yield from _in_both_precisions("RBM epoch", size, "RBM pretraining, CD-1", whole)


def our_rbm_epoch(X: np.ndarray, hidden: int, precision: str = "high") -> float:
    """Seconds of an epoch of the first layer, from the history of a pretraining of two.

    From the end of the first epoch to the end of the second: nothing but the epoch lies between.
    The code layer behind it has one unit and trains after the clock has stopped.
    """
    estimator = AutoEncoder(
        1,
        (hidden,),
        activation="sigmoid",
        pretraining="rbm",
        pretraining_epochs=2,
        pretraining_batch_size=RBM_BATCH,
        epochs=0,
        device="cpu",
        precision=precision,
        random_state=0,
    ).fit(X)
    metric = "pretraining_1_squared_error"
    ends = {row.epoch: row.seconds for row in estimator.history_ if row.metric == metric}
    return ends[2] - ends[1]


def _rbm_products(shape: tuple[int, int], hidden: int) -> float:
    """Up, down, up again, and the two statistics."""
    items, visible = shape
    v, h = torch.rand(RBM_BATCH, visible), torch.rand(RBM_BATCH, hidden)
    weights = torch.randn(visible, hidden)
    up, down, statistics = torch.empty_like(h), torch.empty_like(v), torch.empty_like(weights)

    def work() -> None:
        for _ in range(items // RBM_BATCH):
            torch.mm(v, weights, out=up)
            torch.mm(h, weights.T, out=down)
            torch.mm(v, weights, out=up)
            torch.mm(v.T, h, out=statistics)
            torch.mm(v.T, h, out=statistics)

    return timed(work)


def _scikit_learn_rbm(X: np.ndarray, hidden: int) -> float:
    from sklearn.neural_network import BernoulliRBM

    machine = BernoulliRBM(hidden, batch_size=RBM_BATCH, n_iter=1, random_state=0)
    return timed(lambda: machine.fit(X))


# ---------------------------------------------------------------- time to an error


class StoppedError(Exception):
    """The last error is reached, or the time is over; training need not go on."""


def error(scale: Scale, limit: float) -> Iterator[Row]:
    """Seconds of training until the test error falls below each of ERRORS, measuring excluded.

    The test set is looked at after every epoch and nothing is chosen by it. What is reached is
    handed over at once: a run that is stopped keeps it.
    """
    mnist = datasets.prepare("mnist", scale.train, scale.test)
    size = f"{'-'.join(map(str, [mnist.train.shape[1], *scale.hidden, CODE_SIZE]))}, MNIST"
    left = list(ERRORS)
    start = resumed = time.perf_counter()
    spent = 0.0

    def look(estimator: AutoEncoder, epochs_done: int) -> None:
        nonlocal spent, resumed
        now = time.perf_counter()
        spent += now - resumed
        found = squared_error(estimator, mnist.test)
        if epochs_done % 5 == 0:
            say(f"{epochs_done} epochs in {spent:.0f} s: test squared error {found:.3f}")
        while left and found <= left[0]:
            say(f"{spent:.0f} s: test squared error {found:.3f}")
            emit(_row(left.pop(0), size, spent))
        if not left or spent > scale.training_seconds or now - start > limit:
            raise StoppedError
        resumed = time.perf_counter()

    recipe = AutoEncoder(CODE_SIZE, scale.hidden, device="cpu", random_state=0, **RECIPE)
    with suppress(StoppedError):
        recipe.fit(mnist.train, on_epoch=look)
    for target in left:
        yield _row(target, size, None)


def _row(target: float, size: str, seconds: float | None) -> Row:
    work, ours = f"time to test squared error {target:g}", "AutoEncoder, Adam"
    if target not in OCTAVE_HOURS:
        return Row(work, size, ours, "none", None, seconds)
    peer = "authors' code, Octave (published, not measured here)"
    return Row(work, size, ours, peer, OCTAVE_HOURS[target] * 3600.0, seconds)


def squared_error(estimator: AutoEncoder, X: np.ndarray) -> float:
    """Summed over pixels, averaged over items."""
    difference = estimator.inverse_transform(estimator.transform(X)) - X
    return float(np.square(difference).sum(axis=1, dtype=np.float64).mean())
