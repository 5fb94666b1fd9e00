from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse


def make_dataset(kind="images", n_train=120, n_test=40, n_features=12, n_classes=4, seed=0):
    """A small data set with class structure, as `aebench.datasets.Dataset` has it."""
    rng = np.random.default_rng(seed)
    centres = rng.random((n_classes, n_features))
    parts = {}
    for part, n in (("train", n_train), ("test", n_test)):
        labels = rng.permutation(np.arange(n) % n_classes)
        if kind == "images":
            X = np.clip(centres[labels] + rng.normal(0, 0.1, (n, n_features)), 0, 1)
            parts[part] = X.astype(np.float32)
        else:
            parts[part] = sparse.csr_matrix(rng.poisson(3 * centres[labels]).astype(np.float32))
        parts[f"{part}_labels"] = labels
    factors = {"train_factors": None, "test_factors": None}
    return SimpleNamespace(name="tiny", kind=kind, info={}, **parts, **factors)


def make_run(dataset, code_size=2, seed=0):
    """Codes and a reconstruction that the contract accepts."""
    rng = np.random.default_rng(seed)
    projection = rng.normal(size=(dataset.train.shape[1], code_size))
    codes = {p: (getattr(dataset, p) @ projection).astype(np.float32) for p in ("train", "test")}
    R = rng.random(dataset.test.shape)
    if dataset.kind == "documents":
        R /= R.sum(axis=1, keepdims=True)
    return codes, R.astype(np.float32)


@pytest.fixture
def images():
    return make_dataset("images")


@pytest.fixture
def documents():
    return make_dataset("documents")


@pytest.fixture(params=["cpu", "cuda"])
def torch_place(request):
    """Moves arrays to torch; its CPU tensors run the very lines that a GPU runs."""
    torch = pytest.importorskip("torch")
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU here")
    return lambda array: torch.as_tensor(array, device=request.param)
