"""How much an encoder leaves to be found: its codes beside the best ones for the same decoder."""

import numpy as np

from aebench.metrics.measured import Measured, Model, measured
from aebench.metrics.reconstruction import Decoded, headline
from aebench.metrics.sampling import Matrix


def amortisation_scores(
    model: Model, X: Matrix, kind: str, codes: np.ndarray, spread: np.ndarray
) -> Measured:
    """Reconstruct from the encoder's codes and from codes optimised by gradient.

    The amortisation gap of Cremer, Li & Duvenaud (2018, "Inference suboptimality in variational
    autoencoders", ICML), here of the reconstruction. Of PCA under squared error it is 0 by
    construction, since its codes are the least-squares ones.

    Parameters
    ----------
    model : Model
        Networks have `optimised_codes(X, Z, spread)`, which minimises the loss they were trained
        with. Where that is not the error measured here, single items may get worse.
    X : ndarray or CSR matrix [n, n_features]
        Items, a sample will do.
    kind : {"images", "documents"}
    codes : ndarray [n, code_size]
        What the encoder makes of them; where to start.
    spread : ndarray [code_size]
        Standard deviations of the codes of training items: the scale of the steps.

    Returns
    -------
    Measured
        `squared_error_optimised_codes` of images, `perplexity_optimised_codes` of documents, and
        `amortisation_gap`, the encoder's less that, on the same items. Nothing for models that
        cannot optimise codes, and for bits, which have no gradient.
    """
    optimise = getattr(model, "optimised_codes", None)
    if optimise is None or codes.dtype == np.uint8:
        return measured()
    (of_encoder,) = headline(X, Decoded(model, codes, X.shape[1]), kind).values()
    best = Decoded(model, optimise(X, codes, spread), X.shape[1])
    scores = headline(X, best, kind, "_optimised_codes")
    (of_optimised,) = scores.values()
    return measured(scores | {"amortisation_gap": of_encoder - of_optimised})
