"""Training that is stopped anywhere goes on from its last checkpoint, to the same bits."""

import errno
import json
import multiprocessing
import os
import pickle
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors import safe_open

from aebench.errors import ParameterError, TrainingError
from aebench.models import AutoEncoder
from aebench.models.fitting import fit_together
from aebench.training import checkpoints
from aebench.training.checkpoints import Checkpoint

N = 60
SEEDS = [3, 4]
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
    return make(parameters, None).fit_seeds(items(parameters), SEEDS, checkpoint=checkpoint)


def fit_stacked(parameters, checkpoint=None):
    """Seeds as one stack, as a GPU does."""
    together, X = [make(parameters, seed) for seed in SEEDS], items(parameters)
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
    for _ in range(2):
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


# ------------------------------------------------------------ a real kill


def train_and_write(parameters, file, out):
    models = fit_alone(parameters, Checkpoint(file, minutes=0.0003))
    temporary = out.with_suffix(".tmp")
    temporary.write_bytes(repr(outcome(models)).encode())
    temporary.rename(out)


@pytest.mark.promise("Resume", "Killed by SIGKILL at random moments, a training ends in its bits.")
def test_a_process_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path, measured):
    parameters = WAYS["rbm, conjugate gradients"] | {"hidden": (64, 32), "epochs": 6}
    expected = repr(outcome(fit_alone(parameters))).encode()
    random, kills = np.random.default_rng(0), 0
    file, out = tmp_path / "checkpoint.safetensors", tmp_path / "outcome"
    fork = multiprocessing.get_context("fork")
    while not out.exists():
        process = fork.Process(target=train_and_write, args=(parameters, file, out))
        process.start()
        process.join(random.uniform(0.05, 0.3) if kills < 10 else None)
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            kills += 1
        assert process.exitcode in (0, -signal.SIGKILL)
    measured("kills survived", kills)
    assert kills
    found = out.read_bytes()
    measured("bytes lost", sum(a != b for a, b in zip(found, expected, strict=True)))
    assert found == expected
    Checkpoint(file).remove()
    assert [*tmp_path.iterdir()] == [out]  # nothing half-written stays


# ------------------------------------------------------------ when it is written


PLAIN = WAYS["adam"]


@pytest.fixture
def killer(monkeypatch):
    return Killer(monkeypatch)


def stopped(killer, parameters, file, end, written=(), minutes=60):
    """Leave a checkpoint of a training stopped after `end` steps."""
    killer.schedule(end, [*written])
    with pytest.raises(Killed):
        fit_alone(parameters, Checkpoint(file, minutes))
    killer.schedule(float("inf"), [])


def test_it_is_written_every_so_many_minutes(tmp_path, monkeypatch, killer):
    clock = [0.0]
    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    written = []
    real = checkpoints.write
    monkeypatch.setattr(checkpoints, "write", lambda *a: written.append(clock[0]) or real(*a))
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", minutes=5)
    checkpoint.open({})
    for clock[0] in range(0, 1000, 70):
        checkpoint.step()
    assert written == [350, 700]


@pytest.mark.promise("Resume", "A pretraining layer that is done is not trained again.")
@pytest.mark.parametrize("way", ["rbm, adam", "layer-wise denoising, tied"])
def test_it_is_written_at_the_end_of_each_layer(way, tmp_path, killer, measured):
    file = tmp_path / "checkpoint.safetensors"
    steps = round(GREEDY["pretraining_epochs"] * N / GREEDY["pretraining_batch_size"])
    stopped(killer, WAYS[way], file, end=2 * steps + 1)
    assert file.exists()
    fit_alone(WAYS[way])
    total = killer.steps
    killer.schedule(float("inf"), [])
    fit_alone(WAYS[way], Checkpoint(file))
    assert killer.steps == total - 2 * steps
    measured("kills survived", 1)


@pytest.mark.promise("Resume", "A seed that is done is not fitted again.")
def test_it_is_written_when_a_seed_is_done(tmp_path, killer, measured):
    file = tmp_path / "checkpoint.safetensors"
    expected = outcome(fit_alone(PLAIN))
    steps = killer.steps // 2
    stopped(killer, PLAIN, file, end=steps + 3)
    models = fit_alone(PLAIN, Checkpoint(file))
    assert killer.steps == steps
    assert outcome(models) == expected
    measured("kills survived", 1)
    X = items(PLAIN)
    alone = [make(PLAIN, seed).fit(X).transform(X) for seed in SEEDS]
    assert np.array_equal([model.transform(X) for model in models], alone)
    assert [model.parameters_count_ for model in models] == [models[1].parameters_count_] * 2


def test_seconds_go_on_and_epochs_that_are_told_are_not_told_again(tmp_path, killer, monkeypatch):
    file = tmp_path / "checkpoint.safetensors"
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    epochs = []
    killer.schedule(26, [26])
    X, model = items(PLAIN), make(PLAIN, 0)
    with pytest.raises(Killed):
        model.fit(X, on_epoch=lambda _, epoch: epochs.append(epoch), checkpoint=Checkpoint(file))
    assert epochs == [0, 1, 2]
    before = model.history_[-1].seconds
    for _ in range(10**5):
        next(clock)  # while it lay there
    killer.schedule(float("inf"), [])
    model = make(PLAIN, 0)
    model.fit(X, on_epoch=lambda _, epoch: epochs.append(epoch), checkpoint=Checkpoint(file))
    assert epochs == [0, 1, 2, 3]
    seconds = [row.seconds for row in model.history_]
    assert seconds == sorted(seconds)
    assert before < seconds[-1] < before + 100


@pytest.mark.parametrize("state", [None, "RandomState"])
def test_seeds_by_chance_go_on_with_their_numbers(state, tmp_path, killer):
    file, X = tmp_path / "checkpoint.safetensors", items(PLAIN)

    def model():
        return make(PLAIN, np.random.RandomState(5) if state else None)

    killer.schedule(5, [5])
    with pytest.raises(Killed):
        model().fit(X, checkpoint=Checkpoint(file))
    one, other = file.read_bytes(), file.with_name("other.safetensors")
    other.write_bytes(one)
    killer.schedule(float("inf"), [])
    ends = [outcome([model().fit(X, checkpoint=path)]) for path in (file, other)]
    assert ends[0] == ends[1]
    assert not file.exists()  # given as a path it is the fit's own


# ------------------------------------------------------------ faults


@pytest.fixture
def left(tmp_path, killer):
    """A checkpoint of a training stopped on its way."""
    file = tmp_path / "checkpoint.safetensors"
    stopped(killer, PLAIN, file, end=20, written=[17])
    return file


def ignored(file, killer, capfd, parameters=PLAIN):
    """Fit with a checkpoint that is of no use; return the line that says why."""
    expected = outcome(fit_alone(parameters))
    total = killer.steps
    killer.schedule(float("inf"), [])
    capfd.readouterr()
    assert outcome(fit_alone(parameters, Checkpoint(file))) == expected
    assert killer.steps == total
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"checkpoint {file} is ignored: ")
    return line


DAMAGES = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "half a header": lambda data: data[:100],
    "zeros at its end": lambda data: data[:-500] + bytes(500),
    "a flipped bit in a weight": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    "longer": lambda data: data + b"0",
    "another file": lambda data: b"seed,metric,value\n" * 1000,
    "an endless header": lambda data: (2**62).to_bytes(8, "little") + data[8:],
}


@pytest.mark.promise("Faults", "A damaged checkpoint is noticed, and training starts anew.")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_ignored(damage, left, killer, capfd, measured):
    left.write_bytes(damage(left.read_bytes()))
    assert ignored(left, killer, capfd).endswith("training starts anew")
    measured("faults injected", 1)


@pytest.mark.promise("Faults", "A flipped bit anywhere in a checkpoint is noticed.")
def test_every_flipped_bit_is_noticed(left, measured):
    with safe_open(left, framework="numpy") as opened:
        found = json.loads(opened.metadata()["identity"])
    data, random = left.read_bytes(), np.random.default_rng(0)
    assert checkpoints.read(left, found)
    header = 8 + int.from_bytes(data[:8], "little")
    places = [*random.integers(0, header, 150), *random.integers(0, len(data), 50)]
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(random.integers(8))
        left.write_bytes(flipped)
        with pytest.raises(Exception):  # noqa: B017, PT011
            checkpoints.read(left, found)
    measured("faults injected", len(places))


@pytest.mark.promise("Untrusted input", "A pickle in the place of a checkpoint is not loaded.")
def test_a_pickle_is_not_loaded(left, killer, capfd, tmp_path, measured):
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self):
            return Path.touch, (trap,)

    left.write_bytes(pickle.dumps(Trap()))
    assert "cannot be read" in ignored(left, killer, capfd)
    assert not trap.exists()
    measured("faults injected", 1)


OTHERS = {
    "parameters": {"learning_rate": 0.01},
    "penalties": {"penalties": {"l1": 0.1}},
    "precision": {"precision": "highest"},
}


@pytest.mark.promise("Resume", "A checkpoint of another training is never gone on from.")
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_trainings_checkpoint_is_ignored(other, left, killer, capfd, measured):
    line = ignored(left, killer, capfd, PLAIN | other)
    assert "it is of another training (parameters differ)" in line
    measured("faults injected", 1)


@pytest.mark.promise("Resume", "A checkpoint of another training is never gone on from.")
@pytest.mark.parametrize("what", ["data", "seeds", "versions", "sources", "device"])
def test_a_checkpoint_of_other_circumstances_is_ignored(
    what, left, killer, capfd, monkeypatch, measured
):
    if what == "data":
        monkeypatch.setattr(
            f"{__name__}.items", lambda parameters, real=items: 1 - real(parameters)
        )
    elif what == "seeds":
        monkeypatch.setattr(f"{__name__}.SEEDS", [3, 5])
    elif what == "device":
        monkeypatch.setattr("aebench.training.device.describe", lambda device: "cpu, 2 threads")
    else:
        monkeypatch.setattr(checkpoints, what, lambda: "another")
    assert f"({what} differ)" in ignored(left, killer, capfd)
    measured("faults injected", 1)


@pytest.mark.promise("Faults", "A disk full while a checkpoint is written does not stop training.")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_disk_that_is_full_is_said_once_and_training_goes_on(
    number, tmp_path, monkeypatch, capfd, measured
):
    real, tries = Path.write_bytes, []

    def write_bytes(path, data):
        tries.append(path)
        real(path, data[: len(data) // 2])
        raise OSError(number, os.strerror(number), str(path))

    expected = outcome(fit_alone(PLAIN))
    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    file = tmp_path / "folder" / "checkpoint.safetensors"
    assert outcome(fit_alone(PLAIN, Checkpoint(file, minutes=0))) == expected
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("no checkpoint was written, training goes on without: ")
    assert os.strerror(number) in line
    assert len(tries) > 50
    assert not [*file.parent.iterdir()]
    measured("faults injected", len(tries))


@pytest.mark.promise("Faults", "A full disk leaves the checkpoint before as it was.")
def test_a_full_disk_leaves_the_checkpoint_before(left, killer, monkeypatch, measured):
    data = left.read_bytes()

    def write_bytes(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", write_bytes)
        stopped(killer, PLAIN, left, end=10, minutes=0)
    assert left.read_bytes() == data
    measured("faults injected", 1)


@pytest.mark.promise("Faults", "A loss that is no number stops training and leaves no checkpoint.")
@pytest.mark.parametrize(
    ("way", "wild", "words"),
    [
        ("adam", {"learning_rate": 1e30}, "learning rate 1e+30"),
        ("rbm, adam", {"pretraining_learning_rate": 1e30}, "learning rate 1e+30"),
        ("layer-wise", {"learning_rate": 1e30}, "learning rate 1e+30"),
    ],
)
def test_a_loss_that_is_no_number_leaves_no_checkpoint(way, wild, words, tmp_path, measured):
    file = tmp_path / "checkpoint.safetensors"
    with pytest.raises(TrainingError, match="in epoch 1 of") as caught:
        fit_alone(WAYS[way] | wild, Checkpoint(file, minutes=0))
    assert words in str(caught.value)
    assert str(caught.value).endswith("(seed 3)")
    assert not [*tmp_path.iterdir()]
    measured("faults injected", 1)


def test_a_file_of_something_else_is_not_overwritten(tmp_path):
    mine = tmp_path / "deep.safetensors"
    mine.write_bytes(b"weights of a year")
    with pytest.raises(ParameterError, match=r"deep\.safetensors exists and is no checkpoint"):
        AutoEncoder(code_size=2, hidden=(), epochs=1).fit(np.eye(4), checkpoint=mine)
    assert mine.read_bytes() == b"weights of a year"
