"""What lectures say of autoencoders: words, sources, guarding tests, and code to try it with."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """The fixed part of a statement.

    `tests` name those that fail when the statement stops to hold of this code; `code` shows it in
    a few lines, in which numpy is `np`.
    """

    name: str
    title: str
    words: str
    source: str
    figure: str
    tests: tuple[str, ...]
    code: str


THEORY = "tests/models/test_theory.py"
PENALTIES = "tests/training/test_penalties.py"
FITTING = "tests/models/test_fitting.py"

TEXTS = (
    Text(
        "undercomplete",
        "An undercomplete code beats PCA of the same size",
        "A code with fewer units than there are inputs must choose what to keep. PCA keeps a flat "
        "subspace; an autoencoder with hidden layers may bend it along the data, and so leaves "
        "less error at an equal code size.",
        "Hinton & Salakhutdinov, Science 313:504, 2006",
        "lecture-undercomplete",
        (f"{THEORY}::test_a_code_of_one_unit_follows_a_curve_where_pca_has_a_line",),
        """from aebench import datasets
from aebench.models import AutoEncoder

mnist = datasets.prepare("mnist")
model = AutoEncoder(code_size=30, epochs=5).fit(mnist.train)
back = model.inverse_transform(model.transform(mnist.test))
print(((back - mnist.test) ** 2).sum(1).mean())  # PCA: 13.87""",
    ),
    Text(
        "subspace",
        "A linear decoder with squared error learns PCA's subspace",
        "Without nonlinearities the least squared error is that of PCA, and only its subspace "
        "reaches it: the largest principal angle between the two spaces goes to 0. Which axes "
        "span the space does not matter to the error, so the units are not PCA's axes.",
        "Bourlard & Kamp, Biological Cybernetics 59:291, 1988; Baldi & Hornik, Neural Networks "
        "2:53, 1989",
        "lecture-subspace",
        (
            f"{THEORY}::test_without_l2_the_subspace_is_found_and_not_its_axes",
            "tests/models/test_autoencoder.py::test_a_linear_autoencoder_finds_the_subspace_of_pca",
        ),
        """from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from aebench.models import AutoEncoder

X = np.random.default_rng(0).normal(size=(500, 10)) * np.geomspace(3, 0.1, 10)
how = {"optimizer": "conjugate_gradients", "batch_size": 500, "line_searches": 20}
model = AutoEncoder(code_size=3, hidden=(), epochs=10, random_state=0, **how).fit(X)
decoder = model.network_.decoder[0].weight.detach().numpy()
print(np.degrees(subspace_angles(decoder, PCA(3).fit(X).components_.T)))""",
    ),
    Text(
        "sparsity",
        "KL drives the mean activation to ρ, L1 only down",
        "A sparsity penalty asks each unit to be silent for most items. KL(ρ‖ρ̂) asks for a mean "
        "activation ρ and has the gradient below. L1, often named beside it, has no ρ and only "
        "asks for less.",
        "Ng, Sparse autoencoder, CS294A lecture notes, 2011",
        "lecture-sparsity",
        (
            f"{PENALTIES}::test_the_gradient_of_kl_is_the_formula",
            f"{THEORY}::test_kl_reaches_the_asked_mean_activation",
            f"{THEORY}::test_l1_shrinks_the_code_the_more_the_heavier_it_weighs",
        ),
        """from sklearn.datasets import load_digits
from aebench.models import AutoEncoder

X = load_digits().data / 16
sparse = {"code": "sigmoid", "penalties": {"kl": 3.0}, "sparsity": 0.05}
model = AutoEncoder(100, (), loss="cross_entropy", batch_size=100, learning_rate=0.01, **sparse)
print(model.fit_transform(X).mean())""",
    ),
    Text(
        "denoising",
        "A denoiser's reconstruction minus input points to the data",
        "An autoencoder that must undo noise of variance σ² learns where the data are: off their "
        "manifold the difference between reconstruction and input leads back to it, up the density "
        "of the data.",
        "Vincent et al., JMLR 11:3371, 2010; Alain & Bengio, JMLR 15:3743, 2014",
        "vector-field",
        (f"{THEORY}::test_the_residual_of_a_denoiser_points_to_the_manifold",),
        """from aebench.models import AutoEncoder

angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 2000)
circle = np.c_[np.cos(angle), np.sin(angle)]
noisy = {"corruption": "gaussian", "corruption_level": 0.3}
model = AutoEncoder(50, (50,), activation="relu", batch_size=100, learning_rate=0.01, **noisy)
model.fit(circle)
outside = np.array([[1.4, 0.0], [0.0, 1.4]])
print(model.inverse_transform(model.transform(outside)) - outside)  # towards the circle""",
    ),
    Text(
        "contraction",
        "The contractive penalty is the squared norm of the encoder's Jacobian",
        "It asks the code to change little when the input does. For one layer of logistic units "
        "the squared Frobenius norm has a closed form, which costs no more than the encoder.",
        "Rifai et al., ICML 2011",
        "lecture-contraction",
        (
            f"{PENALTIES}::test_the_closed_form_of_one_layer_is_the_norm_of_the_jacobian",
            f"{PENALTIES}::test_deeper_encoders_have_the_norm_of_finite_differences",
        ),
        """from sklearn.datasets import load_digits
from aebench.models import AutoEncoder

X = load_digits().data / 16
for weight in (0.0, 1.0):
    model = AutoEncoder(50, (), code="sigmoid", penalties={"contractive": weight}).fit(X)
    h, W = model.transform(X), model.network_.encoder[0].weight.detach().numpy()
    print(weight, ((h * (1 - h)) ** 2 @ (W**2).sum(1)).mean())""",
    ),
    Text(
        "overcomplete",
        "An overcomplete code without a penalty learns the identity, and a poor feature",
        "With more units than inputs nothing forces the network to choose: it could copy, and a "
        "copy says no more about the classes than the pixels do. Penalties, noise or sparsity are "
        "to prevent that.",
        "Vincent et al., JMLR 11:3371, 2010; Rifai et al., ICML 2011",
        "lecture-overcomplete",
        (f"{THEORY}::test_an_overcomplete_code_reconstructs_well_and_is_worse_features",),
        """from sklearn.datasets import load_digits
from aebench.models import AutoEncoder

X = load_digits().data / 16
noise = np.random.default_rng(0).uniform(size=(500, 64))
how = {"code": "sigmoid", "loss": "cross_entropy", "batch_size": 100, "learning_rate": 0.01}
model = AutoEncoder(200, (), **how).fit(X)
for items in (X, noise):  # a copy would do well on both
    rest = items - model.inverse_transform(model.transform(items))
    print((rest**2).sum() / ((items - items.mean(0)) ** 2).sum())""",
    ),
    Text(
        "pretraining",
        "Deep autoencoders: layer by layer first, then all together",
        "Greedy pretraining trains each layer on the codes of the one below; fine-tuning then "
        "trains the unrolled network end to end. It was the way to train deep autoencoders in "
        "2006, when random weights left them near the mean image.",
        "Hinton & Salakhutdinov, Science 313:504, 2006; Bengio et al., NIPS 2007",
        "lecture-pretraining",
        (
            f"{FITTING}::test_layers_are_trained_one_by_one_on_what_those_below_give",
            f"{FITTING}::test_fine_tuning_starts_where_pretraining_ended",
            f"{FITTING}::test_pretraining_leaves_a_better_start_than_random_weights",
        ),
        """from aebench import datasets
from aebench.models import AutoEncoder

mnist = datasets.prepare("mnist")
greedy = {"pretraining": "rbm", "pretraining_epochs": 5, "activation": "sigmoid"}
model = AutoEncoder(30, loss="cross_entropy", epochs=5, verbose=True, **greedy).fit(mnist.train)
print({row.metric for row in model.history_})""",
    ),
    Text(
        "unseen",
        "An autoencoder reconstructs only data like its training data",
        "What it keeps is what its training data have in common. Of images of another kind it "
        "draws something of its own kind, so that a large error tells that an item is foreign.",
        "said of autoencoders in lectures; measured here as in outlier detection",
        "lecture-unseen",
        (f"{THEORY}::test_only_data_like_the_training_data_are_reconstructed",),
        """from sklearn.datasets import load_digits
from aebench.models import AutoEncoder

X = load_digits().data / 16
shuffled = X[:, np.random.default_rng(0).permutation(64)]  # the same pixels elsewhere
model = AutoEncoder(10, (50,), batch_size=100, learning_rate=0.01).fit(X)
for items in (X, shuffled):
    rest = items - model.inverse_transform(model.transform(items))
    print((rest**2).sum() / ((items - items.mean(0)) ** 2).sum())""",
    ),
    Text(
        "compression",
        "Random data cannot be compressed",
        "A small code works where inputs depend on each other. Of n independent inputs of equal "
        "variance k linear units save k in n and no more; data of as many inputs that depend on a "
        "few factors fit into a few units.",
        "Ng, Sparse autoencoder, CS294A lecture notes, 2011",
        "lecture-compression",
        (f"{THEORY}::test_random_data_cannot_be_compressed",),
        """from aebench.models import AutoEncoder

noise = np.random.default_rng(0).normal(size=(2000, 20))
copies = np.hstack([noise[:, :10]] * 2)
for items in (noise, copies):
    X, new = items[:1500], items[1500:]
    model = AutoEncoder(10, (), batch_size=100, learning_rate=0.01).fit(X)
    rest = new - model.inverse_transform(model.transform(new))
    print((rest**2).sum() / ((new - new.mean(0)) ** 2).sum())""",
    ),
    Text(
        "bottleneck",
        "A bottleneck of 50 for 100 inputs must drop something",
        "No continuous code of 50 numbers tells all points of a 100-dimensional space apart "
        "(Brouwer's invariance of dimension), so that something is lost of independent inputs. A "
        "linear code loses half of the variance at least.",
        "Ng, Sparse autoencoder, CS294A lecture notes, 2011, with 50 units for 10 by 10 pixels",
        "lecture-bottleneck",
        (f"{THEORY}::test_fifty_units_drop_half_of_a_hundred_independent_inputs",),
        """from aebench.models import AutoEncoder

X, new = np.split(np.random.default_rng(0).normal(size=(3000, 100)), [2000])
model = AutoEncoder(50, (), batch_size=200, learning_rate=0.01).fit(X)
rest = new - model.inverse_transform(model.transform(new))
print((rest**2).sum() / ((new - new.mean(0)) ** 2).sum())  # hardly below 1 - 50 / 100""",
    ),
)
