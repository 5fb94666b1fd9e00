"""What fitted autoencoders do, as the papers say they do."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from scipy.spatial import cKDTree
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from aebench.models import AutoEncoder
from aebench.training.perturbation import shifted


@pytest.fixture(scope="module")
def digits():
    """1,797 images of 8 x 8 pixels in [0, 1] in an order of chance, and their labels."""
    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.data))
    return (bunch.data[order] / 16).astype(np.float32), bunch.target[order]


def fit(X, **parameters):
    defaults = {"hidden": (), "device": "cpu", "random_state": 0, "learning_rate": 0.01}
    return AutoEncoder(**{**defaults, **parameters}).fit(X)


def squared_error(model, X):
    return ((model.inverse_transform(model.transform(X)) - X) ** 2).sum(1).mean()


# ------------------------------------------------------------------------- PCA


@pytest.fixture(scope="module")
def ellipsoid():
    """Items whose spread falls from axis to axis, away from the origin."""
    random = np.random.default_rng(0)
    Q, _ = np.linalg.qr(random.normal(size=(10, 10)))
    scales = np.array([6, 3, 1.5, 0.5, 0.4, 0.3, 0.2, 0.2, 0.1, 0.1])
    return (random.normal(size=(300, 10)) * scales @ Q + 1).astype(np.float32)


SEARCHED = {"optimizer": "conjugate_gradients", "batch_size": 300, "line_searches": 20}


def singular_axes(model, X):
    """Cosines of the decoder's singular vectors with the principal axes, and more.

    Also the singular values, the spread along the axes and the angle between the subspaces.
    """
    pca = PCA(3).fit(X)
    decoder = model.network_.decoder[0].weight.detach().numpy()
    vectors, values, _ = np.linalg.svd(decoder, full_matrices=False)
    spread = (X - X.mean(0)) @ pca.components_.T
    angle = np.degrees(subspace_angles(decoder, pca.components_.T)).max()
    return np.abs(vectors.T @ pca.components_.T), values, spread.var(0), angle


def test_with_l2_the_decoders_singular_vectors_are_the_principal_axes(ellipsoid):
    """Kunin et al. (2019): encoder and decoder become each other's transpose.

    Their squared singular values are 1 - weight / variance. The code itself may still be rotated.
    """
    model = fit(ellipsoid, code_size=3, epochs=10, penalties={"l2": 0.5}, **SEARCHED)
    cosines, values, variances, angle = singular_axes(model, ellipsoid)
    assert angle < 1
    assert (np.diag(cosines) > 0.999).all()
    np.testing.assert_allclose(values**2, 1 - 0.5 / variances, rtol=0.01)
    encoder, decoder = model.network_.encoder[0].weight, model.network_.decoder[0].weight
    torch.testing.assert_close(encoder.detach(), decoder.detach().T, atol=0.02, rtol=0)


def test_without_l2_the_subspace_is_found_and_not_its_axes(ellipsoid):
    """Bourlard & Kamp (1988)."""
    model = fit(ellipsoid, code_size=3, epochs=10, **SEARCHED)
    cosines, *_, angle = singular_axes(model, ellipsoid)
    assert angle < 1
    assert cosines.max(0).min() < 0.99


# -------------------------------------------------------- what cannot be compressed


@pytest.mark.parametrize("hidden", [(), (50,)], ids=["linear", "deep"])
def test_random_data_cannot_be_compressed(hidden):
    """A code of 10 drops half of the variance of 20 independent inputs; of 10 and copies, none."""
    random = np.random.default_rng(0).normal(size=(1500, 20)).astype(np.float32)
    copied = np.hstack([random[:, :10]] * 2)
    lost = []
    for X in (random, copied):
        model = fit(X[:1000], hidden=hidden, code_size=10, epochs=20, batch_size=50)
        lost.append(squared_error(model, X[1000:]) / X[1000:].var(0).sum())
    assert lost[0] > 0.48
    assert lost[1] < 0.05


def test_fifty_units_drop_half_of_a_hundred_independent_inputs():
    """Ng (2011): nothing linear can do better, and a linear autoencoder comes close."""
    X = np.random.default_rng(0).normal(size=(3000, 100)).astype(np.float32)
    model = fit(X[:2000], code_size=50, epochs=25, batch_size=200)
    lost = squared_error(model, X[2000:]) / X[2000:].var(0).sum()
    assert lost == pytest.approx(0.5, abs=0.02)


def test_a_code_of_one_unit_follows_a_curve_where_pca_has_a_line():
    """Hinton & Salakhutdinov (2006): at equal code size, where the data are curved."""
    angle = np.random.default_rng(0).uniform(0, 1.5 * np.pi, 2000)
    X = np.c_[np.cos(angle), np.sin(angle), 0.5 * np.cos(2 * angle)].astype(np.float32)
    model = fit(X[:1500], hidden=(50, 20), code_size=1, epochs=40, batch_size=100)
    pca = PCA(1).fit(X[:1500])
    assert squared_error(model, X[1500:]) < 0.2 * squared_error(pca, X[1500:])
    linear = fit(X[:1500], code_size=1, epochs=40, batch_size=100)
    assert squared_error(linear, X[1500:]) > 0.98 * squared_error(pca, X[1500:])


def test_only_data_like_the_training_data_are_reconstructed(digits):
    """The same images with their pixels shuffled have the same values, and are not drawn."""
    X, _ = digits
    shuffled = X[1200:, np.random.default_rng(0).permutation(X.shape[1])]
    model = fit(X[:1200], hidden=(50,), code_size=10, epochs=20, batch_size=50)
    own, other = (squared_error(model, items) for items in (X[1200:], shuffled))
    assert other > 3 * own
    mean = ((shuffled - X[:1200].mean(0)) ** 2).sum(1).mean()
    assert other > 0.6 * mean


# -------------------------------------------------------------------- sparsity

WIDE = {"code_size": 100, "loss": "cross_entropy", "batch_size": 100}


@pytest.mark.parametrize("sparsity", [0.05, 0.2])
def test_kl_reaches_the_asked_mean_activation(digits, sparsity):
    X, _ = digits
    sparse = {"code": "sigmoid", "penalties": {"kl": 3.0}, "sparsity": sparsity}
    before = fit(X, epochs=0, **WIDE, **sparse).transform(X)
    assert before.mean() > 2 * sparsity
    codes = fit(X, epochs=12, **WIDE, **sparse).transform(X)
    assert codes.mean() == pytest.approx(sparsity, rel=0.2)


def test_k_sparse_codes_have_exactly_k_active_units(digits):
    X, _ = digits
    codes = fit(X, epochs=3, **WIDE, code="k-sparse", sparsity=0.1).transform(X)
    assert ((codes != 0).sum(1) == 10).all()


def test_l1_shrinks_the_code_the_more_the_heavier_it_weighs(digits):
    X, _ = digits
    means = [
        fit(X, epochs=6, **WIDE, code="relu", penalties={"l1": weight}).transform(X).mean()
        for weight in (0.0, 0.01, 0.03, 0.1)
    ]
    assert all(lighter > 1.2 * heavier for lighter, heavier in pairwise(means))


# ------------------------------------------------------------------- denoising


CURVES = {
    "circle": (0, lambda a: np.c_[np.cos(a), np.sin(a)], 0.3),
    "spiral": (np.pi, lambda a: np.c_[np.cos(a), np.sin(a)] * a[:, None] / (3 * np.pi), 0.1),
}


@pytest.mark.parametrize("name", CURVES)
def test_the_residual_of_a_denoiser_points_to_the_manifold(name):
    """Vincent et al. (2010), figure 2; without corruption it points anywhere."""
    start, curve, spread = CURVES[name]
    random = np.random.default_rng(0)
    X = curve(random.uniform(start, start + 2 * np.pi, 2000)).astype(np.float32)
    dense = curve(np.linspace(start, start + 2 * np.pi, 5000))
    off = (X[:800] + random.normal(0, spread, (800, 2))).astype(np.float32)
    distance, nearest = cKDTree(dense).query(off)
    far = distance > spread / 2
    off, direction = off[far], (dense[nearest] - off)[far]

    def cosine(**parameters):
        hidden = {"hidden": (50,), "activation": "relu", "code_size": 50}
        model = fit(X, **hidden, epochs=20, batch_size=100, **parameters)
        residual = model.inverse_transform(model.transform(off)) - off
        lengths = np.linalg.norm(residual, axis=1) * np.linalg.norm(direction, axis=1)
        return ((residual * direction).sum(1) / lengths).mean()

    assert cosine(corruption="gaussian", corruption_level=spread) > 0.8
    assert cosine() < 0.5


# -------------------------------------------------- why an overcomplete code needs more


def test_an_overcomplete_code_reconstructs_well_and_is_worse_features(digits):
    """Beside a contractive one (Rifai et al. 2011), where the items to classify are noisy.

    On clean images of this size the two classify alike: the code of three times as many units as
    there are pixels keeps all that they say.
    """
    X, y = digits
    noisy = X[1200:] + np.random.default_rng(1).normal(0, 0.3, X[1200:].shape).astype(np.float32)
    errors, accuracies = [], []
    for penalties in ({}, {"contractive": 0.1}):
        size = {"code_size": 200, "code": "sigmoid", "loss": "cross_entropy", "batch_size": 100}
        model = fit(X[:1200], **size, epochs=30, penalties=penalties)
        errors.append(squared_error(model, X[1200:]))
        probe = LogisticRegression(max_iter=200).fit(model.transform(X[:1200]), y[:1200])
        accuracies.append(probe.score(model.transform(noisy), y[1200:]))
    assert errors[0] < 0.7 * errors[1]
    assert accuracies[0] < accuracies[1] - 0.02


# -------------------------------------------------------------------- codebooks


def test_codebooks_do_not_collapse(digits):
    """Most entries are used on images that were not trained on, by every group."""
    X, _ = digits
    parameters = {"code": "quantised", "codebook_size": 32, "penalties": {"quantisation": 1.0}}
    model = fit(X[:1200], hidden=(50,), code_size=8, epochs=10, batch_size=50, **parameters)
    groups = model.transform(X[1200:]).reshape(-1, 4, 2)
    used = [len(np.unique(groups[:, group], axis=0)) / 32 for group in range(4)]
    assert min(used) > 0.5
    assert max(used) <= 1
    mean = ((X[1200:] - X[:1200].mean(0)) ** 2).sum(1).mean()
    assert squared_error(model, X[1200:]) < 0.5 * mean


# --------------------------------------------------------------------- capsules


def correlation(first, second):
    first, second = (x - x.mean(1, keepdims=True) for x in (first, second))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return ((first * second).sum(1) / lengths).mean()


def test_capsules_that_are_told_to_move_draw_the_moved_image(digits):
    """Hinton, Krizhevsky & Wang (2011): a position that is changed moves what is drawn."""
    X = np.pad(digits[0].reshape(-1, 8, 8), ((0, 0), (2, 2), (2, 2))).reshape(-1, 144)
    parts = {"layers": "capsules", "code": "pose", "furthest_shift": 2, "activation": "relu"}
    model = fit(
        X[:1500], hidden=(20,), code_size=30, **parts, epochs=10, batch_size=100, learning_rate=0.02
    )
    codes = model.transform(X[1500:])
    for dx, dy in [(2, 0), (-2, 0), (0, -2), (1, 2)]:
        moved = codes.copy()
        moved[:, 1::3] += dx
        moved[:, 2::3] += dy
        shift = torch.tensor([[[dx, dy]]]).expand(1, len(codes), 2)
        target = shifted(torch.from_numpy(X[None, 1500:]), shift, 2)[0].numpy()
        drawn = model.inverse_transform(moved)
        assert correlation(drawn, target) > correlation(drawn, X[1500:]) + 0.1
        assert correlation(drawn, target) > 0.6
