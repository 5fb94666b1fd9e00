"""Codes by optimisation: what a decoder can reconstruct, whatever the encoder finds."""

import numpy as np
import torch

from aebench.models.network import Network
from aebench.training import losses
from aebench.training.device import denormals_flushed, products_in
from aebench.training.items import as_tensor

BLOCK = 10_000  # items at a time
STEPS = 100


def optimised(
    network: Network, loss: str, codes: np.ndarray, targets: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Minimise each item's loss over its code, the decoder fixed, by Adam with a cosine decay.

    Without it, a method whose codes come from an encoder is charged for the encoder: the
    amortisation gap of Cremer, Li & Duvenaud (2018). An item keeps its code where none better is
    found.

    Parameters
    ----------
    network : Network
    loss : str
        As of AutoEncoder.
    codes : ndarray, shape [n_items, code_size]
        Where to start.
    targets : ndarray or CSR matrix, shape [n_items, n_features]
    spread : ndarray, shape [code_size]
        Standard deviations of the code, the scale of the steps whatever the items.

    Returns
    -------
    ndarray, float32, shape [n_items, code_size]
    """
    decoder, device = network.decoder, next(network.parameters()).device
    of = losses.make(loss, network.output)
    # A tenth of a unit's own spread a step, at first.
    rate = 0.1 * as_tensor(spread, device).clamp_min(1e-3)
    found = np.empty_like(codes)
    with denormals_flushed(), products_in("highest"):
        for start in range(0, len(codes), BLOCK):
            part = slice(start, start + BLOCK)
            first, target = as_tensor(codes[part], device), as_tensor(targets[part], device)
            # In units of the rate, so that one learning rate suits every unit.
            z = (first / rate).requires_grad_()
            optimiser = torch.optim.Adam([z], lr=1.0, betas=(0.9, 0.99))
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
            for _ in range(STEPS):
                total = of(decoder(z * rate), target).sum()
                (z.grad,) = torch.autograd.grad(total, [z])
                optimiser.step()
                schedule.step()
            last = z.detach() * rate
            with torch.no_grad():
                better = of(decoder(last), target) < of(decoder(first), target)
            found[part] = torch.where(better[:, None], last, first).cpu().numpy()
    return found
