"""The training items, resident on the device, taken by index."""

from collections.abc import Iterator

import numpy as np
import scipy.sparse
import torch

DENSE_LIMIT = {"cpu": 2**30, "cuda": 2**33}
"""Bytes; above it word counts stay sparse and are made dense a batch at a time."""

BLOCK = 10_000  # items moved to the device at a time, so that no second dense copy exists


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

    Attributes
    ----------
    shape : tuple of int
        (n_items, n_features).
    """

    def __init__(self, matrix: np.ndarray | scipy.sparse.csr_matrix, device: torch.device) -> None:
        self.device = device
        self.shape = matrix.shape
        self._sparse: scipy.sparse.csr_matrix | None = None
        if not scipy.sparse.issparse(matrix):
            self._dense = as_tensor(matrix, device)
        elif 4 * np.prod(self.shape) > DENSE_LIMIT[device.type]:
            self._sparse = matrix.tocsr()  # type: ignore[union-attr]
        else:
            self._dense = torch.empty(self.shape, device=device)
            for start in range(0, len(self), BLOCK):
                block = matrix[start : start + BLOCK]
                self._dense[start : start + BLOCK] = as_tensor(block, device)

    @classmethod
    def resident(cls, tensor: torch.Tensor) -> "Items":
        """Items that are a tensor on their device already.

        Parameters
        ----------
        tensor : shape [n_items, n_features], or [n_seeds, n_items, n_features]
            With a leading dimension, each seed takes its batches from items of its own.
        """
        items = cls.__new__(cls)
        items.device, items.shape = tensor.device, tuple(tensor.shape[-2:])
        items._sparse, items._dense = None, tensor
        return items

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, index: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the items at `index`.

        Parameters
        ----------
        index : tensor of int64, shape [n_seeds, n]
            On the device of the items, or on the CPU.
        out : tensor, shape [n_seeds, n, n_features], optional
            Where to write them.

        Returns
        -------
        tensor, shape [n_seeds, n, n_features]
        """
        if self._sparse is not None:
            rows = as_tensor(self._sparse[index.flatten().cpu().numpy()], self.device)
            batch = rows.view(*index.shape, -1)
            return batch if out is None else out.copy_(batch)
        index = index.to(self.device)
        if self._dense.ndim == 3:
            first = torch.arange(len(index), device=self.device) * len(self)
            index = index + first[:, None]
        if out is None:
            out = torch.empty((*index.shape, self.shape[1]), device=self.device)
        rows = self._dense.view(-1, self.shape[1])
        torch.index_select(rows, 0, index.flatten(), out=out.view(-1, self.shape[1]))
        return out

    def blocks(self, size: int = BLOCK) -> Iterator[torch.Tensor]:
        """Go through all items in order, `size` at a time: [.., size, n_features]."""
        for start in range(0, len(self), size):
            if self._sparse is not None:
                yield as_tensor(self._sparse[start : start + size], self.device)
            else:
                yield self._dense[..., start : start + size, :]

    def mean(self) -> torch.Tensor:
        """Mean of the items, shape [n_features]."""
        return torch.stack([block.sum(0) for block in self.blocks()]).sum(0) / len(self)
