"""Too little memory: fewer seeds at once with the same result, or one clear message."""

import numpy as np
import pytest
import torch

from aebench.errors import AebenchError, MemoryFullError, memory_told
from aebench.models import AutoEncoder, fitting
from aebench.training.checkpoints import Checkpoint

X = np.random.default_rng(0).random((60, 25), dtype=np.float32)
SEEDS = [0, 1, 2, 3, 4]


class Gpu:
    """Stacks all seeds, as on a GPU, and has room for a few of them."""

    def __init__(self, monkeypatch, room):
        self.asked, self.epochs = [], 0
        real = fitting.loop.adam

        def adam(objectives, *arguments, **parameters):
            self.asked.append(len(objectives))
            if len(objectives) > room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
            real(objectives, *arguments, **parameters)

        monkeypatch.setattr(fitting.loop, "adam", adam)
        monkeypatch.setattr(fitting, "at_once", lambda n_seeds, device: n_seeds)


def fit(checkpoint=None):
    model = AutoEncoder(code_size=3, hidden=(8,), epochs=3, batch_size=20, device="cpu")
    return model.fit_seeds(X, SEEDS, checkpoint=checkpoint)


@pytest.mark.promise(
    "Faults", "A GPU without room for all seeds trains fewer at once, to the same."
)
@pytest.mark.parametrize(
    ("room", "asked"),
    [(5, [5]), (4, [5, 2, 2, 1]), (2, [5, 2, 2, 1]), (1, [5, 2, 1, 1, 1, 1, 1])],
)
def test_seeds_that_have_no_room_are_stacked_by_fewer(
    room, asked, monkeypatch, capfd, tmp_path, measured
):
    expected = fit()
    capfd.readouterr()
    gpu = Gpu(monkeypatch, room)
    found = fit(tmp_path / "checkpoint.safetensors")
    assert gpu.asked == asked
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(one.transform(X), other.transform(X), rtol=1e-3, atol=1e-5)
        assert [row.epoch for row in one.history_] == [row.epoch for row in other.history_]
    said = capfd.readouterr().err.splitlines()
    failed = [n for n in asked if n > room]
    assert said == [f"no room on the GPU for {n} seeds at once; fewer now" for n in failed]
    measured("faults injected", len(failed))


@pytest.mark.promise("Faults", "A GPU without room for one seed is said in one message.")
def test_no_room_for_one_seed_says_what_to_do(monkeypatch, tmp_path, measured):
    gpu = Gpu(monkeypatch, room=0)
    with pytest.raises(MemoryFullError) as caught:
        fit(tmp_path / "checkpoint.safetensors")
    assert gpu.asked == [5, 2, 1]
    message = str(caught.value)
    for word in ("not enough memory", "20.00 GiB", "gpu_jobs=1", "batch_size", "--cores"):
        assert word in message
    assert "\n" not in message
    measured("faults injected", 1)


def test_fewer_at_once_are_fewer_when_a_training_goes_on(monkeypatch, tmp_path):
    """What was killed after it had found how many have room does not try again."""
    gpu, file = Gpu(monkeypatch, room=2), tmp_path / "checkpoint.safetensors"
    expected = fit()
    gpu.asked.clear()
    real = Checkpoint.step

    def step(checkpoint):
        checkpoint.write()
        if gpu.asked == [5, 2, 2]:
            raise KeyboardInterrupt
        real(checkpoint)

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "step", step)
        with pytest.raises(KeyboardInterrupt):
            fit(Checkpoint(file))
    gpu.asked.clear()
    found = fit(file)
    assert gpu.asked == [2, 1]
    for one, other in zip(expected, found, strict=True):
        assert np.array_equal(one.transform(X), other.transform(X))


@pytest.mark.promise("Faults", "A machine without enough memory is said in one message.")
@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 13.0 GiB for an array"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory\nstack"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
    ],
)
def test_too_little_memory_is_one_message(error, measured):
    words = r"^not enough memory \(.+\); let fewer jobs"
    with pytest.raises(MemoryFullError, match=words) as told, memory_told():
        raise error
    assert "\n" not in str(told.value)
    measured("faults injected", 1)


@pytest.mark.parametrize("error", [RuntimeError("shapes"), AebenchError("a message"), OSError("x")])
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as raised, memory_told():
        raise error
    assert raised.value is error


@pytest.mark.promise("Faults", "A machine without enough memory is said in one message.")
def test_a_network_beyond_all_memory_is_one_message(measured):
    """A real allocation that no machine has room for."""
    model = AutoEncoder(code_size=3, hidden=(2**43,), epochs=1, device="cpu")
    with pytest.raises(MemoryFullError, match="not enough memory"):
        model.fit(X)
    measured("faults injected", 1)
