"""The training items, resident on the device, taken by index."""

from collections.abc import Iterator

import numpy as np
import scipy.sparse
import torch

DENSE_LIMIT = 2**30  # bytes; above it word counts stay sparse and are made dense a batch at a time


def as_tensor(matrix: np.ndarray | scipy.sparse.csr_matrix, device: torch.device) -> torch.Tensor:
    """Return a dense float32 tensor on the device, from a dense or sparse matrix."""
    dense = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    return torch.from_numpy(np.ascontiguousarray(dense, dtype=np.float32)).to(device)


class Items:
    """A matrix of items from which batches are taken as dense tensors on the device.

    Parameters
    ----------
    matrix : ndarray or CSR matrix, shape [n_items, n_features], float32
    device : torch.device
    """

    def __init__(self, matrix: np.ndarray | scipy.sparse.csr_matrix, device: torch.device) -> None:
        self.device = device
        self.shape = matrix.shape
        self._sparse = scipy.sparse.issparse(matrix) and 4 * np.prod(self.shape) > DENSE_LIMIT
        self._matrix = matrix.tocsr() if self._sparse else as_tensor(matrix, device)  # type: ignore[union-attr]

    @classmethod
    def resident(cls, tensor: torch.Tensor) -> "Items":
        """Items that are already a tensor on their device."""
        items = cls.__new__(cls)
        items.device, items.shape = tensor.device, tuple(tensor.shape)
        items._sparse, items._matrix = False, tensor
        return items

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, index: torch.Tensor) -> torch.Tensor:
        """Return the items at `index`, shape [n, n_features]."""
        if self._sparse:
            return as_tensor(self._matrix[index.numpy()], self.device)
        return self._matrix[index.to(self.device)]

    def blocks(self, size: int) -> Iterator[torch.Tensor]:
        """Go through all items in order, `size` at a time."""
        for start in range(0, len(self), size):
            if self._sparse:
                yield as_tensor(self._matrix[start : start + size], self.device)
            else:
                yield self._matrix[start : start + size]
