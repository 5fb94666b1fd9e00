"""Small experiments on made-up data: what they write, at sizes that cost next to nothing."""

import re
from itertools import product

import numpy as np
import pytest

from aebench.stages import toys

TINY = toys.Scale(seeds=(0, 1), items=200, epochs=0.1)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("toys") / "toys.npz"
    toys.run(path, TINY)
    return path


@pytest.fixture(scope="module")
def arrays(written):
    with np.load(written, allow_pickle=False) as found:
        return dict(found)


def test_two_runs_give_the_same_bytes(written, tmp_path):
    toys.run(tmp_path / "again.npz", TINY)
    assert (tmp_path / "again.npz").read_bytes() == written.read_bytes()


def test_every_array_is_described_and_finite(arrays):
    assert set(arrays) == described(toys.__doc__)
    for name, values in arrays.items():
        assert np.isfinite(values).all(), name


def described(text):
    """Names in the indented lines before what is said of them: `a_{b,c} [shape]` are two."""
    heads = re.findall(r"^    (\S.*?)(?:  |$)", text, flags=re.MULTILINE)
    names = re.findall(r"(?:\w|\{[^}]*\})+", re.sub(r"\[[^]]*\]", "", " ".join(heads)))
    parts = [[part.split(",") for part in re.split(r"[{}]", name)] for name in names]
    return {"".join(choice) for each in parts for choice in product(*each)}


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("denoiser_field", (625, 2)),
        ("denoiser_cosine", (2,)),
        ("compression_random_pca", (2, len(toys.SIZES))),
        ("bottleneck_linear", (2,)),
        ("linear_axes", (2,)),
        ("sparsity_kl", (2, len(toys.KL_WEIGHTS), len(toys.RHO))),
        ("sparsity_l1", (2, len(toys.L1_WEIGHTS))),
        ("contraction_norm", (2, len(toys.CONTRACTIVE_WEIGHTS))),
    ],
)
def test_shapes(arrays, name, shape):
    assert arrays[name].shape == shape


def test_seeds_differ(arrays):
    for name in ("denoiser_cosine", "compression_random_pca", "sparsity_l1", "contraction_norm"):
        assert not np.array_equal(*arrays[name]), name


def test_formulas_agree_with_differentiation(arrays):
    """Whatever the scale: these are identities."""
    for name in ("kl_value", "kl_gradient", "contractive"):
        np.testing.assert_allclose(
            arrays[f"{name}_formula"], arrays[f"{name}_autograd"], rtol=1e-5, atol=1e-12
        )


def test_angles_are_followed_from_the_start(arrays):
    assert arrays["linear_epochs"][0] == 0
    assert arrays["linear_angle"].shape == (2, len(arrays["linear_epochs"]))
    assert ((arrays["linear_angle"] >= 0) & (arrays["linear_angle"] <= 90)).all()


def test_structured_inputs_have_the_variance_of_independent_ones():
    for make in (toys.structured, toys.independent):
        X = make(4000, 0)
        assert X.shape == (4000, toys.INPUTS)
        np.testing.assert_allclose(X.var(0).mean(), 1, atol=0.02)
    assert np.linalg.matrix_rank(toys.independent(4000, 0)) == toys.INPUTS


def test_bars_are_images_of_whole_bars():
    images = toys.bars(500, 0).reshape(-1, 8, 8)
    assert set(np.unique(images)) == {0.0, 1.0}
    rows, columns = images.all(2), images.all(1)
    drawn = rows[:, :, None] | columns[:, None, :]
    np.testing.assert_array_equal(images, drawn)
    assert 0.05 < rows.mean() < 0.2


def test_axes_that_are_principal_ones_are_at_no_angle():
    components = np.eye(4)[:2]
    assert toys._from_axes(components, components.T * [2, -3]) == 0
    turned = np.array([[1.0, 1.0, 0, 0], [1, -1, 0, 0]]).T
    assert toys._from_axes(components, turned) == pytest.approx(45)
