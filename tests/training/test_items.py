"""Items on the device, dense or sparse."""

import numpy as np
import pytest
import scipy.sparse
import torch

from aebench.training import items as module
from aebench.training.items import Items

CPU = torch.device("cpu")
X = np.random.default_rng(0).poisson(0.5, (25, 6)).astype(np.float32)
FORMS = {
    "dense": lambda: Items(X, CPU),
    "sparse": lambda: Items(scipy.sparse.csr_matrix(X), CPU),
    "sparse array": lambda: Items(scipy.sparse.csr_array(X), CPU),
    "resident": lambda: Items.resident(torch.from_numpy(X)),
}


@pytest.mark.parametrize("limit", [2**30, 0], ids=["fits", "too large to be made dense"])
@pytest.mark.parametrize("form", FORMS)
def test_batches_are_the_same_in_every_form(form, limit, monkeypatch):
    monkeypatch.setitem(module.DENSE_LIMIT, "cpu", limit)
    items = FORMS[form]()
    assert len(items) == 25
    assert (items._sparse is not None) == (form.startswith("sparse") and limit == 0)
    index = torch.tensor([[3, 3, 24, 0], [1, 2, 5, 3]])
    assert np.array_equal(items.take(index).numpy(), X[index.numpy()])
    out = torch.empty(2, 4, 6)
    assert items.take(index, out=out) is out
    assert np.array_equal(out.numpy(), X[index.numpy()])
    np.testing.assert_allclose(items.mean(), X.mean(0), rtol=1e-6)
    blocks = list(items.blocks(10))
    assert [len(block) for block in blocks] == [10, 10, 5]
    assert np.array_equal(torch.cat(blocks).numpy(), X)
    assert items.take(index).dtype == torch.float32


def test_seeds_with_items_of_their_own_take_from_those():
    own = torch.from_numpy(np.stack([X, -X]))
    items = Items.resident(own)
    assert (len(items), items.shape) == (25, (25, 6))
    index = torch.tensor([[3, 24], [0, 3]])
    expected = np.stack([X[[3, 24]], -X[[0, 3]]])
    assert np.array_equal(items.take(index).numpy(), expected)
    assert [block.shape for block in items.blocks(20)] == [(2, 20, 6), (2, 5, 6)]
